// The bytes a decoder has been fed and has not yet consumed. While they are looked at, chunks are kept as they came: a byte
// is copied only when somebody takes a piece that spans two of them, or when it has to wait for the next chunk.

/** More pieces that wait are made into one: 64 kB that come byte by byte would be 28 MB of buffers. */
const MAX_PIECES = 32;

export class ByteQueue {
  #chunks: Buffer[] = [];
  #length = 0;

  /** Bytes that wait. */
  get length(): number {
    return this.#length;
  }

  /** Adds a chunk at the end. The queue refers to it until `letGo`. */
  append(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#length += chunk.length;
  }

  /**
   * Copies what waits of the chunk that was appended last, and what was copied before stays as it is: from here on the
   * memory of all chunks is their owner's again, to be freed or written over.
   */
  letGo(): void {
    const last = this.#chunks.length - 1;
    const chunk = this.#chunks[last];
    if (chunk === undefined) return;
    if (last >= MAX_PIECES) {
      this.#join();
      return;
    }
    // Outside of Node's pool: a few bytes that wait long would keep all of a piece of it.
    const copy = Buffer.allocUnsafeSlow(chunk.length);
    chunk.copy(copy);
    this.#chunks[last] = copy;
  }

  #join(): void {
    const joined = Buffer.allocUnsafeSlow(this.#length);
    let filled = 0;
    for (const chunk of this.#chunks) filled += chunk.copy(joined, filled);
    this.#chunks = [joined];
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
