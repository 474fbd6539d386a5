// How long is waited for a disk or a store. Time counts only while this process runs: one that was stopped, or whose
// machine was suspended, has not seen the disk fail in the meantime.

import type { Clock } from '../core/ports.ts';

/** A wait is so many timers, one after the other: however long the process stood still, it was for one of them. */
const TURNS = 10;

/** Calls back once, after `limitMs` of which the process has run nine tenths at least; the returned function cancels. */
export function afterTurns(clock: Clock, limitMs: number, callback: () => void): () => void {
  let left = TURNS;
  const turn = (): void => {
    left -= 1;
    if (left === 0) callback();
    else cancel = clock.after(limitMs / TURNS, turn);
  };
  let cancel = clock.after(limitMs / TURNS, turn);
  return () => cancel();
}

/** Bytes that wait from which on the session waits too, and on to which it waits. */
export const HIGH_WATER = 512 * 1024;
const LOW_WATER = 256 * 1024;

export interface RoomDeps {
  readonly clock: Clock;
  readonly limitMs: number;
  /** Bytes that wait to be stored. */
  readonly waiting: () => number;
  /** Bytes that were stored so far. */
  readonly stored: () => number;
  /** There is room again. */
  readonly onDrained: () => void;
  /** For `limitMs` nothing of what waits was stored, or too much waited. */
  readonly onOver: () => void;
}

/** Whether a session may go on: for how long how much of its recording has waited. No timer runs while nothing waits. */
export class Room {
  readonly #deps: RoomDeps;
  #isFull = false;
  #cancel: (() => void) | undefined;
  #seen = 0;
  /** Turns without progress, and turns since it became full. */
  #stuck = 0;
  #full = 0;

  constructor(deps: RoomDeps) {
    this.#deps = deps;
  }

  get isFull(): boolean {
    return this.#isFull;
  }

  /** More waits; of it `gathered` bytes that are not handed on yet. */
  added(gathered: number): void {
    const waiting = this.#deps.waiting();
    if (waiting > 0) this.#watch();
    if (this.#isFull || waiting + gathered < HIGH_WATER) return;
    this.#isFull = true;
    this.#full = 0;
  }

  /** Less waits. */
  taken(): void {
    if (this.#isFull && this.#deps.waiting() <= LOW_WATER) this.drain();
  }

  drain(): void {
    if (!this.#isFull) return;
    this.#isFull = false;
    this.#deps.onDrained();
  }

  /** Nothing is waited for any more. */
  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #watch(): void {
    if (this.#cancel !== undefined) return;
    this.#seen = this.#deps.stored();
    this.#stuck = 0;
    this.#turn();
  }

  #turn(): void {
    this.#cancel = this.#deps.clock.after(this.#deps.limitMs / TURNS, () => this.#look());
  }

  #look(): void {
    const { waiting, stored, onOver } = this.#deps;
    this.#cancel = undefined;
    if (waiting() === 0) return;
    const now = stored();
    this.#stuck = now === this.#seen ? this.#stuck + 1 : 0;
    this.#seen = now;
    this.#full += Number(this.#isFull);
    if (this.#stuck >= TURNS || this.#full > TURNS) onOver();
    else this.#turn();
  }
}
