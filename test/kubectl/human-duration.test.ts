// Ages in kubectl's words, at the edges of every step.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { toHumanDuration } from '../../src/kubectl/human-duration.ts';

const HOUR = 3600;
const DAY = 24 * HOUR;

for (const [seconds, expected] of [
  [-2, '<invalid>'],
  [-1, '0s'],
  [0, '0s'],
  [119, '119s'],
  [120, '2m'],
  [185, '3m5s'],
  [599, '9m59s'],
  [600, '10m'],
  [3 * HOUR - 1, '179m'],
  [3 * HOUR, '3h'],
  [3 * HOUR + 300, '3h5m'],
  [8 * HOUR, '8h'],
  [47 * HOUR, '47h'],
  [2 * DAY, '2d'],
  [2 * DAY + HOUR, '2d1h'],
  [8 * DAY, '8d'],
  [729 * DAY, '729d'],
  [730 * DAY, '2y'],
  [731 * DAY, '2y1d'],
  [8 * 365 * DAY, '8y'],
] as const) {
  it(`${seconds} s is ${expected}`, () => {
    assert.equal(toHumanDuration(seconds * 1000), expected);
  });
}
