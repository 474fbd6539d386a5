// The inside of a JSON string: the same as JSON.stringify's, for every text and at every length.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { MAX_TEXT_BYTES, createJsonTextWriter } from '../../src/record/json-text.ts';

const write = createJsonTextWriter();
const check = (text: string): void => {
  assert.equal(write('[0,"', Buffer.from(text), '"]\n').toString(), `[0,${JSON.stringify(text)}]\n`);
};

describe('JSON text', () => {
  it('is what JSON.stringify makes of every text', () => {
    const text = fc.string({ unit: 'binary', maxLength: 100 });
    const ascii = fc.string({ unit: 'binary-ascii', maxLength: 100 });
    fc.assert(fc.property(fc.oneof(text, ascii), check), { numRuns: 3000 });
  });

  it('escapes what must be at every place of sixteen, and nothing else', () => {
    for (let byte = 0; byte < 0x80; byte++) {
      for (let length = 1; length <= 34; length++) {
        const at = byte % length;
        check('x'.repeat(at) + String.fromCharCode(byte) + 'y'.repeat(length - at - 1));
      }
    }
    check('');
    check('"'.repeat(100));
    check('\u2028\u{10ffff}\x7f\u0080');
  });

  it('keeps nothing of an earlier text', () => {
    assert.equal(write('', Buffer.alloc(1000, 0x22), '').toString(), '\\"'.repeat(1000));
    assert.equal(write('', Buffer.from('a'), '').toString(), 'a');
  });

  it('takes the longest text at its worst, and no longer one', () => {
    assert.equal(write('', Buffer.alloc(MAX_TEXT_BYTES, 1), '').length, MAX_TEXT_BYTES * 6);
    assert.throws(() => write('', Buffer.alloc(MAX_TEXT_BYTES + 1), ''), RangeError);
    assert.throws(() => write('x'.repeat(100), Buffer.alloc(1), 'x'.repeat(100)), RangeError);
  });
});
