// Work that waits for its turn: a few at a time of all, fewer of one user, and users one after the other, so that who has
// much to be done keeps nobody else waiting.

export interface TurnLimits {
  readonly ofAll: number;
  readonly ofOne: number;
}

export class Turns {
  #limits: TurnLimits;
  readonly #waiting = new Map<string, (() => Promise<void>)[]>();
  readonly #running = new Map<string, number>();
  #count = 0;

  constructor(limits: TurnLimits) {
    this.#limits = limits;
  }

  /** What runs already goes on. */
  limit(limits: TurnLimits): void {
    this.#limits = limits;
    while (this.#next());
  }

  /** `work` must not reject. It begins at once where it may. */
  add(user: string, work: () => Promise<void>): void {
    const own = this.#waiting.get(user);
    if (own === undefined) this.#waiting.set(user, [work]);
    else own.push(work);
    this.#next();
  }

  /** Whether something has begun. */
  #next(): boolean {
    if (this.#count >= this.#limits.ofAll) return false;
    for (const [user, own] of this.#waiting) {
      const running = this.#running.get(user) ?? 0;
      if (running >= this.#limits.ofOne) continue;
      const work = own.shift();
      // The next turn is another user's.
      this.#waiting.delete(user);
      if (own.length > 0) this.#waiting.set(user, own);
      if (work !== undefined) this.#begin(user, running, work);
      return true;
    }
    return false;
  }

  #begin(user: string, running: number, work: () => Promise<void>): void {
    this.#running.set(user, running + 1);
    this.#count += 1;
    void work().then(() => {
      this.#count -= 1;
      const left = (this.#running.get(user) ?? 1) - 1;
      if (left === 0) this.#running.delete(user);
      else this.#running.set(user, left);
      this.#next();
    });
  }
}
