// Words within JSON that is put together by hand are those that JSON.stringify would write.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inQuotes, toListText } from '../../src/observe/json-text.ts';

const WORDS = [
  '',
  'node-1',
  'q"uote',
  'back\\slash',
  'a\nb\u0000c\u001f',
  '\u007f\u2028',
  'ü€',
  '🔒',
  '\ud800',
  'x\udfff',
];

describe('text in quotes', () => {
  for (const word of WORDS) {
    it(`is as JSON has it: ${JSON.stringify(word)}`, () => {
      assert.equal(`"${inQuotes(word)}"`, JSON.stringify(word));
      assert.equal(toListText([word]), JSON.stringify([word]));
    });
  }

  it('of every character of the Basic Multilingual Plane is as JSON has it', () => {
    for (let unit = 0; unit < 0x10000; unit += 1) {
      const text = String.fromCharCode(unit);
      assert.equal(`"${inQuotes(text)}"`, JSON.stringify(text));
    }
  });

  it('in lists of none and of many too', () => {
    assert.equal(toListText([]), '[]');
    assert.equal(toListText(WORDS), JSON.stringify(WORDS));
  });
});
