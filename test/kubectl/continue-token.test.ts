// The `continue` of lists: what it says, and that it is of one list, for a while.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseContinueToken, toContinueToken } from '../../src/kubectl/continue-token.ts';

const NOW = Date.parse('2026-11-23T17:20:00Z');
const PLACE = { resourceVersion: '1795968990409000482', node: 'node-2', after: 'default/web u-1' };
const token = toContinueToken('list of alice', NOW, PLACE);
const of = (...parts: readonly unknown[]): string => Buffer.from(JSON.stringify(parts)).toString('base64url');

describe('a continue token', () => {
  it('says what it was made with', () => {
    assert.deepEqual(parseContinueToken(token, 'list of alice', NOW + 299_000), PLACE);
  });

  it('is of no other list, and of nobody else', () => {
    assert.throws(() => parseContinueToken(token, 'list of bob', NOW), {
      reason: 'BadRequest',
      message: /of another list, or of somebody else/,
    });
  });

  for (const late of [300_000, -300_000]) {
    it(`is Expired after ${late} ms`, () => {
      assert.throws(() => parseContinueToken(token, 'list of alice', NOW + late), { reason: 'Expired' });
    });
  }

  for (const text of [
    'x',
    '%%',
    of(2, '', NOW, '1', 'node-2', ''),
    of(1, 7, NOW, '1', 'node-2', ''),
    of(1, '', 'now', '1', 'node-2', ''),
    of(1, '', NOW, 'v1', 'node-2', ''),
    of(1, '', NOW, '1', null, ''),
    of(1, '', NOW, '1', 'node-2', {}),
    Buffer.from('{"a":1}').toString('base64url'),
  ]) {
    it(`is not ${JSON.stringify(text).slice(0, 60)}`, () => {
      assert.throws(() => parseContinueToken(text, 'list of alice', NOW), {
        reason: 'BadRequest',
        message: /of no list here/,
      });
    });
  }
});
