// What a manifest says of what the audit log was told: a deletion by somebody who does not have that log goes by it.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { RecordingMark } from '../../src/core/recording-mark.ts';
import { toPassed } from '../../src/record/archive/summary.ts';
import { ManifestChain, digestOf } from '../../src/record/manifest.ts';
import type { ManifestEntry } from '../../src/record/manifest.ts';
import type { OpenRecording } from '../../src/record/store/recording-store.ts';
import { createToldStore } from '../../src/record/store/told-store.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const BEGIN = { kind: 'Begin', version: 1, id: 'a', startedAt: '' } as const;
const toSegment = (number: number): ManifestEntry => ({
  kind: 'Segment',
  file: `0000000${number}.cast`,
  bytes: 1,
  sha256: '0'.repeat(64),
  closedAt: '',
});

/** A recording in memory, whose next line is stored when `letGo` says so. */
async function begin() {
  const clock = createFakeClock();
  const marks: RecordingMark[] = [];
  const lines: string[] = [];
  const chain = new ManifestChain();
  let gate: Promise<void> = Promise.resolve();
  let letGo: () => void = () => undefined;
  const add = (entry: ManifestEntry): Promise<string> =>
    chain.add(entry, async (line) => {
      await gate;
      lines.push(line);
    });
  const store = createToldStore(
    {
      clock,
      ledger: {
        chain: undefined,
        tell: (mark) => Promise.resolve(void marks.push(mark)),
        tellLater: (mark) => void marks.push(mark),
      },
      store: {
        begin: async (_id, entry): Promise<OpenRecording> => ({
          beginning: await add(entry),
          append: add,
          createSegment: () => Promise.reject(new Error('none')),
          discard: () => Promise.resolve(),
          release: () => undefined,
        }),
      },
    },
    30_000,
  );
  return {
    clock,
    marks,
    lines,
    recording: await store.begin('a', BEGIN),
    hold: () => {
      gate = new Promise((resolve) => {
        letGo = resolve;
      });
    },
    letGo: () => letGo(),
  };
}

/** Whether a manifest of these lines tells of what the log was told last by then. */
function tells(lines: readonly string[], { manifest, segments }: RecordingMark): boolean {
  const passed = toPassed(lines.map((line) => `${line}\n`).join(''));
  const isLast = digestOf(lines.at(-1) ?? '') === manifest;
  return isLast || passed.some((point) => point.manifest === manifest && point.segments === segments);
}

describe('a recording that the log is told of', () => {
  it('has what was told last in its last line or named in it, wherever its gateway dies', async () => {
    const { clock, marks, lines, recording } = await begin();
    const last = (): RecordingMark => marks.at(-1) ?? assert.fail('nothing was told');
    for (let number = 1; number <= 9; number += 1) {
      await recording.append(toSegment(number));
      assert.ok(tells(lines, last()), `after ${number}`);
      clock.advance(number % 3 === 0 ? 1000 : 30_000);
      assert.ok(tells(lines, last()), `after ${number} and a while`);
    }
    assert.deepEqual(
      marks.map(({ what, segments }) => `${what} ${segments}`),
      ['begun 0', 'reached 1', 'reached 2', 'reached 4', 'reached 5', 'reached 7', 'reached 8'],
    );
    await recording.append({ kind: 'End', endedAt: '', state: 'complete' });
    assert.ok(tells(lines, marks.at(-2) ?? last()), 'after its end, of which the log did not hear');
  });

  it('is told of what is being stored when the time has come, and not of what was before', async () => {
    const { clock, marks, lines, recording, hold, letGo } = await begin();
    await recording.append(toSegment(1));
    hold();
    const storing = recording.append(toSegment(2));
    clock.advance(30_000);
    assert.deepEqual(
      marks.map(({ what }) => what),
      ['begun'],
    );
    letGo();
    const manifest = await storing;
    assert.deepEqual(marks.at(-1), { what: 'reached', id: 'a', manifest, segments: 2 });
    await recording.append(toSegment(3));
    assert.equal((JSON.parse(lines.at(-1) ?? '') as { reached?: number }).reached, 2);
  });

  it('names the beginning and sixteen points at most, and none when a line was changed', async () => {
    const { clock, lines, recording } = await begin();
    for (let number = 1; number <= 40; number += 1) {
      await recording.append(toSegment(number));
      clock.advance(30_000);
    }
    const manifest = lines.map((line) => `${line}\n`).join('');
    assert.deepEqual(
      toPassed(manifest).map(({ segments }) => segments),
      [0, ...Array.from({ length: 16 }, (_, at) => 24 + at)],
    );
    assert.deepEqual(toPassed(manifest.replace('"bytes":1', '"bytes":2')), []);
    assert.deepEqual(toPassed(''), []);
  });
});
