// The lines of one watch that its client has not taken yet. Promises a bound on what waits for a client that does not
// read, and on what waits for all of them together.

import type { ByteBudget } from '../core/byte-budget.ts';

/** For one client, as many as a list may have. */
const MAX_WAITING = 64 * 1024 * 1024;

export class WatchQueue {
  readonly #budget: ByteBudget;
  #waiting: string[] = [];
  #characters = 0;
  #isClosed = false;
  #lastLine = '';
  #wake: () => void = () => undefined;
  #closed = Promise.withResolvers<undefined>();

  constructor(budget: ByteBudget) {
    this.#budget = budget;
  }

  /** Resolves when nothing is added any more. */
  get closed(): Promise<undefined> {
    return this.#closed.promise;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** False: the client is too slow for it, or too many are. */
  add(line: string): boolean {
    if (this.#isClosed) return true;
    if (this.#characters + line.length > MAX_WAITING || !this.#budget.take(line.length)) return false;
    this.#characters += line.length;
    this.#waiting.push(line);
    this.#wake();
    return true;
  }

  /** Nothing is added after it; what waits is still handed out, and `lastLine` after that. */
  close(lastLine = ''): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#closed.resolve(undefined);
    // Short, and the one line that must not be lost.
    this.#lastLine = lastLine;
    this.#wake();
  }

  /** To the end of the watch, or of `signal`. The first is empty: the head of the answer waits for nothing. */
  async *lines(signal: AbortSignal): AsyncGenerator<string> {
    const onAbort = (): void => this.#wake();
    signal.addEventListener('abort', onAbort);
    try {
      yield '';
      while (!signal.aborted) {
        const lines = this.#waiting.reverse();
        this.#waiting = [];
        for (let line = lines.pop(); line !== undefined; line = lines.pop()) {
          yield line;
          // Whoever asks for the next one has taken it.
          this.#give(line.length);
        }
        if (this.#waiting.length > 0) continue;
        if (this.#isClosed) {
          if (this.#lastLine !== '') yield this.#lastLine;
          return;
        }
        await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
      this.#isClosed = true;
      this.#closed.resolve(undefined);
      this.#give(this.#characters);
      this.#waiting = [];
    }
  }

  #give(characters: number): void {
    this.#budget.give(characters);
    this.#characters -= characters;
  }
}
