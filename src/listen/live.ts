// The exchanges that are under way, over all listeners: what a drain waits for, and ends when its grace is over.

import type { EndReason, Lifetime } from '../core/lifetime.ts';

export interface LiveExchanges {
  /** Keeps `lifetime` until it ends. */
  add(lifetime: Lifetime): void;
  readonly count: number;
  endAll(reason: EndReason): void;
  /** Resolves when none is left. New ones may still be added: stop accepting first. */
  empty(): Promise<void>;
}

export function createLiveExchanges(): LiveExchanges {
  const live = new Set<Lifetime>();
  let waiting: (() => void)[] = [];

  const remove = (lifetime: Lifetime): void => {
    live.delete(lifetime);
    if (live.size > 0) return;
    const resolvers = waiting;
    waiting = [];
    for (const resolve of resolvers) resolve();
  };

  return {
    add: (lifetime) => {
      live.add(lifetime);
      lifetime.onEnd(() => {
        remove(lifetime);
      });
    },
    get count() {
      return live.size;
    },
    endAll: (reason) => {
      for (const lifetime of [...live]) lifetime.end(reason);
    },
    empty: () =>
      live.size === 0
        ? Promise.resolve()
        : new Promise((resolve) => {
            waiting.push(resolve);
          }),
  };
}
