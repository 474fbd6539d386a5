// Answers about all nodes: the nodes of the inventory, the pods of the kubelets, and a caller's own name and rights.
// Nothing of a node that the caller may not read is in any of them.

import type { Action } from '../core/action.ts';
import type { Attributes, Requirement } from '../core/attributes.ts';
import type { Authorizer } from '../core/decision.ts';
import type { Identified, Located, Resolved } from '../core/exchange.ts';
import type { FleetQuery } from '../core/fleet.ts';
import type { Inventory, NodeEntry } from '../core/node.ts';
import type { NodeName } from '../core/names.ts';
import type { Clock } from '../core/ports.ts';
import type { Authorize, Readable } from './readable.ts';
import { Fault } from '../core/fault.ts';
import { toNodesDocument } from '../kubectl/nodes-view.ts';
import { renderPods } from '../kubectl/pods-view.ts';
import { at, field, list } from '../kubectl/untrusted.ts';
import { askAll, readable } from './readable.ts';
import { reviewAccess, toSelfReview } from './reviews.ts';

/** Pods in one answer; beyond it people are told to ask for less. */
const MAX_PODS = 20_000;

export interface FleetAnswer {
  readonly status?: number;
  readonly contentType: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface FleetPorts {
  readonly clock: Clock;
  readonly inventory: () => Inventory;
  readonly authorizer: Authorizer;
  readonly authorize: Authorize;
  readonly toRequirement: (action: Action, node: NodeName | '') => Requirement;
  /** The node's PodList, unchecked. */
  readonly pods: (located: Located, signal: AbortSignal) => Promise<unknown>;
}

/** Rejects with a Fault. */
export function createFleetAnswer(ports: FleetPorts) {
  return async (asked: Identified, query: FleetQuery): Promise<FleetAnswer> => {
    switch (query.kind) {
      case 'nodes': {
        const nodes = await readable(ports.authorize, toNodes(ports, query.name), (entry) =>
          toResolved(
            asked,
            entry,
            { kind: 'healthz', verbose: false, exclude: [] },
            toNodeRequirement(entry?.name ?? ''),
          ),
        );
        return json(
          toNodesDocument(
            nodes.map(({ entry }) => entry),
            query.view,
            query.name,
          ),
        );
      }
      case 'pods':
        return podsOf(ports, asked, query.view);
      case 'accessReview':
        return json(await reviewAccess(ports.authorizer, ports.toRequirement, asked), 201);
      case 'selfReview':
        return json(toSelfReview(asked.authentication.user), 201);
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
  const { answers, headers } = await askAll(ports, permitted, asked, async (node: Readable, signal) => {
    const podList = await ports.pods({ ...node.authorized, entry: node.entry }, signal);
    const items = field(podList, 'items');
    if (!(items === null || Array.isArray(items))) throw new Error('no list of pods');
    // Of a node only what it runs itself: the rest would be another node's pods in its words.
    const own = list(items).filter((pod) => at(pod, 'spec', 'nodeName') === node.entry.name);
    // What is not asked for is let go at once, and what cannot be shown is this node's fault alone.
    const { body } = renderPods({ items: own }, { ...view, as: 'Object' }, clock.now());
    const shown = list(field(JSON.parse(body), 'items'));
    total += shown.length;
    if (total > MAX_PODS) throw new Error('too many pods');
    return shown;
  });
  if (total > MAX_PODS) {
    throw new Fault('BadRequest', `more than ${MAX_PODS} pods: ask for a namespace, a node or a label`);
  }
  return { ...renderPods({ items: answers.flat() }, view, clock.now()), headers };
}

/** Without a name: all. Throws ServiceUnavailable while none is known. */
function toNodes({ inventory }: FleetPorts, name?: NodeName): readonly NodeEntry[] {
  const known = inventory();
  const problem = known.problem?.();
  if (problem !== undefined) throw new Fault('ServiceUnavailable', problem);
  return [...known.list()].filter((node) => name === undefined || node.name === name);
}

const toResolved = (
  asked: Identified,
  entry: NodeEntry | undefined,
  action: Action,
  requirement: Requirement,
): Resolved => ({
  ...asked,
  // Without an entry the right to all nodes is asked for; nothing is sent anywhere with it.
  node: entry?.name ?? ('' as NodeName),
  action,
  transport: { kind: 'http' },
  requirement,
  surface: 'kubectl',
});

/** Who may ask a node anything may see that it is there. */
const toNodeRequirement = (name: string): Requirement => {
  const get = (subresource: string): Attributes => ({
    verb: 'get',
    apiGroup: '',
    version: 'v1',
    resource: 'nodes',
    subresource,
    namespace: '',
    name,
  });
  return [get(''), get('proxy'), get('pods'), get('metrics'), get('stats')];
};

const json = (value: object, status = 200): FleetAnswer => ({
  status,
  contentType: 'application/json',
  body: `${JSON.stringify(value)}\n`,
});
