// A deadline that is set and withdrawn far more often than it is met, as that of a connection with each of its requests:
// one timer runs on and looks, when it fires, whether anything is due by now. A wall clock that is set back makes a
// deadline late by its own length at most.

import type { Clock } from './ports.ts';

export class Deadline {
  readonly #clock: Clock;
  #delayMs = 0;
  /** In milliseconds since the epoch. */
  #dueAt = 0;
  /** Undefined: nothing is due. */
  #onDue: (() => void) | undefined;
  /** When the timer fires; Infinity: none runs. */
  #firesAt = Infinity;
  /** Whether it was started for what is due now, which it then meets whatever the clock says. */
  #isExact = false;
  #cancel: (() => void) | undefined;
  #isOver = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls `onDue` once, `delayMs` milliseconds from now, instead of what was set before. */
  set(delayMs: number, onDue: () => void): void {
    if (this.#isOver) return;
    this.#delayMs = delayMs;
    this.#dueAt = this.#clock.now() + delayMs;
    this.#onDue = onDue;
    this.#isExact = false;
    if (this.#firesAt > this.#dueAt) this.#arm(delayMs);
  }

  /** Nothing is due. The timer runs on, for what is set next. */
  withdraw(): void {
    this.#onDue = undefined;
  }

  /** Nothing is due any more, nor will be. */
  end(): void {
    this.#isOver = true;
    this.#onDue = undefined;
    this.#disarm();
  }

  #arm(delayMs: number): void {
    this.#disarm();
    this.#isExact = true;
    this.#firesAt = this.#clock.now() + delayMs;
    this.#cancel = this.#clock.after(delayMs, this.#look);
  }

  #disarm(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#firesAt = Infinity;
  }

  readonly #look = (): void => {
    this.#disarm();
    const onDue = this.#onDue;
    if (onDue === undefined) return;
    const leftMs = this.#isExact ? 0 : Math.min(this.#dueAt - this.#clock.now(), this.#delayMs);
    if (leftMs > 0) {
      this.#arm(leftMs);
      return;
    }
    this.#onDue = undefined;
    onDue();
  };
}
