// Memory of bytes that were passed on: given back when they are written, and only where nobody else sees it.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Writable } from 'node:stream';
import { writeSpent } from '../../src/forward/spent-chunk.ts';

/** Takes one chunk at a time and says that it is written when `take` is called. */
function createSlowStream() {
  const seen: Buffer[] = [];
  let done: (() => void) | undefined;
  const stream = new Writable({
    highWaterMark: 1,
    write: (chunk: Buffer, _encoding, callback) => {
      seen.push(chunk);
      done = callback;
    },
  });
  const take = async (): Promise<void> => {
    done?.();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { stream, seen, take };
}

const toChunk = (bytes: number): Buffer => Buffer.from(new ArrayBuffer(bytes)).fill('x');

describe('a chunk that is nobody else’s', () => {
  it('keeps its bytes until they are written, also behind others, and has none afterwards', async () => {
    const { stream, take } = createSlowStream();
    const [first, second] = [toChunk(16_384), toChunk(16_384)];
    assert.equal(writeSpent(stream, first), false);
    writeSpent(stream, second);
    assert.equal(first.length, 16_384);
    await take();
    assert.equal(first.length, 0);
    assert.equal(second.toString('latin1', 0, 3), 'xxx');
    assert.equal(second.length, 16_384);
    await take();
    assert.equal(second.length, 0);
  });
});

describe('memory that others see too', () => {
  const pooled = Buffer.allocUnsafe(64).buffer;
  const others: readonly [string, Buffer][] = [
    ['a part of a larger buffer', toChunk(32_768).subarray(0, 16_384)],
    ['a part at the end of one', toChunk(32_768).subarray(16_384)],
    ["a part of Node's pool", Buffer.from(pooled, 0, 64)],
    ['shared memory', Buffer.from(new SharedArrayBuffer(16_384))],
    ['few bytes', toChunk(64)],
  ];
  for (const [name, chunk] of others) {
    it(`is left alone: ${name}`, async () => {
      const { stream, seen, take } = createSlowStream();
      const { length } = chunk;
      writeSpent(stream, chunk);
      await take();
      assert.equal(seen[0]?.length, length);
      assert.equal(chunk.length, length);
    });
  }
});
