// Tells several observers about every exchange. The order of the list is the order in which they are told.

import type { Observation, Observer } from '../core/observation.ts';

/** One observer that tells all of these. `received` settles when all have settled, and rejects with the first fault. */
export const createObserver =
  (observers: readonly Observer[]): Observer =>
  (received) => {
    const all = observers.map((observer) => observer(received));
    return {
      received: (evidence) => {
        let waits: Promise<void>[] | undefined;
        for (const one of all) {
          const told = one.received(evidence);
          if (told !== undefined) (waits ??= []).push(told);
        }
        if (waits === undefined) return undefined;
        return waits.length === 1 ? waits[0] : toOne(waits);
      },
      found: (evidence) => {
        for (const one of all) one.found(evidence);
      },
      started: (code) => {
        for (const one of all) one.started(code);
      },
      complete: (ending) => {
        for (const one of all) one.complete(ending);
      },
      panic: (error, ending) => {
        for (const one of all) one.panic(error, ending);
      },
    } satisfies Observation;
  };

async function toOne(waits: readonly Promise<void>[]): Promise<void> {
  await Promise.all(waits);
}
