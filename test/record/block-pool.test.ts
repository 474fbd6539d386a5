// Memory that lines are gathered in: what is written is what was added, in order, and blocks are used again only when
// nobody reads them.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { BLOCK_BYTES, BlockPool } from '../../src/record/block-pool.ts';
import { LineBatch } from '../../src/record/line-batch.ts';
import { createFakeClock } from '../support/fake-clock.ts';

interface Sent {
  readonly lines: Buffer;
  readonly done: () => void;
}

const createBatch = (maxBytes: number, pool = new BlockPool()) => {
  const sent: Sent[] = [];
  const clock = createFakeClock();
  let flushes = 0;
  const batch = new LineBatch(
    {
      clock,
      pool,
      flush: () => (flushes += 1),
      send: (lines, done) => sent.push({ lines, done }),
    },
    { maxBytes },
  );
  return { batch, sent, clock, flushes: () => flushes };
};

describe('a batch of lines', () => {
  it('sends every byte once and in order, whole lines, never more than a segment takes', () => {
    const line = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 300 }).map((text) => `${text}\n`),
      fc.nat({ max: 70_000 }).map((length) => Buffer.alloc(length, 'x')),
    );
    const limit = fc.constantFrom(100, 5_000, 100_000, 10_000_000);
    fc.assert(
      fc.property(fc.array(line, { maxLength: 40 }), limit, (lines, maxBytes) => {
        const { batch, sent } = createBatch(maxBytes);
        const written: Buffer[] = [];
        const ends = new Set([0]);
        let end = 0;
        // The disk takes its time: blocks come back late, and not in the order in which they went.
        const take = (): void => {
          for (const { lines: bytes, done } of sent.splice(0)) {
            written.push(Buffer.from(bytes));
            done();
          }
        };
        for (const [at, one] of lines.entries()) {
          const lent = typeof one === 'string' ? one : Buffer.from(one);
          batch.add(lent);
          if (typeof lent !== 'string') lent.fill(0xee);
          end += Buffer.byteLength(one);
          ends.add(end);
          if (at % 3 === 2) take();
        }
        batch.send();
        assert.equal(batch.bytes, 0);
        take();
        const expected = Buffer.concat(lines.map((one) => Buffer.from(one)));
        assert.ok(Buffer.concat(written).equals(expected));
        let at = 0;
        const longest = Math.max(0, ...lines.map((one) => Buffer.byteLength(one)));
        for (const { length } of written) {
          assert.ok(length <= Math.max(longest, Math.min(maxBytes, BLOCK_BYTES)));
          assert.ok(ends.has((at += length)));
        }
      }),
    );
  });

  it('goes when its time is over, with what was held elsewhere', () => {
    const { batch, sent, clock, flushes } = createBatch(1000);
    batch.settle(false);
    assert.equal(clock.pending, 0);
    batch.add('a line\n');
    batch.settle(true);
    batch.settle(true);
    assert.equal(clock.pending, 1);
    clock.advance(10);
    assert.equal(flushes(), 1);
    assert.equal(sent.map(({ lines }) => lines.toString()).join(), 'a line\n');
    assert.equal(clock.pending, 0);
  });

  it('has no block for a few lines, and does not let one that is nearly empty wait for the disk', () => {
    const { batch, sent } = createBatch(10_000_000);
    batch.add('key\n');
    batch.send();
    batch.add(Buffer.alloc(20_000));
    batch.send();
    batch.add(Buffer.alloc(BLOCK_BYTES - 1));
    batch.send();
    const [few, some, many] = sent.map(({ lines }) => lines.buffer.byteLength);
    assert.ok(few !== undefined && few <= 1024);
    assert.equal(some, 20_000);
    assert.equal(many, BLOCK_BYTES);
  });

  it('uses a block again when it is written, and not before', () => {
    const pool = new BlockPool();
    const { batch, sent } = createBatch(10_000_000, pool);
    const fill = (byte: string): Sent => {
      batch.add(Buffer.alloc(BLOCK_BYTES, byte));
      batch.send();
      const last = sent.at(-1);
      assert.ok(last);
      return last;
    };
    const first = fill('a');
    const second = fill('b');
    assert.notEqual(first.lines.buffer, second.lines.buffer);
    assert.ok(first.lines.equals(Buffer.alloc(BLOCK_BYTES, 'a')));
    first.done();
    assert.equal(fill('c').lines.buffer, first.lines.buffer);
    assert.ok(second.lines.equals(Buffer.alloc(BLOCK_BYTES, 'b')));
  });
});
