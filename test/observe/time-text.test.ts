// Times as text are those of Date, whichever came before.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createTimeText } from '../../src/observe/time-text.ts';

const SECOND = Date.UTC(2026, 10, 23, 18, 0, 0);

describe('a time as text', () => {
  const toText = createTimeText();
  for (const at of [
    SECOND,
    SECOND + 7,
    SECOND + 45,
    SECOND + 999,
    SECOND + 1000,
    SECOND + 3,
    // The clock is set back, and there may be parts of milliseconds.
    SECOND - 1,
    SECOND - 0.25,
    SECOND + 12.75,
    0,
    -1,
    Date.UTC(9999, 11, 31, 23, 59, 59, 999),
    Date.UTC(10_000, 0, 1),
  ]) {
    const date = new Date(Math.floor(at)).toISOString();
    it(date, () => assert.equal(`${toText(at)}Z`, date));
  }
});
