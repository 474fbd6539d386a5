// How an event becomes a line of the chain, as text and as bytes.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Link } from '../../src/chain/link.ts';
import { linkedSize, readLink, toLinkedLine, writeLinkedLine } from '../../src/chain/link.ts';

const link: Link = { chain: 'c'.repeat(32), sequence: 9_007_199_254_740_991, previous: 'd'.repeat(64) };

const written = (event: string, at: number): Buffer => {
  const bytes = Buffer.alloc(at + linkedSize(event));
  return bytes.subarray(at, writeLinkedLine(bytes, at, event, link));
};

describe('a line of the chain', () => {
  for (const [what, event] of [
    ['ASCII', '{"kind":"Event","annotations":{"a":"b"}}'],
    ['two bytes a character', `{"annotations":{"reason":"${'ü'.repeat(500)}"}}`],
    ['three bytes a character', `{"annotations":{"reason":"${'€'.repeat(500)}"}}`],
    ['four bytes a character', `{"annotations":{"reason":"${'🔒'.repeat(500)}"}}`],
  ] as const) {
    it(`is the same as text and as bytes: ${what}`, () => {
      const text = toLinkedLine(event, link);
      assert.equal(written(event, 0).toString(), text);
      assert.equal(written(event, 17).toString(), text);
      assert.deepEqual(readLink(Buffer.from(text)), link);
    });
  }

  for (const event of ['', '"}', '{"kind":"Event"}', '{"annotations":{}}']) {
    it(`is not made of an event without annotations: ${JSON.stringify(event)}`, () => {
      assert.throws(() => toLinkedLine(event, link), /cannot be chained/);
      // What stands before it does not count as its own.
      const bytes = Buffer.from(`"}}"}}${' '.repeat(400)}`);
      assert.throws(() => writeLinkedLine(bytes, 6, event, link), /cannot be chained/);
    });
  }
});
