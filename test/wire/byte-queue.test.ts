import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ByteQueue } from '../../src/wire/byte-queue.ts';

const queueOf = (...chunks: readonly string[]): ByteQueue => {
  const queue = new ByteQueue();
  for (const chunk of chunks) queue.append(Buffer.from(chunk));
  return queue;
};

describe('ByteQueue', () => {
  it('takes exactly what is asked for, across chunks, and says no when too little waits', () => {
    const queue = queueOf('ab', 'c', '', 'defg');
    assert.equal(queue.length, 7);
    assert.equal(queue.take(8), undefined);
    assert.equal(queue.take(1)?.toString(), 'a');
    assert.equal(queue.take(4)?.toString(), 'bcde');
    assert.equal(queue.take(2)?.toString(), 'fg');
    assert.equal(queue.length, 0);
    assert.equal(queue.take(0)?.length, 0);
    assert.equal(queue.take(1), undefined);
  });

  it('takes what lies in one chunk without copying', () => {
    const chunk = Buffer.from('abcdef');
    const queue = new ByteQueue();
    queue.append(chunk);
    const piece = queue.takeUpTo(4);
    assert.equal(piece.toString(), 'abcd');
    assert.equal(piece.buffer, chunk.buffer);
    assert.equal(queue.takeUpTo(10).toString(), 'ef');
    assert.equal(queue.takeUpTo(10).length, 0);
  });

  it('holds copies once it has let go, whatever becomes of the chunks', () => {
    const queue = new ByteQueue();
    for (const text of ['abc', 'de', 'f']) {
      const chunk = Buffer.from(text);
      queue.append(chunk);
      queue.letGo();
      chunk.fill(0);
    }
    assert.equal(queue.take(2)?.toString(), 'ab');
    queue.letGo();
    assert.equal(queue.length, 4);
    assert.equal(queue.take(4)?.toString(), 'cdef');
    queue.letGo();
    assert.equal(queue.length, 0);
  });

  it('holds 60,000 bytes that came one by one in a few pieces', () => {
    const queue = new ByteQueue();
    const chunk = Buffer.alloc(1);
    for (let i = 0; i < 60_000; i += 1) {
      chunk[0] = i % 251;
      queue.append(chunk);
      queue.letGo();
    }
    const pieces: Buffer[] = [];
    while (queue.length > 0) pieces.push(queue.takeUpTo(60_000));
    assert.ok(pieces.length < 50, `${pieces.length} pieces`);
    assert.ok(Buffer.concat(pieces).every((byte, i) => byte === i % 251));
  });
});
