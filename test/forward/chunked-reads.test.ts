import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { describe, it } from 'node:test';
import { readInChunks } from '../../src/forward/chunked-reads.ts';

const silent = (highWaterMark = 1 << 20): Readable =>
  readInChunks(new Readable({ highWaterMark, read: () => undefined }));

const readAll = (stream: Readable): string[] => {
  const seen: string[] = [];
  for (let chunk: unknown; (chunk = stream.read()) !== null;) {
    assert(Buffer.isBuffer(chunk));
    seen.push(chunk.toString());
  }
  return seen;
};

describe('a stream that is read in chunks', () => {
  it('hands them over as they came, in the memory in which they came', () => {
    const stream = silent();
    const chunks = ['one', 'and two', '3'].map((text) => Buffer.from(new TextEncoder().encode(text)));
    for (const chunk of chunks) stream.push(chunk);
    for (const chunk of chunks) {
      const seen: unknown = stream.read();
      assert(Buffer.isBuffer(seen));
      assert.equal(seen.toString(), chunk.toString());
      assert.equal(seen.buffer, chunk.buffer);
    }
    assert.equal(stream.read(), null);
  });

  it('tells of its end after the last one', async () => {
    const stream = silent();
    stream.push('a');
    stream.push('b');
    stream.push(null);
    assert.deepEqual(readAll(stream), ['a', 'b']);
    await once(stream, 'end');
  });

  it('tells of chunks that come while it is read', async () => {
    const stream = silent();
    stream.push('a');
    stream.push('b');
    assert.equal(String(stream.read()), 'a');
    stream.push('c');
    assert.deepEqual(readAll(stream), ['b', 'c']);
    const readable = once(stream, 'readable');
    stream.push('d');
    await readable;
    assert.deepEqual(readAll(stream), ['d']);
  });

  it('is not confused by nudges, sizes, bytes put back, or a time of flow', async () => {
    const stream = silent();
    for (const text of ['abc', 'def', 'ghi']) stream.push(text);
    assert.equal(stream.read(0), null);
    assert.equal(String(stream.read(4)), 'abcd');
    stream.unshift(Buffer.from('d'));
    assert.equal(readAll(stream).join(''), 'defghi');
    let flowed = '';
    stream.on('data', (chunk: Buffer) => (flowed += chunk.toString()));
    stream.push('jkl');
    stream.push('mno');
    await new Promise((resolve) => setImmediate(resolve));
    stream.removeAllListeners('data').pause();
    assert.equal(flowed, 'jklmno');
    stream.push('p');
    stream.push('q');
    assert.deepEqual(readAll(stream), ['p', 'q']);
  });

  it('loses and adds nothing, whatever was pushed', async () => {
    const stream = silent(64);
    let state = 7;
    const random = (below: number): number => (state = (state * 48_271) % 2_147_483_647) % below;
    const given: Buffer[] = [];
    const taken: Buffer[] = [];
    for (let round = 0; round < 2_000; round += 1) {
      const chunk = Buffer.alloc(random(40), round % 251);
      given.push(chunk);
      stream.push(chunk);
      if (random(3) === 0) await new Promise((resolve) => setImmediate(resolve));
      if (random(4) > 0) continue;
      for (let chunk: unknown; (chunk = stream.read(random(5) === 0 ? 3 : undefined)) !== null;) {
        assert(Buffer.isBuffer(chunk));
        taken.push(chunk);
        if (random(3) === 0) break;
      }
    }
    stream.push(null);
    for (let chunk: unknown; (chunk = stream.read()) !== null;) {
      assert(Buffer.isBuffer(chunk));
      taken.push(chunk);
    }
    assert.equal(Buffer.concat(taken).equals(Buffer.concat(given)), true);
  });
});
