// Cuts a stream of bytes into lines of bounded length. A watch is JSON objects, one a line (apimachinery
// pkg/runtime/serializer/json, the frame writer of a JSON watch).

import type { Readable } from 'node:stream';

const LINE_FEED = 0x0a;

/** Lines without their line feed; the last one need not have one. Throws an Error when a line is longer than the bound. */
export async function* readLines(stream: Readable, maxLineBytes: number): AsyncGenerator<string> {
  let parts: Buffer[] = [];
  let bytes = 0;
  const keep = (part: Buffer): void => {
    bytes += part.length;
    if (bytes > maxLineBytes) throw new Error(`a line is longer than ${maxLineBytes} bytes`);
    parts.push(part);
  };
  const take = (): string => {
    const line = Buffer.concat(parts).toString('utf8');
    parts = [];
    bytes = 0;
    return line;
  };
  for await (const chunk of stream) {
    if (!Buffer.isBuffer(chunk)) throw new TypeError('a chunk is not bytes');
    let start = 0;
    for (let at = chunk.indexOf(LINE_FEED); at >= 0; at = chunk.indexOf(LINE_FEED, start)) {
      keep(chunk.subarray(start, at));
      start = at + 1;
      yield take();
    }
    if (start < chunk.length) keep(chunk.subarray(start));
  }
  if (bytes > 0) yield take();
}
