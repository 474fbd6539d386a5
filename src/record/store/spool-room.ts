// How much of the spool is taken. Whoever wants room for a segment waits for it in turn; what must be kept in any case
// (a manifest's line) is counted and not waited for.

export class SpoolRoom {
  readonly #maxBytes: number;
  readonly #waiting: { readonly bytes: number; readonly admit: () => void }[] = [];
  readonly #onChange: (used: number) => void;
  #used = 0;

  constructor(maxBytes: number, onChange: (used: number) => void = () => undefined) {
    this.#maxBytes = maxBytes;
    this.#onChange = onChange;
  }

  /** Bytes that are taken, which may be more than there is room for by what was counted without waiting. */
  get used(): number {
    return this.#used;
  }

  /** False: there is no room now, or others wait for it. */
  tryTake(bytes: number): boolean {
    if (this.#waiting.length > 0 || this.#used >= this.#maxBytes || !this.#fits(bytes)) return false;
    this.#used += bytes;
    this.#onChange(this.#used);
    return true;
  }

  /** Settles when there is room; at once for whoever is alone, however much it is. */
  take(bytes: number): Promise<void> {
    if (this.#waiting.length === 0 && this.#fits(bytes)) {
      this.#used += bytes;
      this.#onChange(this.#used);
      return Promise.resolve();
    }
    return new Promise((admit) => this.#waiting.push({ bytes, admit }));
  }

  /** Counts without waiting; what is negative is given back. */
  add(bytes: number): void {
    this.#used = Math.max(0, this.#used + bytes);
    for (let next = this.#waiting[0]; next !== undefined && this.#fits(next.bytes); next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#used += next.bytes;
      next.admit();
    }
    this.#onChange(this.#used);
  }

  #fits(bytes: number): boolean {
    return this.#used === 0 || this.#used + bytes <= this.#maxBytes;
  }
}
