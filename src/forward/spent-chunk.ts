// Writes bytes that nobody looks at again and gives their memory back when they are written, instead of leaving it to
// the garbage collector, which marks the whole heap for every 64 MB of buffers that have passed (docs/adr/0014).

import type { HttpAnswer } from '../core/http-answer.ts';

/** Below this, what is freed is not worth a callback. In bytes. */
export const MIN_SPENT_BYTES = 4096;

/**
 * Writes `chunk`, which must be nobody else's from here on: once it is written, it is empty. A view of memory that
 * others see too (a part of a larger buffer, of Node's pool, of a SharedArrayBuffer) is written and left alone. What it
 * returns is what `write` returns.
 */
export function writeSpent(to: Pick<HttpAnswer, 'write'>, chunk: Buffer): boolean {
  const { buffer } = chunk;
  const isWhole = buffer instanceof ArrayBuffer && chunk.byteLength === buffer.byteLength;
  if (!isWhole || chunk.byteLength < MIN_SPENT_BYTES) return to.write(chunk);
  return to.write(chunk, () => {
    // ECMA-262 §25.1.6.9: the memory goes with the buffer that nobody holds, at once and not when it is collected.
    buffer.transfer(0);
  });
}
