// What `kubectl get pods` is answered: the pods of the kubelets that the caller may read. Promises a bound on what one
// answer, and all that are being made, hold.

import type { Action, PodsView } from '../core/action.ts';
import type { ByteBudget } from '../core/byte-budget.ts';
import type { Identified } from '../core/exchange.ts';
import type { FleetAnswer, FleetPorts } from './ports.ts';
import { Fault } from '../core/fault.ts';
import { renderPods } from '../kubectl/pods-view.ts';
import { readOwnPods } from './own-pods.ts';
import { toNodes, toResolved } from './ports.ts';
import { askAll, readable } from './readable.ts';

/** Pods in one answer; beyond it people are told to ask for less. */
const MAX_PODS = 20_000;
/** Of one answer, as JSON. */
const MAX_CHARACTERS = 64 * 1024 * 1024;

/** Rejects with a Fault: also ServiceUnavailable while too many long lists are being made. */
export async function answerPods(
  ports: Pick<FleetPorts, 'clock' | 'inventory' | 'authorize' | 'toRequirement' | 'pods'>,
  budget: ByteBudget,
  asked: Identified,
  view: PodsView,
): Promise<FleetAnswer> {
  const onNode = view.fieldSelector.filter((term) => term.field === 'spec.nodeName' && term.operator === '=');
  const nodes = toNodes(ports).filter(({ name }) => onNode.every(({ value }) => value === name));
  const action: Action = { kind: 'pods', view };
  const permitted = await readable(ports.authorize, nodes, (entry) =>
    toResolved(asked, entry, action, ports.toRequirement(action, entry?.name ?? '')),
  );
  let total = 0;
  let held = 0;
  let refusal: Fault | undefined;
  try {
    const { answers, headers } = await askAll(ports, permitted, asked, async (node, signal) => {
      if (refusal !== undefined) throw refusal;
      const { pods, characters } = await readOwnPods(ports, node, view, signal);
      total += pods.length;
      if (total > MAX_PODS || held + characters > MAX_CHARACTERS) refusal ??= tooMany();
      else if (budget.take(characters)) held += characters;
      else refusal ??= tooBusy();
      if (refusal !== undefined) throw refusal;
      return pods;
    });
    if (refusal !== undefined) throw refusal;
    return { ...renderPods({ items: answers.flat() }, view, ports.clock.now()), headers };
  } finally {
    budget.give(held);
  }
}

const tooMany = (): Fault =>
  new Fault(
    'BadRequest',
    `more than ${MAX_PODS} pods, or 64 MB of them: ask for a namespace, a node or a label`,
  );

const tooBusy = (): Fault =>
  new Fault('ServiceUnavailable', 'too many long lists are being made at present: ask again', {
    headers: { 'retry-after': '5' },
  });
