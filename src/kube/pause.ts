// A wait between two questions to an API server.

import type { Clock } from '../core/ports.ts';

/** Resolves early when the signal aborts: what is asked next then fails at once with the signal's reason. */
export const pause = (clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      cancel();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const cancel = clock.after(delayMs, done);
    signal.addEventListener('abort', done, { once: true });
  });
