// Cuts a stream of bytes only where no UTF-8 character is cut (RFC 3629): up to three bytes wait for what follows.

/** Bytes that a character may have without being whole. */
export const MAX_UNFINISHED = 3;

const EMPTY = Buffer.alloc(0);

export class Utf8Boundary {
  #held = EMPTY;

  /** What can be said by now: all but the beginning of a character whose end has not come. */
  push(chunk: Buffer): Buffer {
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    const cut = bytes.length - countUnfinished(bytes);
    // A copy: a view would keep the whole chunk.
    this.#held = cut === bytes.length ? EMPTY : Buffer.from(bytes.subarray(cut));
    return bytes.subarray(0, cut);
  }

  /** What is left, which is no character. */
  flush(): Buffer {
    const held = this.#held;
    this.#held = EMPTY;
    return held;
  }
}

/** How many bytes at the end begin a character and do not end it. */
function countUnfinished(bytes: Buffer): number {
  for (let back = 1; back <= 3 && back <= bytes.length; back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte < 0x80) return 0;
    if (byte < 0xc0) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    return byte <= 0xf4 && back < length ? back : 0;
  }
  return 0;
}
