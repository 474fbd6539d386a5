// The pods that a node runs itself, of those that are asked for.

import type { PodsView } from '../core/action.ts';
import type { Readable } from './readable.ts';
import type { FleetPorts } from './ports.ts';
import { Fault } from '../core/fault.ts';
import { renderPods } from '../kubectl/pods-view.ts';
import { at, field, list } from '../kubectl/untrusted.ts';

/** Of one node: more than that is not what a kubelet runs, and must not take all others' place. */
const MAX_PODS = 2_000;
const MAX_CHARACTERS = 8 * 1024 * 1024;

/** Rejects when the node answers with no list of pods, or with too much. */
export async function readOwnPods(
  { clock, pods }: Pick<FleetPorts, 'clock' | 'pods'>,
  { authorized, entry }: Readable,
  view: PodsView,
  signal: AbortSignal,
): Promise<{ readonly pods: readonly unknown[]; readonly characters: number }> {
  const podList = await pods({ ...authorized, entry }, signal);
  const items = field(podList, 'items');
  if (!(items === null || Array.isArray(items))) throw new Error('no list of pods');
  // Of a node only what it runs itself: the rest would be another node's pods in its words.
  const own = list(items).filter((pod) => at(pod, 'spec', 'nodeName') === entry.name);
  // What is not asked for is let go at once, and what cannot be shown is this node's fault alone.
  const { body } = renderPods({ items: own }, { ...view, as: 'Object' }, clock.now());
  if (body.length > MAX_CHARACTERS) throw new Fault('BadGateway', 'the node tells too much of its pods');
  const shown = list(field(JSON.parse(body), 'items'));
  if (shown.length > MAX_PODS) throw new Fault('BadGateway', 'the node tells of too many pods');
  return { pods: shown, characters: body.length };
}
