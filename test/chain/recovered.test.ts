// Recordings that somebody changed before the gateway itself touched them again: gave them an end, or deleted them.

import assert from 'node:assert/strict';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { ManifestChain, digestOf } from '../../src/record/manifest.ts';
import type { ManifestEntry } from '../../src/record/manifest.ts';
import { recoverRecordings } from '../../src/record/recover.ts';
import { openAudit } from '../observe/audit/chain/support.ts';
import { AUDIT_ID } from '../observe/evidence.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createKeptLog } from '../support/kept-log.ts';
import {
  BEGUN,
  RUNNING,
  WHOLE,
  check,
  copyOf,
  createGateway,
  edit,
  idOf,
  left,
  manifestOf,
} from './recorded-case.ts';
import type { Attack, Place } from './recorded-case.ts';

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

const BEFORE_A_START: readonly Attack[] = [
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

  it('does not excuse that one without an end was another, with as many segments, by then', async () => {
    const place = await copyOf(left);
    await age(manifestOf(place, RUNNING));
    await remove(place, 1, RUNNING);
    const report = await check(place);
    assert.equal(report.outcome, 'tampered', report.said);
    assert.match(report.said, new RegExp(`${RUNNING} was not what the log says when it was deleted`));
  });

  it('does not excuse that one which had only begun was another by then', async () => {
    const place = await copyOf(left);
    await plant(place, BEGUN);
    await remove(place, 1, BEGUN);
    const report = await check(place);
    assert.equal(report.outcome, 'tampered', report.said);
    assert.match(report.said, new RegExp(`${BEGUN} was not what the log says when it was deleted`));
  });

  for (const [what, id] of [
    ['end', WHOLE],
    ['line', RUNNING],
  ] as const) {
    it(`does not excuse lines that were changed before the ${what} that the log was told of`, async () => {
      const place = await copyOf(left);
      await edit(manifestOf(place, id), (lines) =>
        lines.toSpliced(1, 1, (lines[1] ?? '').replace(/"sha256":"\w{64}"/, `"sha256":"${'0'.repeat(64)}"`)),
      );
      await remove(place, 1, id);
      const report = await check(place);
      assert.equal(report.outcome, 'tampered', report.said);
      assert.match(report.said, new RegExp(`${id} was not what the log says when it was deleted`));
    });
  }

  for (const [what, lines] of [
    ['more than the log was told of', Infinity],
    ['exactly what the log was told of', 3],
  ] as const) {
    it(`is no finding where ${what} was there`, async () => {
      const place = await copyOf(left);
      await edit(manifestOf(place, RUNNING), (all) => all.slice(0, lines));
      await remove(place, 1, RUNNING);
      await remove(place, 1, BEGUN);
      const report = await check(place);
      assert.equal(report.said, '');
      assert.equal(report.outcome, 'proven');
      assert.deepEqual(report.recordings, { proven: 2, unfinished: 0, pruned: 3, foreign: 0 });
    });
  }

  it('is no finding where the end of the other log was lost with its gateway', async () => {
    const place = await copyOf(left);
    await edit(manifestOf(place, RUNNING), (lines) => [
      ...lines,
      JSON.stringify({ kind: 'End', endedAt: '', state: 'complete', previous: digestOf(lines.at(-1) ?? '') }),
    ]);
    await remove(place, 1, RUNNING);
    const report = await check(place);
    assert.equal(report.said, '');
    assert.equal(report.outcome, 'proven');
  });

  it('is no finding where a start had named what was left, and its word was lost', async () => {
    const place = await copyOf(left);
    await edit(manifestOf(place, RUNNING), (lines) => lines.slice(0, 3));
    const ledger = { chain: await chainOf(place), tell: () => Promise.resolve(), tellLater: () => undefined };
    const deps = { clock: createFakeClock(), log: createKeptLog(), ledger, running: new Set('') };
    assert.equal(await recoverRecordings(deps, { directory: place.recordings, isOwn: true }), 2);
    await remove(place, 1, RUNNING);
    const report = await check(place);
    assert.equal(report.outcome, 'proven', report.said);
    assert.equal(report.recordings?.pruned, 2);
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
