// Answers of watches: who may watch what, asked as for the list, and for as long as the watch runs.

import type { Action, PodsView, WatchOptions } from '../core/action.ts';
import type { Requirement } from '../core/attributes.ts';
import type { Authorizable, Authorized, Identified, Resolved } from '../core/exchange.ts';
import type { FleetQuery } from '../core/fleet.ts';
import type { NodeName } from '../core/names.ts';
import type { NodeEntry } from '../core/node.ts';
import type { Clock } from '../core/ports.ts';
import { Fault } from '../core/fault.ts';
import type { OnePod } from './one-pod.ts';
import { findOnePod } from './one-pod.ts';
import { toListedNodes } from './pods-answer.ts';
import { toListText, toPinned } from './pods-list.ts';
import { startPodsWatch } from './pods-watch.ts';
import { startNodesWatch } from './nodes-watch.ts';
import { toResolved } from './ports.ts';
import { readableBy, refused } from './readable.ts';
import { describeNodes } from './nodes-answer.ts';
import type { WatchAnswer, Watches } from './watches.ts';

export interface FleetWatchPorts {
  readonly clock: Clock;
  readonly watches: Watches;
  readonly toRequirement: (action: Action, node: NodeName | '') => Requirement;
  /** Asks again for the right while `work` runs, and ends the exchange's lifetime when it is gone. */
  readonly during: (exchange: Authorizable, work: () => Promise<void>) => Promise<void>;
}

/** What a watch of the fleet, or of one node's pods, is answered. */
export interface FleetWatch {
  /** Undefined: the query is no watch. Rejects with a Fault. */
  ofFleet(asked: Identified, query: FleetQuery): Promise<WatchAnswer> | undefined;
  /** The pods of the one node that the server URL names. Undefined: the request is no watch. Throws a Fault. */
  ofNode(authorized: Authorized): WatchAnswer | undefined;
}

export const createFleetWatch = (ports: FleetWatchPorts): FleetWatch => ({
  ofFleet: (asked, query) => {
    if (query.kind === 'pods' && query.view.watch !== undefined)
      return watchPods(ports, asked, query.view, query.view.watch);
    if (query.kind === 'nodes' && query.watch !== undefined)
      return watchNodes(ports, asked, query, query.watch);
    return undefined;
  },
  ofNode: (authorized) => {
    const { action } = authorized;
    if (action.kind !== 'pods' || action.view?.watch === undefined) return undefined;
    return watchNodePods(ports, authorized, action.view, action.view.watch);
  },
});

type Watched<Kind extends FleetQuery['kind']> = Extract<FleetQuery, { kind: Kind }>;

/** The pods of all nodes that the caller may read. Rejects with a Fault. */
async function watchPods(
  ports: FleetWatchPorts,
  asked: Identified,
  view: PodsView,
  watch: WatchOptions,
): Promise<WatchAnswer> {
  const { watches, clock } = ports;
  const action: Action = { kind: 'pods', view };
  const on = (entry: NodeEntry | undefined): Resolved =>
    toResolved(asked, entry, action, ports.toRequirement(action, entry?.name ?? ''));
  const { nodes, everywhere } = await readableBy(
    {
      authorize: async (resolved) => watches.now().authorize(resolved),
      admit: (right) => watches.now().admit(right),
    },
    toListedNodes(watches.now(), view),
    on,
  );
  const one = await findOnePod(() => watches.now().places, toPinned(view), {
    nodes,
    ...(everywhere === undefined ? {} : { everywhere }),
  });
  const authorized = nodes.map((node) => node.authorized);
  const hold = createHold(ports, asked);
  const permit = async (name: NodeName): Promise<Authorized | undefined> => {
    const { inventory, again, admit } = watches.now();
    const entry = inventory().get(name);
    if (entry === undefined) return undefined;
    const found =
      everywhere === undefined
        ? await orRefused(async () => again(on(entry)))
        : { ...on(entry), grant: everywhere.grant };
    if (found === undefined || refused(admit, found) !== undefined) return undefined;
    if (everywhere === undefined) hold(found);
    return found;
  };
  const answer = watches.open({
    asked,
    list: toListText('pods', asked, view),
    watch,
    toBookmark: toBookmark('Pod', view.as),
    start: (events) =>
      startPodsWatch(
        { clock, feeds: watches.feeds, events },
        {
          ...{ view, watch, permit, one },
          nodes: authorized.filter(({ node }) => one.isFrom(node)),
          present: createPresent(watches, view, one),
        },
      ),
  });
  for (const right of everywhere === undefined ? authorized : [everywhere]) hold(right);
  return answer;
}

/** The pods of the one node that the server URL names, by the right that was given for it. Throws a Fault. */
function watchNodePods(
  { clock, watches }: Pick<FleetWatchPorts, 'clock' | 'watches'>,
  authorized: Authorized,
  view: PodsView,
  watch: WatchOptions,
): WatchAnswer {
  const { node } = authorized;
  return watches.open({
    asked: authorized,
    list: toListText('pods', authorized, view, node),
    watch,
    toBookmark: toBookmark('Pod', view.as),
    start: (events) =>
      startPodsWatch(
        { clock, feeds: watches.feeds, events },
        {
          view,
          watch,
          within: node,
          nodes: [authorized],
          present: () => (watches.now().inventory().get(node) === undefined ? [] : [node]),
          // A node that is back under its name is another one: the client asks anew.
          permit: () => Promise.resolve(undefined),
        },
      ),
  });
}

/** The nodes that the caller may know of. Rejects with a Fault. */
async function watchNodes(
  { clock, watches }: Pick<FleetWatchPorts, 'clock' | 'watches'>,
  asked: Identified,
  query: Watched<'nodes'>,
  watch: WatchOptions,
): Promise<WatchAnswer> {
  // Who may not is told so before the watch begins.
  await describeNodes({ clock, ...watches.now() }, asked, query, Infinity);
  return watches.open({
    asked,
    list: toListText('nodes', asked, query, query.within),
    watch,
    toBookmark: toBookmark('Node', query.view),
    start: (events) => startNodesWatch({ clock, now: () => watches.now() }, asked, query, events),
  });
}

/** The nodes of the moment; while nobody can say, those of before. */
function createPresent(watches: Watches, view: PodsView, { isFrom }: OnePod): () => readonly NodeName[] {
  let last: readonly NodeName[] = [];
  return () => {
    try {
      last = toListedNodes(watches.now(), view).map(({ name }) => name);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
    }
    return last.filter(isFrom);
  };
}

/** Has rights asked for again until the exchange is over. */
function createHold({ during }: FleetWatchPorts, { lifetime }: Identified): (right: Authorized) => void {
  const over = new Promise<void>((resolve) => lifetime.onEnd(() => resolve()));
  return (right) => void during(right, () => over);
}

async function orRefused(ask: () => Promise<Authorized>): Promise<Authorized | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof Fault && error.reason === 'Forbidden') return undefined;
    throw error;
  }
}

const toBookmark =
  (kind: 'Pod' | 'Node', as: PodsView['as']) =>
  (metadata: object): object => {
    switch (as) {
      case 'Table':
        return { kind: 'Table', apiVersion: 'meta.k8s.io/v1', metadata, rows: [] };
      case 'Metadata':
        return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata };
      case 'Object':
        return { kind, apiVersion: 'v1', metadata, spec: {}, status: {} };
    }
  };
