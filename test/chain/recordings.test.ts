// Recordings and the audit logs that tell of them, both written by the gateway's own parts; then what somebody does who may
// write where the recordings lie, and has no signing key.

import assert from 'node:assert/strict';
import { appendFile, cp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { readMark, toMarkEvent } from '../../src/chain/mark-event.ts';
import { digestOf } from '../../src/record/manifest.ts';
import {
  BEGUN,
  DELETED,
  RUNNING,
  WHOLE,
  addSegment,
  check,
  copyOf,
  createGateway,
  edit,
  idOf,
  left,
  manifestOf,
  only,
} from './recorded-case.ts';
import type { Attack } from './recorded-case.ts';

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

const ATTACKS: readonly Attack[] = [
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
    name: 'a segment deleted',
    attack: ({ recordings }) => rm(join(recordings, WHOLE, '00000002.cast')),
    finds: /tampering \S+1\/00000002\.cast is missing$/m,
  },
  {
    name: 'a segment emptied',
    attack: ({ recordings }) => writeFile(join(recordings, WHOLE, '00000001.cast'), ''),
    finds: /tampering \S+1\/00000001\.cast has 0 bytes, not \d+$/m,
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
