// Gathers lines for the disk: one write for many of them, and time for pieces of a stream to become one line. A write
// costs as much as 50 kB of it (measured: 113 ms of CPU for 100 MB by 64 KiB, 70 ms by 256 KiB). A few lines lie in memory
// of their own size; a session that is busy fills a block of the pool's, and has none when it is not.

import type { Clock } from '../core/ports.ts';
import { BLOCK_BYTES } from './block-pool.ts';
import type { BlockPool } from './block-pool.ts';

const BATCH_MS = 10;
/** From here on lines are gathered in a block. */
const SMALL_BYTES = 8 * 1024;
const FIRST_BYTES = 256;

export interface LineBatchDeps {
  readonly clock: Clock;
  readonly pool: BlockPool;
  /** Asked for what is held back, at the end of the time. */
  readonly flush: () => void;
  /** Whole lines. `done` is called when nobody reads them any more, or never. */
  readonly send: (lines: Buffer, done: () => void) => void;
}

export interface LineBatchOptions {
  /** What is sent at once is not longer, but for a single line that is. */
  readonly maxBytes: number;
}

export class LineBatch {
  readonly #deps: LineBatchDeps;
  readonly #maxBytes: number;
  #memory: Buffer = NOTHING;
  #bytes = 0;
  #cancel: (() => void) | undefined;

  constructor(deps: LineBatchDeps, { maxBytes }: LineBatchOptions) {
    this.#deps = deps;
    this.#maxBytes = Math.min(maxBytes, BLOCK_BYTES);
  }

  /** Bytes that wait here. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Takes a copy. */
  add(lines: string | Buffer): void {
    const length = typeof lines === 'string' ? Buffer.byteLength(lines) : lines.length;
    if (this.#bytes + length > this.#maxBytes) this.#flushBlock();
    if (length > this.#maxBytes) {
      this.#deps.send(Buffer.from(lines), ignore);
      return;
    }
    this.#reserve(this.#bytes + length);
    if (typeof lines === 'string') this.#memory.write(lines, this.#bytes);
    else lines.copy(this.#memory, this.#bytes);
    this.#bytes += length;
  }

  /** What is not enough by itself, and what `isHeld` elsewhere, goes when the time is over. */
  settle(isHeld: boolean): void {
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
    this.#flushBlock();
  }

  #flushBlock(): void {
    const { pool, send } = this.#deps;
    const memory = this.#memory;
    const lines = memory.subarray(0, this.#bytes);
    this.#memory = NOTHING;
    this.#bytes = 0;
    if (memory.length < BLOCK_BYTES) {
      if (lines.length > 0) send(lines, ignore);
    } else if (lines.length >= BLOCK_BYTES / 2) {
      send(lines, () => pool.give(memory));
    } else {
      // While it waits for the disk, a block that is nearly empty would be memory that nobody counts.
      const copy = Buffer.allocUnsafeSlow(lines.length);
      lines.copy(copy);
      send(copy, ignore);
      pool.give(memory);
    }
  }

  #reserve(length: number): void {
    if (length <= this.#memory.length) return;
    const memory =
      length > SMALL_BYTES
        ? this.#deps.pool.take()
        : Buffer.allocUnsafeSlow(Math.min(SMALL_BYTES, Math.max(FIRST_BYTES, length * 2)));
    this.#memory.copy(memory, 0, 0, this.#bytes);
    this.#memory = memory;
  }
}

const NOTHING: Buffer = Buffer.alloc(0);
const ignore = (): void => undefined;
