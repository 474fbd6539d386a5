// Lines of a file as bytes, in constant memory. A line is what ends with a line feed; what follows the last one is told
// apart, since a writer may be within it.

import { createReadStream } from 'node:fs';
import { MAX_LINE_BYTES } from './link.ts';

export interface FileLine {
  /** Without its line end. Valid until the next line is asked for. */
  readonly bytes: Buffer;
  /** From 1. */
  readonly number: number;
  /** False: the file ends here, without a line end. */
  readonly isWhole: boolean;
}

/** Nothing that the gateway writes is so long. */
export class LineTooLong extends Error {
  override readonly name = 'LineTooLong';
}

const LINE_END = 0x0a;

/** Rejects when the file cannot be read, or with LineTooLong. */
export const readLines = (path: string): AsyncGenerator<FileLine, void, undefined> =>
  splitLines(createReadStream(path, { highWaterMark: 1 << 18 }) as AsyncIterable<Buffer>);

/** Rejects as the chunks do, and with LineTooLong when a line is longer than MAX_LINE_BYTES. */
export async function* splitLines(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<FileLine, void, undefined> {
  let rest: Buffer[] = [];
  let restBytes = 0;
  let number = 0;
  for await (const bytes of chunks) {
    const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let start = 0;
    for (let end = chunk.indexOf(LINE_END); end >= 0; end = chunk.indexOf(LINE_END, start)) {
      const piece = chunk.subarray(start, end);
      number += 1;
      yield { bytes: rest.length === 0 ? piece : Buffer.concat([...rest, piece]), number, isWhole: true };
      rest = [];
      restBytes = 0;
      start = end + 1;
    }
    if (start === chunk.length) continue;
    rest.push(chunk.subarray(start));
    restBytes += chunk.length - start;
    if (restBytes > MAX_LINE_BYTES) {
      throw new LineTooLong(`line ${number + 1} is longer than ${MAX_LINE_BYTES} bytes`);
    }
  }
  if (rest.length > 0) yield { bytes: Buffer.concat(rest), number: number + 1, isWhole: false };
}
