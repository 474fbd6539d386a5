// The bytes a decoder has been fed and has not yet consumed. Chunks are kept as they came: a byte is copied only when
// somebody takes a piece that spans two of them.

export class ByteQueue {
  #chunks: Buffer[] = [];
  #length = 0;

  /** Bytes that wait. */
  get length(): number {
    return this.#length;
  }

  /** Adds a chunk at the end. The queue keeps a reference to it: it must not change afterwards. */
  append(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#length += chunk.length;
  }

  /** Takes exactly `count` bytes, or undefined when fewer wait. */
  take(count: number): Buffer | undefined {
    if (count > this.#length) return undefined;
    const first = this.#chunks[0];
    if (first === undefined || count === 0) return Buffer.alloc(0);
    if (count <= first.length) return this.#takeFromFirst(first, count);
    const taken = Buffer.allocUnsafe(count);
    let filled = 0;
    while (filled < count) {
      const piece = this.takeUpTo(count - filled);
      piece.copy(taken, filled);
      filled += piece.length;
    }
    return taken;
  }

  /** Takes between 1 and `count` bytes without copying, as many as lie in one chunk; none when none wait. */
  takeUpTo(count: number): Buffer {
    const first = this.#chunks[0];
    if (first === undefined || count === 0) return Buffer.alloc(0);
    return this.#takeFromFirst(first, Math.min(count, first.length));
  }

  #takeFromFirst(first: Buffer, count: number): Buffer {
    this.#length -= count;
    if (count === first.length) {
      this.#chunks.shift();
      return first;
    }
    this.#chunks[0] = first.subarray(count);
    return first.subarray(0, count);
  }
}
