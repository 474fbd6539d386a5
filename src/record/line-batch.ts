// Gathers lines for the disk: one write for many of them, and time for pieces of a stream to become one line. A write
// costs as much as 50 kB of it (measured: 113 ms of CPU for 100 MB by 64 KiB, 70 ms by 256 KiB).

import type { Clock } from '../core/ports.ts';

const BATCH_BYTES = 192 * 1024;
const BATCH_MS = 10;

export interface LineBatchDeps {
  readonly clock: Clock;
  /** Asked for what is held back, at the end of the time. */
  readonly flush: () => void;
  readonly send: (lines: string | Buffer) => void;
}

export class LineBatch {
  readonly #deps: LineBatchDeps;
  #lines: (string | Buffer)[] = [];
  #bytes = 0;
  #cancel: (() => void) | undefined;

  constructor(deps: LineBatchDeps) {
    this.#deps = deps;
  }

  /** Bytes that wait here. */
  get bytes(): number {
    return this.#bytes;
  }

  add(lines: string | Buffer): void {
    this.#lines.push(lines);
    this.#bytes += lines.length;
  }

  /** Sends what is enough by now; what is not, and what `isHeld` elsewhere, goes when the time is over. */
  settle(isHeld: boolean): void {
    if (this.#bytes >= BATCH_BYTES) this.send();
    if (this.#cancel !== undefined || !(isHeld || this.#bytes > 0)) return;
    this.#cancel = this.#deps.clock.after(BATCH_MS, () => {
      this.#cancel = undefined;
      this.#deps.flush();
      this.send();
    });
  }

  send(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    const lines = this.#lines;
    this.#lines = [];
    this.#bytes = 0;
    for (const one of lines) this.#deps.send(one);
  }
}
