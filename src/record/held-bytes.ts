// Collects pieces of a stream into one, up to a bound. Pieces are copied: a view of three bytes would keep the whole
// chunk that they came in, and thousands of views are more than thousands of bytes.

const SMALL = 4096;

export class HeldBytes {
  readonly #max: number;
  #bytes = Buffer.alloc(0);
  #length = 0;

  constructor(max: number) {
    this.#max = max;
  }

  get length(): number {
    return this.#length;
  }

  get isFull(): boolean {
    return this.#length === this.#max;
  }

  /** Takes as much as there is room for, and says how much that was. */
  add(piece: Buffer): number {
    const taken = Math.min(piece.length, this.#max - this.#length);
    this.#reserve(this.#length + taken);
    piece.copy(this.#bytes, this.#length, 0, taken);
    this.#length += taken;
    return taken;
  }

  /** What was collected. Valid until the next call of `add`. */
  take(): Buffer {
    const taken = this.#bytes.subarray(0, this.#length);
    // Whoever falls silent after a few words keeps no room for many; who speaks on keeps it.
    if (this.#length < this.#max && this.#bytes.length > SMALL) this.#bytes = Buffer.alloc(0);
    this.#length = 0;
    return taken;
  }

  #reserve(length: number): void {
    if (length <= this.#bytes.length) return;
    const size = Math.min(this.#max, Math.max(length, this.#bytes.length * 4, 64));
    const bytes = Buffer.allocUnsafeSlow(size);
    this.#bytes.copy(bytes, 0, 0, this.#length);
    this.#bytes = bytes;
  }
}
