// What a list of pods is: whose and of which, and which part of it a page is. Parts come node by node, so that no node is
// asked for more than two of them, however long the list is; within a part, pods are in their usual order.

import type { PodsView } from '../core/action.ts';
import type { Identified, Sought } from '../core/exchange.ts';
import type { NodeName } from '../core/names.ts';
import { isNamespace, isPodName } from '../core/names.ts';
import { toOrder } from '../kubectl/pods-view.ts';
import type { TracedPod } from './own-pods.ts';
import { toNameOf } from './own-pods.ts';
import { toConflict, toUnknown } from './pod-index.ts';
import type { Shown } from './positions.ts';

export interface PodsOfNode {
  readonly node: NodeName;
  readonly pods: readonly TracedPod[];
}

/** Where the next part begins. */
export interface Place {
  readonly node: NodeName;
  readonly after: string;
}

/** Text that is the same for the same user and the same list, in whichever form it is shown. */
export const toListText = (
  kind: 'pods' | 'nodes',
  { authentication: { user } }: Identified,
  {
    namespace,
    labelSelector,
    fieldSelector,
  }: Pick<PodsView, 'namespace' | 'labelSelector' | 'fieldSelector'>,
  within?: NodeName,
): string =>
  JSON.stringify([
    kind,
    user.name,
    user.uid,
    within ?? null,
    namespace ?? null,
    labelSelector,
    fieldSelector,
  ]);

/**
 * The first `limit` pods of `answers`, which are in the order of their nodes, that come after `after` on the first of
 * them. `unread`: the first node that was not asked.
 */
export function toPart(
  answers: readonly PodsOfNode[],
  unread: NodeName | undefined,
  { limit, maxCharacters }: { readonly limit: number; readonly maxCharacters: number },
): { readonly part: readonly PodsOfNode[]; readonly next?: Place } {
  const part: PodsOfNode[] = [];
  let left = limit;
  let characters = 0;
  for (const { node, pods } of answers) {
    const taken: TracedPod[] = [];
    for (const pod of pods) {
      characters += pod.characters;
      if (left === 0 || (characters > maxCharacters && left < limit)) {
        part.push({ node, pods: taken });
        return { part, next: { node, after: taken.at(-1)?.key ?? '' } };
      }
      taken.push(pod);
      left -= 1;
    }
    part.push({ node, pods: taken });
  }
  return unread === undefined ? { part } : { part, next: { node: unread, after: '' } };
}

/** By namespace and name, as an API server lists them. */
export const inOrder = (part: readonly PodsOfNode[]): readonly TracedPod[] =>
  part
    .flatMap(({ pods }) => pods)
    .map((traced) => ({ traced, order: toOrder(traced.pod) }))
    .sort((a, b) => (a.order < b.order ? -1 : a.order > b.order ? 1 : 0))
    .map(({ traced }) => traced);

/** The one pod that the view asks for: a list or watch of it alone. */
export function toPinned({
  namespace,
  fieldSelector,
}: Pick<PodsView, 'namespace' | 'fieldSelector'>): Sought['pod'] | undefined {
  const within = namespace ?? toPinnedValue(fieldSelector, 'metadata.namespace');
  const name = toPinnedValue(fieldSelector, 'metadata.name');
  if (within === undefined || name === undefined) return undefined;
  // What is no name is the name of no pod.
  return isNamespace(within) && isPodName(name) ? { namespace: within, name } : undefined;
}

const toPinnedValue = (fieldSelector: PodsView['fieldSelector'], wanted: string): string | undefined =>
  fieldSelector.find(({ field, operator }) => field === wanted && operator === '=')?.value;

/** Pods in a warning; there may be thousands. */
const MAX_CLAIMS = 5;

/**
 * For a list of several: which of the pods that it shows several nodes claim. They are shown as each of them tells. `before`: what
 * was shown of the list already.
 */
export function toClaimWarnings(part: readonly PodsOfNode[], before: Shown = new Map()): readonly string[] {
  const holders = new Map<string, string[]>();
  const add = (name: string, node: string): void => {
    const known = holders.get(name);
    if (known === undefined) holders.set(name, [node]);
    else if (!known.includes(node)) known.push(node);
  };
  for (const { node, pods } of part) for (const { pod } of pods) add(toOrder(pod), node);
  for (const [node, shown] of before) {
    for (const key of shown.keys()) {
      const name = toNameOf(key);
      if (holders.has(name)) add(name, node);
    }
  }
  const claimed = [...holders].filter(([, nodes]) => nodes.length > 1);
  if (claimed.length === 0) return [];
  const told = claimed
    .slice(0, MAX_CLAIMS)
    .map(([name, nodes]) => `${name} (${nodes.slice(0, MAX_CLAIMS).join(', ')})`);
  const more = claimed.length > MAX_CLAIMS ? ` and ${claimed.length - MAX_CLAIMS} more` : '';
  return [`claimed by several nodes, of which one at most is right: ${told.join(', ')}${more}`];
}

/** A pod that is asked for alone is one, and not what several nodes say it is. Throws Conflict. */
export function refuseClaims(view: PodsView, holders: readonly NodeName[]): void {
  const pod = toPinned(view);
  if (pod !== undefined && holders.length > 1) throw toConflict(pod, holders);
}

/** Of a pod that is asked for alone an empty list says that it is gone. Throws BadGateway. */
export function refuseSilence(view: PodsView, silent: number): void {
  const pod = toPinned(view);
  if (pod !== undefined && silent > 0) throw toUnknown(pod.name, silent);
}
