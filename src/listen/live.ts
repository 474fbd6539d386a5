// The exchanges that are under way, over all listeners: what a drain waits for, and ends when its grace is over.

import type { EndReason, Lifetime } from '../core/lifetime.ts';
import type { Seat } from '../core/roster.ts';
import { Roster } from '../core/roster.ts';

export interface LiveExchanges {
  /** Keeps `lifetime` until it ends. */
  add(lifetime: Lifetime): void;
  readonly count: number;
  endAll(reason: EndReason): void;
  /** Resolves when none is left. New ones may still be added: stop accepting first. */
  empty(): Promise<void>;
}

export function createLiveExchanges(): LiveExchanges {
  const live = new Roster<Lifetime>();
  let waiting: (() => void)[] = [];

  const remove = (seat: Seat<Lifetime>): void => {
    live.remove(seat);
    if (live.size > 0) return;
    const resolvers = waiting;
    waiting = [];
    for (const resolve of resolvers) resolve();
  };

  return {
    add: (lifetime) => {
      const seat = live.add(lifetime);
      lifetime.onEnd(() => {
        remove(seat);
      });
    },
    get count() {
      return live.size;
    },
    endAll: (reason) => {
      for (const lifetime of live.items()) lifetime.end(reason);
    },
    empty: () =>
      live.size === 0
        ? Promise.resolve()
        : new Promise((resolve) => {
            waiting.push(resolve);
          }),
  };
}
