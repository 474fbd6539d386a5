// The watches that run: how many there may be, how long each lasts, and what outlives a reload of the configuration for
// them. A watch that the gateway ends is told why, as its last event.

import { randomInt } from 'node:crypto';
import type { WatchOptions } from '../core/action.ts';
import type { Identified } from '../core/exchange.ts';
import type { EndReason } from '../core/lifetime.ts';
import type { Clock } from '../core/ports.ts';
import type { ByteBudget } from '../core/byte-budget.ts';
import { createByteBudget } from '../core/byte-budget.ts';
import { Fault } from '../core/fault.ts';
import { Roster } from '../core/roster.ts';
import type { FleetPorts } from './ports.ts';
import type { Authorize } from './readable.ts';
import type { PodFeeds } from './pod-feeds.ts';
import { createPodFeeds } from './pod-feeds.ts';
import type { Positions } from './positions.ts';
import { createPositions } from './positions.ts';
import { WatchEvents, toBeginning, toErrorLine, tooOld } from './watch-events.ts';
import { WatchQueue } from './watch-queue.ts';
import { WatchRoom } from './watch-room.ts';

const MAX_WATCHES = 500;
const MAX_OF_USER = 50;
/** Objects of all watches. */
const MAX_ENTRIES = 1_000_000;
/** Seconds: as long as an API server gives a client that says nothing, half an hour to an hour. */
const LEAST_SECONDS = 1_800;
/** Within so many milliseconds a client takes what is left of a watch that has ended. */
const DRAIN_MS = 10_000;

/** What a client of a watch is sent. */
export interface WatchAnswer {
  readonly contentType: string;
  readonly body: AsyncIterable<string>;
  /** What is said last where the exchange was ended. */
  readonly lastWords: (reason: EndReason) => string;
  /** Why the gateway ended it. */
  readonly fault: () => Fault | undefined;
}

export interface WatchRequest {
  readonly asked: Identified;
  /** Whose list it is, and of what. */
  readonly list: string;
  readonly watch: WatchOptions;
  /** The object of a bookmark. */
  readonly toBookmark: (metadata: object) => object;
  /** Begins to tell; the returned function ends that. */
  readonly start: (events: WatchEvents) => () => void;
}

/** What the line of the moment hands to all watches, those that began with an earlier one too. */
export type WatchPorts = Pick<
  FleetPorts,
  'inventory' | 'authorize' | 'admit' | 'pods' | 'machines' | 'places'
> & {
  /** The same right, asked for again while a watch runs: in its turn, and at nobody's expense. */
  readonly again: Authorize;
};

export interface Watches {
  readonly feeds: PodFeeds;
  readonly positions: Positions;
  /** How nodes are found and asked from now on. */
  use(ports: WatchPorts): void;
  /** Throws ServiceUnavailable before there is a line. */
  now(): WatchPorts;
  /** Throws TooManyRequests. */
  open(request: WatchRequest): WatchAnswer;
  /** Ends all that run, which a drain does not wait for. */
  endAll(reason: EndReason): void;
  readonly running: number;
}

export function createWatches({ clock }: { readonly clock: Clock }): Watches {
  const positions = createPositions({ clock });
  const feeds = createPodFeeds({ clock });
  const room = new WatchRoom(clock);
  const entries = createByteBudget(MAX_ENTRIES);
  const running = new Roster<Identified>();
  let ports: WatchPorts | undefined;
  const enter = (asked: Identified): (() => void) => {
    const { name } = asked.authentication.user;
    const own = running.items().filter(({ authentication: { user } }) => user.name === name).length;
    if (running.size >= MAX_WATCHES || own >= MAX_OF_USER) {
      throw new Fault('TooManyRequests', 'too many watches run at present: ask again, or for the list', {
        headers: { 'retry-after': '10' },
      });
    }
    const seat = running.add(asked);
    return () => running.remove(seat);
  };
  return {
    feeds,
    positions,
    use: (next) => {
      ports = next;
      feeds.use(next);
    },
    now: () => {
      if (ports === undefined) throw new Fault('ServiceUnavailable', 'the gateway is not ready');
      return ports;
    },
    open: (request) => openWatch({ clock, positions, room, entries }, request, enter(request.asked)),
    endAll: (reason) => {
      for (const { lifetime } of running.items()) lifetime.end(reason);
    },
    get running() {
      return running.size;
    },
  };
}

interface OpenPorts {
  readonly clock: Clock;
  readonly positions: Positions;
  readonly room: WatchRoom;
  readonly entries: ByteBudget;
}

/** `leave` gives its place back. */
function openWatch(
  { clock, positions, room, entries }: OpenPorts,
  { asked, list, watch, toBookmark, start }: WatchRequest,
  leave: () => void,
): WatchAnswer {
  const beginning = toBeginning(positions, list, watch);
  const place = room.enter(asked.authentication.user.name, (fault) => events.evict(fault));
  const queue = new WatchQueue(place);
  const ports = { positions, queue, entries, toBookmark };
  const events = new WatchEvents(ports, list, beginning ?? { kind: 'now' });
  if (beginning === undefined) events.fail(tooOld(watch.resourceVersion));
  const stop = beginning === undefined ? () => undefined : start(events);
  let cancel = clock.after(watch.timeoutMs ?? toDefaultMs(), () => queue.close());
  let isQuiet = false;
  const quiet = (): void => {
    cancel();
    if (isQuiet) return;
    isQuiet = true;
    stop();
    events.end();
  };
  let isOver = false;
  const end = (): void => {
    if (isOver) return;
    isOver = true;
    quiet();
    place.leave();
    leave();
  };
  // Nothing more is told: nodes are read for it no longer, and who does not read the rest does not keep its place.
  void queue.closed.then(() => {
    if (isOver) return;
    quiet();
    cancel = clock.after(DRAIN_MS, () => asked.lifetime.end('requestTimeout'));
  });
  // However it comes that nobody reads the body to its end.
  asked.lifetime.onEnd(end);
  return {
    contentType: 'application/json',
    body: untilDone(queue.lines(asked.lifetime.signal), end),
    lastWords: toLastWords,
    fault: () => events.fault,
  };
}

const toDefaultMs = (): number => randomInt(LEAST_SECONDS, 2 * LEAST_SECONDS) * 1000;

async function* untilDone(lines: AsyncIterable<string>, end: () => void): AsyncGenerator<string> {
  try {
    yield* lines;
  } finally {
    end();
  }
}

/** An end that the client should know the reason of; the others are as if its time was over: it watches again. */
function toLastWords(reason: EndReason): string {
  switch (reason) {
    case 'credentialExpired':
    case 'signedOut':
      return toErrorLine(
        new Fault('Unauthorized', 'the credential that the watch began with is no longer good'),
      );
    case 'rightRevoked':
      return toErrorLine(new Fault('Forbidden', 'the right to watch this was taken away'));
    case 'rightUnconfirmed':
      return toErrorLine(
        new Fault('ServiceUnavailable', 'nobody could say whether the right to watch this still stands'),
      );
    default:
      return '';
  }
}
