// Answers about all nodes: the nodes of the inventory, the pods of the kubelets, and a caller's own name and rights.
// Nothing of a node that the caller may not read is in any of them.

import type { Action } from '../core/action.ts';
import type { Identified } from '../core/exchange.ts';
import type { FleetQuery } from '../core/fleet.ts';
import type { FleetAnswer, FleetPorts } from './ports.ts';
import { Fault } from '../core/fault.ts';
import { renderPods } from '../kubectl/pods-view.ts';
import { answerNodes } from './nodes-answer.ts';
import { readOwnPods } from './own-pods.ts';
import { toJson, toNodes, toResolved } from './ports.ts';
import { askAll, readable } from './readable.ts';
import { reviewAccess, toSelfReview } from './reviews.ts';
import { answerNodeUsage, answerPodUsage } from './usage-answer.ts';

/** Pods in one answer; beyond it people are told to ask for less. */
const MAX_PODS = 20_000;

/** Rejects with a Fault. */
export function createFleetAnswer(ports: FleetPorts) {
  return async (asked: Identified, query: FleetQuery): Promise<FleetAnswer> => {
    switch (query.kind) {
      case 'nodes':
        return answerNodes(ports, asked, query);
      case 'pods':
        return podsOf(ports, asked, query.view);
      case 'nodeMetrics':
        return answerNodeUsage(ports, asked, query);
      case 'podMetrics':
        return answerPodUsage(ports, asked, query);
      case 'accessReview':
        return toJson(await reviewAccess(ports.authorizer, ports.toRequirement, asked), 201);
      case 'selfReview':
        return toJson(toSelfReview(asked.authentication.user), 201);
    }
  };
}

async function podsOf(
  ports: FleetPorts,
  asked: Identified,
  view: Extract<FleetQuery, { kind: 'pods' }>['view'],
): Promise<FleetAnswer> {
  const { clock } = ports;
  const onNode = view.fieldSelector.filter((term) => term.field === 'spec.nodeName' && term.operator === '=');
  const nodes = toNodes(ports).filter(({ name }) => onNode.every(({ value }) => value === name));
  const action: Action = { kind: 'pods', view };
  const permitted = await readable(ports.authorize, nodes, (entry) =>
    toResolved(asked, entry, action, ports.toRequirement(action, entry?.name ?? '')),
  );
  let total = 0;
  const { answers, headers } = await askAll(ports, permitted, asked, async (node, signal) => {
    const { pods } = await readOwnPods(ports, node, view, signal);
    total += pods.length;
    if (total > MAX_PODS) throw new Error('too many pods');
    return pods;
  });
  if (total > MAX_PODS) {
    throw new Fault('BadRequest', `more than ${MAX_PODS} pods: ask for a namespace, a node or a label`);
  }
  return { ...renderPods({ items: answers.flat() }, view, clock.now()), headers };
}
