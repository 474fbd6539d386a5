// Tells several observers about every exchange. The order of the list is the order in which they are told.

import type { Ending, Observation, Observer } from '../core/observation.ts';

/** One observer that tells all of these. `received` settles when all have settled, and rejects with the first fault. */
export const createObserver =
  (observers: readonly Observer[]): Observer =>
  (received) =>
    new Told(observers.map((observer) => observer(received)));

class Told implements Observation {
  readonly #all: readonly Observation[];

  constructor(all: readonly Observation[]) {
    this.#all = all;
  }

  received(evidence: Parameters<Observation['received']>[0]): Promise<void> | undefined {
    let waits: Promise<void>[] | undefined;
    for (const one of this.#all) {
      const told = one.received(evidence);
      if (told !== undefined) (waits ??= []).push(told);
    }
    if (waits === undefined) return undefined;
    return waits.length === 1 ? waits[0] : toOne(waits);
  }

  found(evidence: Parameters<Observation['found']>[0]): void {
    for (const one of this.#all) one.found(evidence);
  }

  started(code: number): void {
    for (const one of this.#all) one.started(code);
  }

  complete(ending: Ending): void {
    for (const one of this.#all) one.complete(ending);
  }

  panic(error: unknown, ending: Ending): void {
    for (const one of this.#all) one.panic(error, ending);
  }
}

async function toOne(waits: readonly Promise<void>[]): Promise<void> {
  await Promise.all(waits);
}
