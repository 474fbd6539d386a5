// The time limits of one exchange, kept by one timer: it looks at timestamps when it fires and is armed again for the
// nearest limit that is left, so that a byte that passes costs an assignment and no timer.

import type { EndReason } from '../core/lifetime.ts';
import type { Clock } from '../core/ports.ts';

export interface Limits {
  /** Until the head of the answer. Infinity: only the limits of the session count. */
  readonly answerMs: number;
  /** Without a byte in either direction. kubectl's pings every 5 s are bytes too: this finds dead peers, not idle people. */
  readonly idleMs: number;
  /** From beginning to end. */
  readonly absoluteMs: number;
  /** When the credential that opened it has expired and its grace has passed, in milliseconds since the epoch. */
  readonly expiresAt: number;
  /** Asked when that moment has come: whether it is a later one by now. */
  readonly prolonged?: () => number;
}

export class Watch {
  readonly #clock: Clock;
  readonly #limits: Limits;
  readonly #onLimit: (reason: EndReason) => void;
  readonly #startedAt: number;
  #activeAt: number;
  #expiresAt: number;
  #answered = false;
  #cancel: () => void;

  /** Calls `onLimit` at most once, with the limit that was reached. */
  constructor(clock: Clock, limits: Limits, onLimit: (reason: EndReason) => void) {
    this.#clock = clock;
    this.#limits = limits;
    this.#onLimit = onLimit;
    this.#startedAt = this.#activeAt = clock.now();
    this.#expiresAt = limits.expiresAt;
    this.#cancel = this.#arm(this.#startedAt);
  }

  /** A byte passed. */
  touch(): void {
    this.#activeAt = this.#clock.now();
  }

  /** The head of the answer came. */
  answered(): void {
    this.#answered = true;
    this.touch();
  }

  stop(): void {
    this.#cancel();
  }

  #ends(): readonly (readonly [number, EndReason])[] {
    const { answerMs, idleMs, absoluteMs } = this.#limits;
    return [
      [this.#answered ? Infinity : this.#startedAt + answerMs, 'requestTimeout'],
      [this.#startedAt + absoluteMs, 'sessionTimeout'],
      [this.#activeAt + idleMs, 'idleTimeout'],
      [this.#expiresAt, 'credentialExpired'],
    ];
  }

  #arm(now: number): () => void {
    // Without a list: this runs for every request, the list only for one that has reached a limit.
    const { answerMs, idleMs, absoluteMs } = this.#limits;
    const answerBy = this.#answered ? Infinity : this.#startedAt + answerMs;
    const next = Math.min(answerBy, this.#startedAt + absoluteMs, this.#activeAt + idleMs, this.#expiresAt);
    return this.#clock.after(Math.max(1, next - now), () => this.#look());
  }

  #look(): void {
    const now = this.#clock.now();
    const { prolonged } = this.#limits;
    if (prolonged !== undefined && this.#expiresAt <= now) this.#expiresAt = prolonged();
    for (const [at, reason] of this.#ends())
      if (at <= now) {
        this.#onLimit(reason);
        return;
      }
    this.#cancel = this.#arm(now);
  }
}
