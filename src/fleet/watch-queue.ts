// The lines of one watch that its client has not taken yet, within the room that all of them share.

import type { RoomPlace } from './watch-room.ts';

export class WatchQueue {
  readonly #place: RoomPlace;
  #waiting: string[] = [];
  /** Handed out one by one, the next one last. */
  #batch: string[] = [];
  #isClosed = false;
  #lastLine = '';
  #wake: () => void = () => undefined;
  #closed = Promise.withResolvers<undefined>();

  constructor(place: RoomPlace) {
    this.#place = place;
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
    if (!this.#place.take(line.length)) return false;
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

  /** Closes it without what waits: `lastLine` comes next. */
  drop(lastLine: string): void {
    for (const line of [...this.#waiting, ...this.#batch]) this.#place.give(line.length);
    this.#waiting = [];
    this.#batch = [];
    this.close();
    this.#lastLine = lastLine;
  }

  /** To the end of the watch, or of `signal`. The first is empty: the head of the answer waits for nothing. */
  async *lines(signal: AbortSignal): AsyncGenerator<string> {
    const onAbort = (): void => this.#wake();
    signal.addEventListener('abort', onAbort);
    try {
      yield '';
      while (!signal.aborted) {
        this.#batch = this.#waiting.reverse();
        this.#waiting = [];
        for (let line = this.#batch.pop(); line !== undefined; line = this.#batch.pop()) {
          yield line;
          // Whoever asks for the next one has taken it.
          this.#place.give(line.length);
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
      this.#place.leave();
      this.#waiting = [];
      this.#batch = [];
    }
  }
}
