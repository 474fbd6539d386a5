// Cookies that are split, and what of a Cookie header counts.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  MAX_SPLIT_LENGTH,
  SESSION_COOKIE,
  clearSplitCookie,
  readCookies,
  readSplitCookie,
  setSplitCookie,
} from '../../src/browser-session/cookies.ts';
import { HeaderLines } from '../../src/core/headers.ts';

const read = (...lines: readonly string[]) =>
  readCookies(new HeaderLines(lines.flatMap((line) => ['Cookie', line])));

const pairOf = (line: string): string => line.split(';', 1)[0] ?? '';

describe('a split cookie', () => {
  for (const length of [0, 1, 3_797, 3_798, 3_799, 7_598, 7_599, MAX_SPLIT_LENGTH]) {
    it(`of ${length} characters is read as it was set, in lines that a browser keeps`, () => {
      const value = 'x'.repeat(length);
      const lines = setSplitCookie(SESSION_COOKIE, value, 60, new Map());
      for (const line of lines) {
        assert.ok(line.length < 4096);
        assert.match(
          line,
          /^__Host-kubelet-gateway[^;]*; Path=\/; Secure; HttpOnly; SameSite=Lax; Max-Age=60$/,
        );
      }
      const cookies = read(lines.map(pairOf).join('; '));
      assert.equal(readSplitCookie(cookies, SESSION_COOKIE), value);
    });
  }

  it('is bounded', () => {
    assert.throws(
      () => setSplitCookie(SESSION_COOKIE, 'x'.repeat(MAX_SPLIT_LENGTH + 1), 60, new Map()),
      RangeError,
    );
  });

  it('clears what a longer one has left', () => {
    const long = read(
      setSplitCookie(SESSION_COOKIE, 'x'.repeat(9_000), 60, new Map()).map(pairOf).join('; '),
    );
    const lines = setSplitCookie(SESSION_COOKIE, 'short', 60, long);
    assert.deepEqual(
      lines.map((line) => [pairOf(line), line.endsWith('Max-Age=0')]),
      [
        [`${SESSION_COOKIE}=1.short`, false],
        [`${SESSION_COOKIE}.1=`, true],
        [`${SESSION_COOKIE}.2=`, true],
      ],
    );
    assert.equal(clearSplitCookie(SESSION_COOKIE, long).length, 3);
  });

  it('is none when a part is missing, or its count is not one', () => {
    const [first = '', second = ''] = setSplitCookie(SESSION_COOKIE, 'x'.repeat(4_000), 60, new Map()).map(
      pairOf,
    );
    assert.equal(readSplitCookie(read(first), SESSION_COOKIE), undefined);
    assert.equal(readSplitCookie(read(second), SESSION_COOKIE), undefined);
    for (const value of ['', 'x', '0.x', '9.x', '12.x', '-1.x', '1x']) {
      assert.equal(readSplitCookie(read(`${SESSION_COOKIE}=${value}`), SESSION_COOKIE), undefined, value);
    }
  });
});

describe('the cookies of a request', () => {
  it('are the gateway’s own, and no name counts twice', () => {
    const cookies = read(`a=b; ${SESSION_COOKIE}=1.x; ${SESSION_COOKIE}-attempt=1`, 'c=d');
    assert.deepEqual([...cookies.keys()], [SESSION_COOKIE, `${SESSION_COOKIE}-attempt`]);
    assert.equal(read(`${SESSION_COOKIE}=1.x; ${SESSION_COOKIE}=1.y`).size, 0);
    assert.equal(read(`${SESSION_COOKIE}=1.x`, `${SESSION_COOKIE}=1.x`).size, 0);
    assert.equal(read(`session=${SESSION_COOKIE}`).size, 0);
  });
});
