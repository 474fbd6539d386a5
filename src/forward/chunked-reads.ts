// Hands the chunks of a stream over as they came, to a reader that asks for all there is. `Readable.read()` joins what
// waits into new memory: a copy of a large answer, and twice the garbage for V8 to find (docs/adr/0014).

import type { Readable } from 'node:stream';

/**
 * Changes `read()` of this one stream: each call returns one chunk as it was pushed, where several wait. Which bytes
 * come, and in which order, stays the same. Returns the stream.
 */
export function readInChunks<Stream extends Readable>(stream: Stream): Stream {
  const push = stream.push.bind(stream);
  const read: (size?: number) => unknown = stream.read.bind(stream);
  /** Lengths of the chunks that wait. Should they not agree with what waits, chunks are cut elsewhere and nothing is lost. */
  let lengths: number[] = [];
  stream.push = (chunk: Buffer | null, encoding) => {
    if (stream.readableLength === 0) lengths = [];
    // A stream leaves empty chunks out itself.
    if (chunk !== null && chunk.length > 0) lengths.push(chunk.length);
    return push(chunk, encoding);
  };
  stream.read = (size?: number): unknown => {
    // 0 is how streams nudge themselves: it takes nothing.
    if (size !== undefined) return read(size);
    const length = lengths.shift();
    if (length !== undefined && lengths.length > 0 && length < stream.readableLength) return read(length);
    lengths = [];
    return read();
  };
  return stream;
}
