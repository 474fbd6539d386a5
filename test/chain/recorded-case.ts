// Recordings of two gateways in one place and the audit logs that tell of them, both written by the gateway's own parts.

import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { createVerifier } from '../../src/chain/jws.ts';
import type { CheckpointVerifier } from '../../src/chain/jws.ts';
import { createDirectorySource } from '../../src/chain/verify/recorded.ts';
import { verifyLogs } from '../../src/chain/verify/verify-logs.ts';
import type { VerifyReport } from '../../src/chain/verify/verify-logs.ts';
import { isSessionId } from '../../src/core/operation.ts';
import type { RecordingLedger } from '../../src/core/recording-mark.ts';
import { createDirectoryArchive } from '../../src/record/archive/directory-archive.ts';
import { createDirectoryStore } from '../../src/record/store/directory-store.ts';
import type { OpenRecording } from '../../src/record/store/recording-store.ts';
import { createToldStore } from '../../src/record/store/told-store.ts';
import { createCase, keySet, openAudit } from '../observe/audit/chain/support.ts';
import type { LogCase } from '../observe/audit/chain/support.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import type { FakeClock } from '../support/fake-clock.ts';

const work = await mkdtemp(join(tmpdir(), 'recorded-'));
after(() => rm(work, { recursive: true, force: true }));

let verify: CheckpointVerifier;
before(async () => {
  verify = await createVerifier([keySet]);
});

export const idOf = (name: string): string => `00000000-0000-4000-8000-${name.padStart(12, '0')}`;
export const WHOLE = idOf('1');
export const DELETED = idOf('2');
const DISCARDED = idOf('3');
export const RUNNING = idOf('4');
export const BEGUN = idOf('5');
const THEIRS = idOf('6');

/** What one gateway does of recording, over its own log. */
interface Gateway {
  readonly clock: FakeClock;
  begin(id: string): Promise<OpenRecording>;
  remove(id: string): Promise<void>;
}

export function createGateway(ledger: RecordingLedger, directory: string): Gateway {
  const clock = createFakeClock();
  const files = createDirectoryStore({}, { directory, fsync: false });
  const store = createToldStore({ clock, ledger, store: files }, 30_000);
  const archive = createDirectoryArchive({ clock, ledger }, directory);
  return {
    clock,
    begin: (id) =>
      store.begin(id, { kind: 'Begin', version: 1, id, startedAt: new Date(clock.now()).toISOString() }),
    async remove(id) {
      assert.ok(isSessionId(id));
      assert.equal(await archive.delete(id, 'retention: age'), true);
    },
  };
}

export async function addSegment(recording: OpenRecording, number: number): Promise<void> {
  const segment = await recording.createSegment(`0000000${number}.cast`, 1000);
  await segment.append([Buffer.from(`[${number},"o","shown"]\n`)]);
  await recording.append({ kind: 'Segment', ...(await segment.close()), closedAt: '' });
}

async function end(recording: OpenRecording): Promise<void> {
  await recording.append({ kind: 'End', endedAt: '', state: 'complete' });
  recording.release();
}

export interface Place {
  readonly folder: string;
  readonly logs: readonly LogCase[];
  readonly recordings: string;
}

/** The first gateway's recordings, of every kind; one of the second's, which deletes one of the first's too. */
export async function write(): Promise<Place> {
  const folder = await mkdtemp(join(work, 'left-'));
  const recordings = join(folder, 'recordings');
  const one = await createCase();
  const two = await createCase();
  // A policy that leaves all sessions out leaves no recording out.
  const first = await openAudit(one, { policy: { rules: [{ level: 'None' }], omitStages: [] } });
  const second = await openAudit(two);
  await second.exchange();
  const mine = createGateway(first.audit.ledger, recordings);
  const theirs = createGateway(second.audit.ledger, recordings);
  for (const [gateway, id] of [
    [mine, WHOLE],
    [mine, DELETED],
    [theirs, THEIRS],
  ] as const) {
    const recording = await gateway.begin(id);
    await addSegment(recording, 1);
    await addSegment(recording, 2);
    await end(recording);
  }
  await theirs.remove(DELETED);
  await (await mine.begin(DISCARDED)).discard();
  const running = await mine.begin(RUNNING);
  await addSegment(running, 1);
  await addSegment(running, 2);
  mine.clock.advance(30_000);
  await addSegment(running, 3);
  await mine.begin(BEGUN);
  await first.audit.close();
  await second.audit.close();
  await cp(one.folder, join(folder, 'one'), { recursive: true });
  await cp(two.folder, join(folder, 'two'), { recursive: true });
  await Promise.all([one.remove(), two.remove()]);
  return toPlace(folder);
}

const toPlace = (folder: string): Place => ({
  folder,
  recordings: join(folder, 'recordings'),
  logs: ['one', 'two'].map((name) => ({
    folder: join(folder, name),
    path: join(folder, name, 'audit.log'),
    secondSink: join(folder, name, 'checkpoints'),
    remove: () => Promise.resolve(),
  })),
});

export const left = await write();

export async function copyOf({ folder }: Place): Promise<Place> {
  const copy = await mkdtemp(join(work, 'case-'));
  await cp(folder, copy, { recursive: true });
  return toPlace(copy);
}

export const check = async ({
  logs,
  recordings,
}: Place): Promise<VerifyReport & { readonly said: string }> => {
  const report = await verifyLogs({
    logs: logs.map(({ path, secondSink }) => ({ log: path, checkpoints: secondSink })),
    verify,
    recordings: createDirectorySource(recordings),
  });
  const said = report.findings.map(({ kind, file, message }) => `${kind} ${file} ${message}`).join('\n');
  return { ...report, said };
};

export const only = (place: Place, index: number): Place => ({
  ...place,
  logs: place.logs.slice(index, index + 1),
});

export const manifestOf = ({ recordings }: Place, id: string): string =>
  join(recordings, id, 'manifest.jsonl');

export async function edit(file: string, change: (lines: string[]) => readonly string[]): Promise<void> {
  const lines = (await readFile(file, 'utf8')).split('\n').slice(0, -1);
  await writeFile(
    file,
    change(lines)
      .map((line) => `${line}\n`)
      .join(''),
  );
}

/** What somebody does who may write where the recordings lie. */
export interface Attack {
  readonly name: string;
  readonly attack: (place: Place) => Promise<unknown>;
  /** In the findings of a verification. */
  readonly finds: RegExp;
}
