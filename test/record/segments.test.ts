// A recording that goes on for weeks: its segments last longer as they become many, and there are never more of them than its
// manifest can be read with.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MAX_OBJECT_BYTES } from '../../src/object-store/object-store.ts';
import { NO_PREVIOUS } from '../../src/record/manifest.ts';
import { MAX_SEGMENTS, Segments } from '../../src/record/segments.ts';
import type { OpenRecording } from '../../src/record/store/recording-store.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { eventually } from '../support/scenario.ts';

const MAX_AGE_MS = 1000;
/** A line that fills its segment, and one that does not. */
const FULL = Buffer.from('[0,"o","0123456789"]\n');
const SHORT = Buffer.from('[0,"o",""]\n');

/** Keeps the manifest alone. */
function setUp(maxCount?: number) {
  const clock = createFakeClock();
  const lines: string[] = [];
  const failures: unknown[] = [];
  const recording: OpenRecording = {
    beginning: '',
    createSegment: (name) =>
      Promise.resolve({
        append: () => Promise.resolve(),
        // The longest there are.
        close: () => Promise.resolve({ file: `${name}.age`, bytes: 1_234_567, sha256: 'f'.repeat(64) }),
        abandon: () => Promise.resolve(),
      }),
    append: (entry) => {
      lines.push(JSON.stringify({ ...entry, reached: MAX_SEGMENTS, previous: NO_PREVIOUS }));
      return Promise.resolve('');
    },
    discard: () => Promise.resolve(),
    release: () => undefined,
  };
  const segments = new Segments(
    { clock, recording, onWritten: () => undefined, onFailed: (error) => failures.push(error) },
    {
      extension: 'jsonl',
      maxAgeMs: MAX_AGE_MS,
      maxBytes: FULL.length,
      ...(maxCount === undefined ? {} : { maxCount }),
    },
  );
  const isGoingOn = (until: number): boolean => segments.named < until && failures.length === 0;
  const fill = async (count: number): Promise<void> => {
    const until = segments.named + count;
    // In parts: as many as wait are looked through each time.
    while (isGoingOn(until)) {
      const part = Math.min(128, until - segments.named);
      const goal = segments.named + part;
      for (let at = 0; at < part; at += 1) segments.append(FULL, () => undefined);
      while (isGoingOn(goal)) {
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
  };
  return { clock, segments, lines, failures, fill };
}

describe('the segments of a long recording', () => {
  it('last twice as long after 32,768', async () => {
    const { clock, segments, fill } = setUp();
    for (const factor of [1, 2]) {
      const before = segments.named;
      segments.append(SHORT, () => undefined);
      await eventually('what was written', () => (segments.pending === 0 ? true : undefined));
      clock.advance(MAX_AGE_MS * factor - 1);
      await new Promise((resolve) => setImmediate(resolve));
      assert.equal(segments.named, before);
      clock.advance(1);
      await eventually('its end', () => (segments.named > before ? true : undefined));
      if (factor === 1) await fill(32_767);
    }
  });

  it('are not more than there may be, and so many can be read back', async () => {
    const { segments, lines, failures, fill } = setUp(3);
    await fill(3);
    assert.deepEqual([segments.named, failures], [3, []]);
    await fill(1);
    assert.match(String(failures[0]), /3 segments at most/);
    // What it begins and ends with has room as well.
    const bytes = Math.max(...lines.map(({ length }) => length + 1)) * MAX_SEGMENTS;
    assert.ok(bytes < MAX_OBJECT_BYTES - 2 ** 21, `${bytes}`);
  });
});
