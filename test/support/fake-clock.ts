// A Clock that stands still until a test moves it.

import type { Clock } from '../../src/core/ports.ts';

export interface FakeClock extends Clock {
  /** Moves time forward and calls back whatever is due, in order of its time. */
  advance(ms: number): void;
  /** Moves time forward at once, as when the process stood still: whatever is due by then is called back at the new time. */
  jump(ms: number): void;
  /** Callbacks that still wait. */
  readonly pending: number;
}

export function createFakeClock(startMs = Date.UTC(2026, 0, 1)): FakeClock {
  let now = startMs;
  let timers: { readonly at: number; readonly callback: () => void }[] = [];
  return {
    now: () => now,
    after: (delayMs, callback) => {
      const timer = { at: now + delayMs, callback };
      timers.push(timer);
      return () => {
        timers = timers.filter((other) => other !== timer);
      };
    },
    advance: (ms) => {
      const end = now + ms;
      for (;;) {
        const [next] = timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
        if (next === undefined) break;
        timers = timers.filter((other) => other !== next);
        now = Math.max(now, next.at);
        next.callback();
      }
      now = end;
    },
    jump: (ms) => {
      now += ms;
      const due = timers.filter(({ at }) => at <= now);
      timers = timers.filter(({ at }) => at > now);
      for (const { callback } of due) callback();
    },
    get pending() {
      return timers.length;
    },
  };
}
