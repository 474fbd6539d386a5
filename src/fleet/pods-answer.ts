// What `kubectl get pods` is answered: the pods of the kubelets that the caller may read, whole or in parts. Promises a
// bound on what one answer, and all that are being made, hold.

import type { Action, PodsView } from '../core/action.ts';
import type { ByteBudget } from '../core/byte-budget.ts';
import type { Identified } from '../core/exchange.ts';
import type { NodeName } from '../core/names.ts';
import type { FleetAnswer, FleetPorts } from './ports.ts';
import type { PodsOfNode } from './pods-list.ts';
import type { Positions, Shown } from './positions.ts';
import type { Held, Readable } from './readable.ts';
import { Fault } from '../core/fault.ts';
import type { Continuation } from '../kubectl/continue-token.ts';
import { parseContinueToken, toContinueToken } from '../kubectl/continue-token.ts';
import { renderSelected } from '../kubectl/pods-view.ts';
import type { OnePod } from './one-pod.ts';
import { findOnePod } from './one-pod.ts';
import { readOwnPods } from './own-pods.ts';
import {
  inOrder,
  refuseClaims,
  refuseSilence,
  toClaimWarnings,
  toListText,
  toPart,
  toPinned,
} from './pods-list.ts';
import { toNodes, toResolved } from './ports.ts';
import { askAll, readableBy, withHeld, withWarnings } from './readable.ts';

/** Pods in one answer; beyond it people are told to ask for less, or for parts. */
const MAX_PODS = 20_000;
/** Of one answer, as JSON. */
const MAX_CHARACTERS = 64 * 1024 * 1024;

export interface ListPorts extends Pick<
  FleetPorts,
  'clock' | 'inventory' | 'authorize' | 'admit' | 'toRequirement' | 'pods' | 'places'
> {
  /** Of the lists that are being made, all together. */
  readonly budget: ByteBudget;
  readonly positions: Positions;
}

/** Rejects with a Fault: also ServiceUnavailable while too many long lists are being made, Conflict, Expired. */
export async function answerPods(ports: ListPorts, asked: Identified, view: PodsView): Promise<FleetAnswer> {
  const { clock, positions } = ports;
  const list = toListText('pods', asked, view);
  // A pod that is asked for alone comes whole: no page hides that another node claims it.
  const { limit, continuation } = (toPinned(view) === undefined ? view.page : undefined) ?? {};
  const from = continuation === undefined ? undefined : parseContinueToken(continuation, list, clock.now());
  const { permitted, held, one } = await toReadable(ports, asked, view, from);
  const isWhole = limit === undefined;
  const most = { limit: Math.min(limit ?? MAX_PODS, MAX_PODS), maxCharacters: MAX_CHARACTERS };
  const reading = new Reading(ports, view, from, isWhole, most);
  try {
    const { headers, silent, unread } = await askAll(
      ports,
      permitted,
      asked,
      (node, signal) => reading.read(node, signal),
      () => reading.isEnough(),
    );
    const answers = reading.answers(permitted);
    const { part, next } = toPart(answers, unread?.entry.name, most);
    refuseClaims(
      view,
      answers.filter(({ pods }) => pods.length > 0).map(({ node }) => node),
    );
    if (answers.every(({ pods }) => pods.length === 0)) {
      one.doubt();
      refuseSilence(view, silent.length);
    }
    const resourceVersion = from?.resourceVersion ?? positions.next();
    const before = from && positions.recall(list, resourceVersion);
    remember(positions, list, resourceVersion, from, part);
    const meta = {
      resourceVersion,
      ...(next === undefined
        ? {}
        : { continue: toContinueToken(list, clock.now(), { resourceVersion, ...next }) }),
    };
    const shown = inOrder(part).map(({ pod }) => pod);
    return {
      ...renderSelected(shown, view, clock.now(), meta),
      headers: withWarnings(withHeld(headers, held), toClaimWarnings(part, before)),
    };
  } finally {
    reading.release();
  }
}

async function toReadable(
  ports: ListPorts,
  asked: Identified,
  view: PodsView,
  from: Continuation | undefined,
): Promise<{ readonly permitted: readonly Readable[]; readonly held: Held; readonly one: OnePod }> {
  const action: Action = { kind: 'pods', view };
  const nodes = toListedNodes(ports, view).filter(({ name }) => from === undefined || name >= from.node);
  const rights = await readableBy(ports, nodes, (entry) =>
    toResolved(asked, entry, action, ports.toRequirement(action, entry?.name ?? '')),
  );
  // Only now: whoever may not read them learns nothing of where the pod is.
  const one = await findOnePod(() => ports.places, toPinned(view), rights);
  const permitted = rights.nodes.filter(({ entry }) => one.isFrom(entry.name));
  return { permitted, held: rights.held, one };
}

/** The nodes that a list of this view is about, in the order of their names. */
export function toListedNodes(ports: Pick<FleetPorts, 'inventory'>, { fieldSelector }: PodsView) {
  const onNode = fieldSelector.filter((term) => term.field === 'spec.nodeName' && term.operator === '=');
  return toNodes(ports)
    .filter(({ name }) => onNode.every(({ value }) => value === name))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** What has been read so far, and what of the budget it holds. */
class Reading {
  readonly #ports: ListPorts;
  readonly #view: PodsView;
  readonly #from: Continuation | undefined;
  readonly #isWhole: boolean;
  readonly #most: { readonly limit: number; readonly maxCharacters: number };
  readonly #found = new Map<NodeName, PodsOfNode>();
  #total = 0;
  #held = 0;
  #refusal: Fault | undefined;

  constructor(
    ports: ListPorts,
    view: PodsView,
    from: Continuation | undefined,
    isWhole: boolean,
    most: { readonly limit: number; readonly maxCharacters: number },
  ) {
    this.#ports = ports;
    this.#view = view;
    this.#from = from;
    this.#isWhole = isWhole;
    this.#most = most;
  }

  async read(node: Readable, signal: AbortSignal): Promise<true> {
    if (this.#refusal !== undefined) throw this.#refusal;
    const { name } = node.entry;
    const { pods, characters } = await readOwnPods(this.#ports, node, this.#view, signal);
    const wanted =
      name === this.#from?.node ? pods.filter(({ key }) => key > (this.#from?.after ?? '')) : pods;
    this.#total += wanted.length;
    const isTooMuch = this.#total > this.#most.limit || this.#held + characters > this.#most.maxCharacters;
    if (this.#isWhole && isTooMuch) this.#refusal ??= tooMany();
    else if (this.#ports.budget.take(characters)) this.#held += characters;
    else this.#refusal ??= tooBusy();
    if (this.#refusal !== undefined) throw this.#refusal;
    this.#found.set(name, { node: name, pods: wanted });
    return true;
  }

  /** More than goes into one part: no further node is begun with. */
  isEnough(): boolean {
    return !this.#isWhole && (this.#total > this.#most.limit || this.#held > this.#most.maxCharacters);
  }

  /** In the order of the nodes. Throws where it was too much. */
  answers(nodes: readonly Readable[]): readonly PodsOfNode[] {
    if (this.#refusal !== undefined) throw this.#refusal;
    return nodes.flatMap(({ entry }) => this.#found.get(entry.name) ?? []);
  }

  release(): void {
    this.#ports.budget.give(this.#held);
    this.#held = 0;
  }
}

/** What the client has been shown under this resourceVersion, the parts before this one included. */
export function remember(
  positions: Positions,
  list: string,
  resourceVersion: string,
  from: Continuation | undefined,
  part: readonly PodsOfNode[],
): void {
  const before = from === undefined ? NOTHING : positions.recall(list, resourceVersion);
  // Of a list whose beginning is forgotten no watch can begin.
  if (before === undefined) return;
  const shown = new Map(before);
  for (const [node, pods] of toShown(part)) shown.set(node, new Map([...(shown.get(node) ?? []), ...pods]));
  positions.keep(list, resourceVersion, shown);
}

const NOTHING: Shown = new Map();

export const toShown = (part: readonly PodsOfNode[]): Shown =>
  new Map(
    part.map(({ node, pods }) => [node, new Map(pods.map(({ key, fingerprint }) => [key, fingerprint]))]),
  );

const tooMany = (): Fault =>
  new Fault(
    'BadRequest',
    `more than ${MAX_PODS} pods, or 64 MB of them: ask for a namespace, a node or a label, or with a limit`,
  );

const tooBusy = (): Fault =>
  new Fault('ServiceUnavailable', 'too many long lists are being made at present: ask again', {
    headers: { 'retry-after': '5' },
  });
