// The last bytes that a session has shown, for those who come to look on later (docs/admin-api.md). Promises: nothing is
// held before there is output, never more than MAX_BYTES, and adding to it costs a copy of that much at most.

/** A few screens of lines; of a program that draws its whole screen, about the last drawing. */
export const MAX_BYTES = 8 * 1024;
/** A prompt and what was typed at it. */
const FIRST_BYTES = 256;
const LINE_FEED = 0x0a;

export interface ShownBefore {
  /** The last of it. */
  readonly tail: Buffer;
  /** Bytes of all that was shown, the tail included. */
  readonly total: number;
}

export class LastOutput {
  #ring = Buffer.alloc(0);
  /** Where the next byte goes. */
  #at = 0;
  #total = 0;

  add(data: Buffer): void {
    const kept = data.length > MAX_BYTES ? data.subarray(data.length - MAX_BYTES) : data;
    this.#total += data.length;
    if (this.#ring.length < MAX_BYTES && this.#at + kept.length > this.#ring.length) {
      this.#grow(this.#at + kept.length);
    }
    const first = kept.copy(this.#ring, this.#at);
    kept.copy(this.#ring, 0, first);
    const end = this.#at + kept.length;
    this.#at = end < MAX_BYTES ? end : end - MAX_BYTES;
  }

  /** A copy. What was cut off at its beginning is cut at the end of a line, or else not within a character. */
  take(): ShownBefore {
    const ring = this.#ring;
    const total = this.#total;
    if (total < MAX_BYTES) return { tail: Buffer.from(ring.subarray(0, this.#at)), total };
    const all = Buffer.concat([ring.subarray(this.#at), ring.subarray(0, this.#at)]);
    return { tail: total === MAX_BYTES ? all : all.subarray(toStart(all)), total };
  }

  /** Until it is as large as it may become, nothing in it has been overwritten. */
  #grow(wanted: number): void {
    let size = Math.max(FIRST_BYTES, this.#ring.length);
    while (size < wanted) size *= 2;
    const grown = Buffer.alloc(Math.min(size, MAX_BYTES));
    this.#ring.copy(grown, 0, 0, this.#at);
    this.#ring = grown;
  }
}

function toStart(bytes: Buffer): number {
  const line = bytes.indexOf(LINE_FEED);
  // A line that is as long as all of it is better than nothing.
  if (line !== -1 && line < bytes.length / 2) return line + 1;
  let at = 0;
  while (at < 3 && ((bytes[at] ?? 0) & 0xc0) === 0x80) at += 1;
  return at;
}
