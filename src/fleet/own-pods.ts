// The pods that a node runs itself, of those that are asked for.

import type { PodsView } from '../core/action.ts';
import type { Readable } from './readable.ts';
import type { FleetPorts } from './ports.ts';
import { renderPods } from '../kubectl/pods-view.ts';
import { at, field, list } from '../kubectl/untrusted.ts';

/** Rejects when the node answers with no list of pods. */
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
  return { pods: list(field(JSON.parse(body), 'items')), characters: body.length };
}
