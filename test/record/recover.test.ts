// Recordings that a gateway left without an end, at its next start: what is there is named, sealed and told of, and what
// another may still write is left alone.

import assert from 'node:assert/strict';
import { appendFile, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import type { RecordingLedger, RecordingMark } from '../../src/core/recording-mark.ts';
import { ManifestChain, digestOf } from '../../src/record/manifest.ts';
import { recoverRecordings } from '../../src/record/recover.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createKeptLog } from '../support/kept-log.ts';
import { readRecording } from './support.ts';

const work = await mkdtemp(join(tmpdir(), 'recover-'));
after(() => rm(work, { recursive: true, force: true }));

const ID = '00000000-0000-4000-8000-000000000001';
const OTHER = '00000000-0000-4000-8000-000000000002';
const CHAIN = 'c'.repeat(32);
const FIRST = '{"version":3}\n[0,"o","one"]\n';
const MODE = { mode: 0o600 };
const OPEN = '[1,"o","two"]\n[2,"o","thr';

interface Left {
  readonly directory: string;
  readonly marks: readonly RecordingMark[];
  readonly messages: () => readonly string[];
  run(options?: { readonly isOwn?: boolean; readonly running?: readonly string[] }): Promise<number>;
}

async function leave(): Promise<Left> {
  const directory = await mkdtemp(join(work, 'left-'));
  const marks: RecordingMark[] = [];
  const ledger: RecordingLedger = {
    chain: CHAIN,
    tell: (mark) => {
      marks.push(mark);
      return Promise.resolve();
    },
    tellLater: (mark) => void marks.push(mark),
  };
  const log = createKeptLog();
  const clock = createFakeClock();
  return {
    directory,
    marks,
    messages: () => log.lines.map(({ message }) => message),
    run: ({ isOwn = false, running = [] } = {}) =>
      recoverRecordings({ clock, log, ledger, running: new Set(running) }, { directory, isOwn }),
  };
}

/** One whole segment, an open one whose last line is torn, and a torn line of the manifest. */
async function write(directory: string, id: string, auditChain = CHAIN): Promise<void> {
  const folder = join(directory, id);
  await mkdir(folder, { mode: 0o700 });
  await writeFile(join(folder, '00000001.cast'), FIRST, MODE);
  await writeFile(join(folder, '00000002.cast'), OPEN, MODE);
  const chain = new ManifestChain();
  const add = (line: string): Promise<void> => appendFile(join(folder, 'manifest.jsonl'), `${line}\n`, MODE);
  await chain.add({ kind: 'Begin', version: 1, id, startedAt: '', auditChain }, add);
  const sha256 = digestOf(FIRST);
  const segment = {
    kind: 'Segment',
    file: '00000001.cast',
    bytes: FIRST.length,
    sha256,
    closedAt: '',
  } as const;
  await chain.add(segment, add);
  await appendFile(join(folder, 'manifest.jsonl'), '{"kind":"Segment","fi');
}

describe('a recording without an end', () => {
  it('is given one: what its manifest did not name is named, and the audit log is told what it came to', async () => {
    const left = await leave();
    await write(left.directory, ID);
    assert.equal(await left.run(), 1);
    const folder = join(left.directory, ID);
    const { manifest: entries, open } = await readRecording(folder);
    assert.deepEqual(open, []);
    assert.deepEqual(
      entries.map((entry) => entry['kind']),
      ['Begin', 'Segment', 'Segment', 'End'],
    );
    const [, , cut, end] = entries;
    assert.equal(cut?.['file'], '00000002.cast');
    assert.equal(cut['sha256'], digestOf(OPEN));
    assert.equal(cut['cut'], true);
    assert.equal(end?.['state'], 'incomplete');
    assert.equal(end['segments'], 2);
    assert.match(String(end['problem']), /the gateway ended before the session/);
    const last = (await readFile(join(folder, 'manifest.jsonl'), 'utf8')).trimEnd().split('\n').at(-1) ?? '';
    assert.deepEqual(left.marks, [
      {
        what: 'recovered',
        id: ID,
        manifest: digestOf(last),
        segments: 2,
        why: 'the gateway ended before the session',
      },
    ]);
    assert.equal(await left.run(), 0);
    assert.equal(left.marks.length, 1);
  });

  it('is left as it is while this process writes it', async () => {
    const left = await leave();
    await write(left.directory, ID);
    assert.equal(await left.run({ running: [ID] }), 0);
    assert.deepEqual(left.marks, []);
  });

  it('is left to the gateway whose log tells of it, unless the directory is one of its own', async () => {
    const left = await leave();
    await write(left.directory, ID, 'd'.repeat(32));
    assert.equal(await left.run(), 0);
    assert.equal(await left.run({ isOwn: true }), 1);
  });

  it('stays when it cannot be read, and keeps the others from nothing', async () => {
    const left = await leave();
    await mkdir(join(left.directory, ID));
    await symlink('/etc/passwd', join(left.directory, ID, 'manifest.jsonl'));
    await write(left.directory, OTHER);
    assert.equal(await left.run(), 1);
    assert.equal(left.marks[0]?.id, OTHER);
    assert.ok(left.messages().includes('a recording without an end stays as it is'));
  });

  it('that has nothing but a torn first line never was a session, and stays', async () => {
    const left = await leave();
    await mkdir(join(left.directory, ID));
    await writeFile(join(left.directory, ID, 'manifest.jsonl'), '{"kind":"Beg');
    assert.equal(await left.run({ isOwn: true }), 0);
  });

  it('is none where there is no directory', async () => {
    const left = await leave();
    await rm(left.directory, { recursive: true });
    assert.equal(await left.run(), 0);
  });
});
