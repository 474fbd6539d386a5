// Recordings and the audit logs that tell of them, both written by the gateway's own parts; then what somebody does who may
// write where the recordings lie, and has no signing key.

import assert from 'node:assert/strict';
import { appendFile, cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { createVerifier } from '../../src/chain/jws.ts';
import type { CheckpointVerifier } from '../../src/chain/jws.ts';
import { readMark, toMarkEvent } from '../../src/chain/mark-event.ts';
import { createDirectorySource } from '../../src/chain/verify/recorded.ts';
import { verifyLogs } from '../../src/chain/verify/verify-logs.ts';
import type { VerifyReport } from '../../src/chain/verify/verify-logs.ts';
import { isSessionId } from '../../src/core/operation.ts';
import type { RecordingLedger } from '../../src/core/recording-mark.ts';
import { createDirectoryArchive } from '../../src/record/archive/directory-archive.ts';
import { ManifestChain, digestOf } from '../../src/record/manifest.ts';
import type { ManifestEntry } from '../../src/record/manifest.ts';
import { recoverRecordings } from '../../src/record/recover.ts';
import { createDirectoryStore } from '../../src/record/store/directory-store.ts';
import type { OpenRecording } from '../../src/record/store/recording-store.ts';
import { createToldStore } from '../../src/record/store/told-store.ts';
import { createCase, keySet, openAudit } from '../observe/audit/chain/support.ts';
import type { LogCase } from '../observe/audit/chain/support.ts';
import { AUDIT_ID } from '../observe/evidence.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import type { FakeClock } from '../support/fake-clock.ts';
import { createKeptLog } from '../support/kept-log.ts';

const work = await mkdtemp(join(tmpdir(), 'recorded-'));
after(() => rm(work, { recursive: true, force: true }));

let verify: CheckpointVerifier;
before(async () => {
  verify = await createVerifier([keySet]);
});

const idOf = (name: string): string => `00000000-0000-4000-8000-${name.padStart(12, '0')}`;
const WHOLE = idOf('1');
const DELETED = idOf('2');
const DISCARDED = idOf('3');
const RUNNING = idOf('4');
const BEGUN = idOf('5');
const THEIRS = idOf('6');

/** What one gateway does of recording, over its own log. */
interface Gateway {
  readonly clock: FakeClock;
  begin(id: string): Promise<OpenRecording>;
  remove(id: string): Promise<void>;
}

function createGateway(ledger: RecordingLedger, directory: string): Gateway {
  const clock = createFakeClock();
  const store = createToldStore({
    clock,
    ledger,
    store: createDirectoryStore({}, { directory, fsync: false }),
  });
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

async function addSegment(recording: OpenRecording, number: number): Promise<void> {
  const segment = await recording.createSegment(`0000000${number}.cast`, 1000);
  await segment.append([Buffer.from(`[${number},"o","shown"]\n`)]);
  await recording.append({ kind: 'Segment', ...(await segment.close()), closedAt: '' });
}

async function end(recording: OpenRecording): Promise<void> {
  await recording.append({ kind: 'End', endedAt: '', state: 'complete' });
  recording.release();
}

interface Place {
  readonly folder: string;
  readonly logs: readonly LogCase[];
  readonly recordings: string;
}

/** The first gateway's recordings, of every kind; one of the second's, which deletes one of the first's too. */
async function write(): Promise<Place> {
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

const left = await write();

async function copyOf({ folder }: Place): Promise<Place> {
  const copy = await mkdtemp(join(work, 'case-'));
  await cp(folder, copy, { recursive: true });
  return toPlace(copy);
}

const check = async ({ logs, recordings }: Place): Promise<VerifyReport & { readonly said: string }> => {
  const report = await verifyLogs({
    logs: logs.map(({ path, secondSink }) => ({ log: path, checkpoints: secondSink })),
    verify,
    recordings: createDirectorySource(recordings),
  });
  const said = report.findings.map(({ kind, file, message }) => `${kind} ${file} ${message}`).join('\n');
  return { ...report, said };
};

const only = (place: Place, index: number): Place => ({ ...place, logs: place.logs.slice(index, index + 1) });

describe('recordings of two gateways in one place', () => {
  it('are proven by both logs: whole, deleted by the other, given up, and as far as running ones were told of', async () => {
    const report = await check(left);
    assert.equal(report.said, '');
    assert.equal(report.outcome, 'proven');
    assert.deepEqual(report.recordings, { proven: 2, unfinished: 2, pruned: 1, foreign: 0 });
  });

  it('are not all proven by one log, which says how many are of another', async () => {
    const report = await check(only(left, 1));
    assert.equal(report.said, '');
    assert.equal(report.outcome, 'unproven');
    assert.deepEqual(report.recordings, { proven: 1, unfinished: 0, pruned: 1, foreign: 3 });
  });

  it('are missed by one log when only that of the other says that they were deleted', async () => {
    const report = await check(only(left, 0));
    assert.equal(report.outcome, 'tampered');
    assert.match(report.said, new RegExp(`its recording ${DELETED} is missing; a tombstone, which anybody`));
  });
});

const manifestOf = ({ recordings }: Place, id: string): string => join(recordings, id, 'manifest.jsonl');

async function edit(file: string, change: (lines: string[]) => readonly string[]): Promise<void> {
  const lines = (await readFile(file, 'utf8')).split('\n').slice(0, -1);
  await writeFile(
    file,
    change(lines)
      .map((line) => `${line}\n`)
      .join(''),
  );
}

const ATTACKS: readonly {
  readonly name: string;
  readonly attack: (place: Place) => Promise<unknown>;
  readonly finds: RegExp;
}[] = [
  {
    name: 'a whole recording deleted, and a tombstone made for it',
    attack: async ({ recordings }) => {
      await rm(join(recordings, WHOLE), { recursive: true });
      await appendFile(
        join(recordings, 'pruned.jsonl'),
        `${JSON.stringify({ kind: 'Deleted', id: WHOLE })}\n`,
      );
    },
    finds: new RegExp(`tampering \\S+audit\\.log its recording ${WHOLE} is missing; a tombstone`),
  },
  {
    name: 'a running recording deleted',
    attack: ({ recordings }) => rm(join(recordings, RUNNING), { recursive: true }),
    finds: new RegExp(`its recording ${RUNNING} is missing$`, 'm'),
  },
  {
    name: 'one deleted that has only begun',
    attack: ({ recordings }) => rm(join(recordings, BEGUN), { recursive: true }),
    finds: new RegExp(`its recording ${BEGUN} is missing$`, 'm'),
  },
  {
    name: 'a running recording shortened behind its first segment, in the form in which a crash leaves one',
    attack: async (place) => {
      await edit(manifestOf(place, RUNNING), (lines) => lines.slice(0, 2));
      for (const name of ['00000002.cast', '00000003.cast']) await rm(join(place.recordings, RUNNING, name));
    },
    finds: /tampering \S+4\/manifest\.jsonl is not what the log says: 2 segments of it had been stored/,
  },
  {
    name: 'the manifest of a running recording emptied',
    attack: (place) => writeFile(manifestOf(place, RUNNING), ''),
    finds: /tampering \S+4\/manifest\.jsonl is not what the log says/,
  },
  {
    name: 'a running recording made anew, consistent in itself',
    attack: async ({ recordings }) => {
      await rm(join(recordings, RUNNING), { recursive: true });
      const ledger = { chain: undefined, tell: () => Promise.resolve(), tellLater: () => undefined };
      const recording = await createGateway(ledger, recordings).begin(RUNNING);
      for (const number of [1, 2, 3]) await addSegment(recording, number);
    },
    finds: /tampering \S+4\/manifest\.jsonl is not what the log says/,
  },
  {
    name: 'an ended recording without its end',
    attack: (place) => edit(manifestOf(place, WHOLE), (lines) => lines.slice(0, -1)),
    finds: /tampering \S+1\/manifest\.jsonl is not what the log says/,
  },
  {
    name: 'a copy under another id',
    attack: ({ recordings }) => cp(join(recordings, WHOLE), join(recordings, idOf('9')), { recursive: true }),
    finds: /tampering \S+9\/manifest\.jsonl is not mentioned in the log/,
  },
  {
    name: 'a deletion written into the log without a link',
    attack: async (place) => {
      await rm(join(place.recordings, WHOLE), { recursive: true });
      const mark = { what: 'deleted', id: WHOLE, manifest: '0'.repeat(64), segments: 2 } as const;
      const event = toMarkEvent(idOf('8'), '2026-01-01T00:00:00.000Z', mark);
      await edit(place.logs[0]?.path ?? '', (lines) => lines.toSpliced(20, 0, event));
    },
    finds: /is not of the chain: it was put in[\s\S]*1 is missing/,
  },
];

describe('found out:', () => {
  for (const { name, attack, finds } of ATTACKS) {
    it(name, async () => {
      const place = await copyOf(left);
      await attack(place);
      const report = await check(place);
      assert.equal(report.outcome, 'tampered', report.said);
      assert.match(report.said, finds);
    });
  }
});

/** The next start of the first gateway, over what lies there then. */
async function restart({ logs: [log], recordings }: Place, { isOwn = false } = {}): Promise<void> {
  assert.ok(log !== undefined);
  const { audit } = await openAudit(log);
  const deps = { clock: createFakeClock(), log: createKeptLog(), ledger: audit.ledger, running: new Set('') };
  await recoverRecordings(deps, { directory: recordings, isOwn });
  await audit.close();
}

/** Lines that follow from each other, whatever they say. */
async function forge(file: string, entries: readonly ManifestEntry[]): Promise<void> {
  const lines: string[] = [];
  const chain = new ManifestChain();
  for (const entry of entries) await chain.add(entry, (line) => Promise.resolve(void lines.push(line)));
  await edit(file, () => lines);
}

async function chainOf(place: Place): Promise<string> {
  const [, chain] = /"auditChain":"(\w+)"/.exec(await readFile(manifestOf(place, WHOLE), 'utf8')) ?? [];
  assert.ok(chain !== undefined);
  return chain;
}

/** A beginning as the gateway would write it, and a segment that no manifest names. */
async function plant(place: Place, id: string, chain?: string): Promise<void> {
  const folder = join(place.recordings, id);
  const auditChain = chain ?? (await chainOf(place));
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder);
  await writeFile(join(folder, '00000001.cast'), '[1,"o","nothing to see"]\n');
  await writeFile(manifestOf(place, id), '');
  await forge(manifestOf(place, id), [
    { kind: 'Begin', version: 1, id, startedAt: '2001-01-01T00:00:00.000Z', auditChain },
  ]);
}

const BEFORE_A_START: readonly (typeof ATTACKS)[number][] = [
  {
    name: 'an ended recording without its end and its last segment',
    attack: async (place) => {
      await edit(manifestOf(place, WHOLE), (lines) => lines.slice(0, -2));
      await rm(join(place.recordings, WHOLE, '00000002.cast'));
    },
    finds: /had ended with \w{64} already[^]*1\/manifest\.jsonl is not what the log says: its manifest ends/,
  },
  {
    name: 'a running recording without its last segments',
    attack: async (place) => {
      await edit(manifestOf(place, RUNNING), (lines) => lines.slice(0, 2));
      for (const name of ['00000002.cast', '00000003.cast']) await rm(join(place.recordings, RUNNING, name));
    },
    finds: /4\/manifest\.jsonl is not what the log says: 2 segments of it had been stored/,
  },
  {
    name: 'an ended recording with a forged one in its place',
    attack: (place) => plant(place, WHOLE),
    finds: /had ended with \w{64} already[^]*1\/manifest\.jsonl is not what the log says: its manifest ends/,
  },
  {
    name: 'a running recording with a forged one in its place',
    attack: (place) => plant(place, RUNNING),
    finds: /4\/manifest\.jsonl is not what the log says: 2 segments of it had been stored/,
  },
  {
    name: 'a forged one in the place of one that had only begun',
    attack: (place) => plant(place, BEGUN),
    finds: /5\/manifest\.jsonl is not what the log says: it begins with another line/,
  },
  {
    name: 'a forged one of a session that never was',
    attack: (place) => plant(place, idOf('9')),
    finds: /tampering \S+9\/manifest\.jsonl is not mentioned in the log/,
  },
];

describe('a start after the death of a gateway', () => {
  it('gives an end to what has none, which is proven from then on', async () => {
    const place = await copyOf(left);
    await restart(place);
    const report = await check(place);
    assert.equal(report.said, '');
    assert.equal(report.outcome, 'proven');
    assert.deepEqual(report.recordings, { proven: 4, unfinished: 0, pruned: 1, foreign: 0 });
    // What it found is told: it can be changed no more.
    await edit(manifestOf(place, RUNNING), (lines) => lines.slice(0, -1));
    assert.match((await check(place)).said, /4\/manifest\.jsonl is not what the log says: its manifest ends/);
  });

  for (const { name, attack, finds } of BEFORE_A_START) {
    it(`does not vouch for ${name}`, async () => {
      const place = await copyOf(left);
      await attack(place);
      await restart(place);
      const report = await check(place);
      assert.equal(report.outcome, 'tampered', report.said);
      assert.match(report.said, finds);
    });
  }

  it('finds one that has only begun without a word in the log, as the death of a gateway leaves it', async () => {
    const place = await copyOf(left);
    await plant(place, AUDIT_ID);
    await rm(join(place.recordings, AUDIT_ID, '00000001.cast'));
    await restart(place);
    const report = await check(place);
    assert.equal(report.said, '');
    assert.deepEqual(report.recordings, { proven: 4, unfinished: 1, pruned: 1, foreign: 0 });
  });

  it('proves nothing of one that says that a log tells of it which was not given', async () => {
    const place = await copyOf(left);
    await plant(place, idOf('9'), 'f'.repeat(32));
    await restart(place, { isOwn: true });
    const report = await check(place);
    assert.equal(report.outcome, 'unproven', report.said);
    assert.deepEqual(report.recordings, { proven: 4, unfinished: 0, pruned: 1, foreign: 1 });
  });
});

const DATES = /"(startedAt|endedAt|closedAt)":"[^"]*"/g;

/** Made old, so that retention takes it, and consistent in itself. */
async function age(file: string, lines = Infinity): Promise<void> {
  const entries = (await readFile(file, 'utf8'))
    .replaceAll(DATES, '"$1":"2001-01-01T00:00:00.000Z"')
    .split('\n')
    .slice(0, -1)
    .slice(0, lines);
  await forge(
    file,
    entries.map((line) => JSON.parse(line) as ManifestEntry),
  );
}

/** By a gateway's retention. */
async function remove({ logs, recordings }: Place, by: 0 | 1, id: string): Promise<void> {
  const log = logs[by];
  assert.ok(log !== undefined);
  const { audit } = await openAudit(log);
  await createGateway(audit.ledger, recordings).remove(id);
  await audit.close();
}

describe('a deletion that the log tells of', () => {
  it('does not excuse that an ended recording was another by then', async () => {
    const place = await copyOf(left);
    await age(manifestOf(place, WHOLE));
    await remove(place, 0, WHOLE);
    const report = await check(place);
    assert.equal(report.outcome, 'tampered', report.said);
    assert.match(
      report.said,
      new RegExp(`its recording ${WHOLE} was not what the log says when it was deleted`),
    );
  });

  it('does not excuse that less was there of one without an end than had been told of', async () => {
    const place = await copyOf(left);
    await age(manifestOf(place, RUNNING), 2);
    await remove(place, 1, RUNNING);
    const report = await check(place);
    assert.equal(report.outcome, 'tampered', report.said);
    assert.match(report.said, new RegExp(`${RUNNING} was not what the log says when it was deleted`));
  });

  it('counts in whichever order the logs are given', async () => {
    const report = await check({ ...left, logs: left.logs.toReversed() });
    assert.equal(report.said, '');
    assert.equal(report.outcome, 'proven');
    assert.deepEqual(report.recordings, { proven: 2, unfinished: 2, pruned: 1, foreign: 0 });
  });

  it('is looked at in whichever order the logs are given', async () => {
    const place = await copyOf(left);
    await age(manifestOf(place, WHOLE));
    await remove(place, 1, WHOLE);
    for (const logs of [place.logs, place.logs.toReversed()]) {
      const report = await check({ ...place, logs });
      assert.equal(report.outcome, 'tampered', report.said);
      assert.match(report.said, new RegExp(`${WHOLE} was not what the log says when it was deleted`));
    }
  });
});

describe('told:', () => {
  it('a recording that is there although the log says that it was deleted', async () => {
    const place = await copyOf(left);
    await cp(join(place.recordings, WHOLE), join(place.recordings, DELETED), { recursive: true });
    const report = await check(place);
    assert.equal(report.outcome, 'proven');
    assert.match(
      report.said,
      /notice \S+2\/manifest\.jsonl the log says that it was deleted, and it is there/,
    );
  });

  it('an end that a gateway wrote and died before it told of it', async () => {
    const place = await copyOf(left);
    await edit(manifestOf(place, RUNNING), (lines) => [
      ...lines,
      JSON.stringify({ kind: 'End', endedAt: '', state: 'complete', previous: digestOf(lines.at(-1) ?? '') }),
    ]);
    const report = await check(place);
    assert.equal(report.outcome, 'proven', report.said);
    assert.match(report.said, /notice \S+4\/manifest\.jsonl has an end of which the log does not tell/);
  });
});

describe('a mark in the log', () => {
  const mark = { what: 'ended', id: WHOLE, manifest: 'a'.repeat(64), segments: 7 } as const;
  const event = toMarkEvent(idOf('7'), '2026-01-01T00:00:00.000Z', { ...mark, why: 'a "word"\n' });
  it('is read as it was written, and is an audit event', () => {
    assert.deepEqual(readMark(Buffer.from(event)), mark);
    assert.equal((JSON.parse(event) as { verb: string }).verb, 'update');
  });
  it('is nothing that a request can be taken for, whatever its names and its URI are', () => {
    for (const forged of [
      event.replace('"requestURI":""', '"requestURI":"/x"'),
      event.replace('system:kubelet-gateway', 'system:kubelet-gateways'),
      event.replace('"kind":"Event"', '"kind":"Event","x":1'),
      event.replace('"ended ', '"kept '),
      `{"kind":"Event","requestURI":${JSON.stringify(event)}}`,
    ]) {
      assert.equal(readMark(Buffer.from(forged)), undefined, forged);
    }
  });
});
