// When checkpoints are made, and what happens while nobody signs.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { openJournaledSigner } from '../../../../src/chain/journaled-signer.ts';
import type { Signer } from '../../../../src/chain/jws.ts';
import { createLocalSigner, createVerifier } from '../../../../src/chain/jws.ts';
import { createSigningServer } from '../../../../src/chain/signing-server.ts';
import { Fault } from '../../../../src/core/fault.ts';
import type { OpenedAudit } from './support.ts';
import { createFakeClock } from '../../../support/fake-clock.ts';
import { eventually } from '../../../support/scenario.ts';
import { createCase, keySet, linesOf, openAudit, signingKey, writeLog, verifyLog } from './support.ts';

const verify = await createVerifier([keySet]);
const signer = await createLocalSigner(signingKey.privateKey);

async function caseOf(t: TestContext) {
  const at = await createCase();
  t.after(() => at.remove());
  return at;
}

const countOf = async (path: string): Promise<number> => {
  const text = await readFile(path, 'utf8');
  return text === '' ? 0 : text.trimEnd().split('\n').length;
};

async function valueOf({ metrics }: OpenedAudit, series: string): Promise<number> {
  const { body } = await metrics.render();
  const line = body.split('\n').find((text) => text.startsWith(`${series} `));
  return Number(line?.slice(series.length + 1));
}

/** A signer of its own at a socket. */
async function listen(t: TestContext, socket: string, by: Signer = signer) {
  const failures: string[] = [];
  const server = createSigningServer(by, (message) => failures.push(message));
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  t.after(close);
  return { close, failures };
}

describe('a checkpoint', () => {
  it('is made so long after an event, and not again while nothing is new', async (t) => {
    const at = await caseOf(t);
    const clock = createFakeClock();
    const opened = await openAudit(at, {
      clock,
      mode: 'batch',
      chain: { checkpoint: { maxAgeMs: 10_000, maxEvents: 1000 } },
    });
    const settle = async (): Promise<void> => {
      for (let i = 0; i < 20; i += 1) {
        clock.advance(5);
        await turn();
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    await opened.exchange();
    clock.advance(10);
    await eventually('the first file has its checkpoint at once', async () => {
      await settle();
      return (await countOf(at.secondSink)) === 1 ? true : undefined;
    });
    await opened.exchange();
    await eventually('the events are stored', async () => {
      await settle();
      return (await countOf(at.path)) === 5 ? true : undefined;
    });
    assert.equal(await countOf(at.secondSink), 1);
    clock.advance(10_000);
    await eventually('the second', async () => {
      await settle();
      return (await countOf(at.path)) === 6 ? true : undefined;
    });
    assert.equal(await countOf(at.secondSink), 2);
    clock.advance(60_000);
    await settle();
    assert.equal(await countOf(at.secondSink), 2);
    await opened.audit.close();
    assert.equal(await countOf(at.path), 6);
  });
});

describe('a signer apart', () => {
  it('signs through its socket', async (t) => {
    const at = await caseOf(t);
    const socket = `${at.folder}/signer`;
    await listen(t, socket);
    await writeLog(at, 12, { chain: { signer: { kind: 'socket', socket, timeoutMs: 2000 } } });
    const report = await verifyLog({ log: at.path, verify, checkpoints: at.secondSink });
    assert.equal(report.outcome, 'proven');
    assert.equal(report.tailLines, 0);
  });
  it('that is away delays checkpoints, which cover everything when it is back', async (t) => {
    const at = await caseOf(t);
    const socket = `${at.folder}/signer`;
    const chain = { signer: { kind: 'socket', socket, timeoutMs: 2000 } } as const;
    const opened = await openAudit(at, { chain });
    for (let i = 0; i < 20; i += 1) await opened.exchange();
    await eventually('an attempt', async () =>
      (await valueOf(opened, 'kubelet_gateway_audit_checkpoints_total{result="failure"}')) > 0
        ? true
        : undefined,
    );
    assert.ok((await valueOf(opened, 'kubelet_gateway_audit_unsigned_events')) > 30);
    assert.equal(opened.audit.problem(), undefined);
    assert.ok(opened.log.lines.some(({ message }) => message.startsWith('audit events could not be signed')));
    await listen(t, socket);
    await opened.audit.close();
    assert.equal(await valueOf(opened, 'kubelet_gateway_audit_unsigned_events'), 0);
    const report = await verifyLog({ log: at.path, verify, checkpoints: at.secondSink });
    assert.equal(report.outcome, 'proven');
    assert.equal(report.tailLines, 0);
  });
  it('that is required and away lets requests be refused, until it is back', async (t) => {
    const at = await caseOf(t);
    const socket = `${at.folder}/signer`;
    const chain = { signer: { kind: 'socket', socket, timeoutMs: 2000 }, maxUnsigned: 20 } as const;
    const opened = await openAudit(at, { chain });
    const refusal = await eventually('a refusal', () =>
      opened.exchange().then(
        () => undefined,
        (error: unknown) => error,
      ),
    );
    assert.ok(refusal instanceof Fault);
    assert.equal(refusal.reason, 'ServiceUnavailable');
    assert.equal(refusal.message, 'audit events are not signed at present');
    assert.equal(opened.audit.problem(), 'audit events are not signed at present');
    await listen(t, socket);
    await eventually('signatures', () => (opened.audit.problem() === undefined ? true : undefined));
    await opened.exchange();
    await opened.audit.close();
    // What was refused is in the log too.
    assert.ok((await linesOf(at.path)).length > 22);
    assert.equal((await verifyLog({ log: at.path, verify })).outcome, 'proven');
  });
  it('that answers nonsense, or signs something else, is one that is away', async (t) => {
    for (const wrong of [
      () => Promise.resolve('not a signature'),
      (checkpoint: Parameters<Signer['sign']>[0]) => signer.sign({ ...checkpoint, hash: 'f'.repeat(64) }),
    ]) {
      const at = await caseOf(t);
      const socket = `${at.folder}/signer`;
      await listen(t, socket, { sign: wrong });
      await writeLog(at, 12, { chain: { signer: { kind: 'socket', socket, timeoutMs: 2000 } } });
      assert.equal(await countOf(at.secondSink), 0);
      assert.equal((await verifyLog({ log: at.path, verify })).outcome, 'unproven');
    }
  });
});

describe('a signer that remembers', () => {
  const point = (sequence: number, hash: string) => ({
    chain: 'c'.repeat(32),
    sequence,
    hash: hash.repeat(64),
    begins: 1,
    file: 'audit.log',
    time: '2026-11-23T18:00:00.000Z',
    previous: '0'.repeat(64),
  });
  it('signs no number twice with two digests, and none below the last, over restarts', async (t) => {
    const at = await caseOf(t);
    const journal = `${at.folder}/journal`;
    const first = await openJournaledSigner(signer, verify, journal);
    const signed = await first.sign(point(10, 'a'));
    assert.equal(await first.sign(point(10, 'a')), signed, 'the same again is the same signature');
    await assert.rejects(first.sign(point(10, 'b')), /line 10 does not follow line 10, which is signed/);
    await assert.rejects(first.sign(point(9, 'a')), /set back or has forked/);
    await first.close();
    const second = await openJournaledSigner(signer, verify, journal);
    await assert.rejects(second.sign(point(10, 'b')), { name: 'SigningRefused' });
    const [one, two] = await Promise.allSettled([second.sign(point(11, 'a')), second.sign(point(11, 'b'))]);
    assert.equal(one.status, 'fulfilled');
    assert.equal(two.status, 'rejected');
    await second.sign({ ...point(1, 'a'), chain: 'd'.repeat(32) });
    await second.close();
    assert.equal(await countOf(journal), 3);
  });
  it('does not go on without its journal, nor with one that somebody wrote into', async (t) => {
    const at = await caseOf(t);
    const journal = `${at.folder}/journal`;
    const first = await openJournaledSigner(signer, verify, journal);
    await first.sign(point(10, 'a'));
    const text = await readFile(journal, 'utf8');
    const { rm, writeFile } = await import('node:fs/promises');
    await rm(journal);
    await assert.rejects(first.sign(point(11, 'a')), { code: 'ENOENT' });
    await first.close();
    await writeFile(journal, text.replace('.', 'x.'));
    await assert.rejects(openJournaledSigner(signer, verify, journal), /line 1 of the journal/);
  });
  it('finds out a log that was set back, when it is asked and when it is verified with its journal', async (t) => {
    const at = await caseOf(t);
    const socket = `${at.folder}/signer`;
    const journal = `${at.folder}/journal`;
    const remembering = await openJournaledSigner(signer, verify, journal);
    const { failures } = await listen(t, socket, remembering);
    const chain = {
      signer: { kind: 'socket', socket, timeoutMs: 2000 },
      secondSink: { stdout: false },
    } as const;
    const { writeFile } = await import('node:fs/promises');
    await writeLog(at, 6, { chain });
    const older = await readFile(at.path);
    await writeLog(at, 30, { chain });
    await writeFile(at.path, older);
    await writeLog(at, 3, { chain });
    assert.ok(failures.some((message) => /set back or has forked/.test(message)));
    const report = await verifyLog({ log: at.path, verify, checkpoints: journal });
    assert.equal(report.outcome, 'tampered');
    await remembering.close();
  });
  it('takes nothing but checkpoints', async (t) => {
    const at = await caseOf(t);
    const socket = `${at.folder}/signer`;
    await listen(t, socket);
    const { request } = await import('node:http');
    const ask = (method: string, path: string, body: string): Promise<number | undefined> =>
      new Promise((resolve, reject) => {
        const sent = request({ socketPath: socket, method, path, agent: false }, (response) => {
          response.resume();
          response.on('end', () => resolve(response.statusCode));
        });
        sent.on('error', reject);
        sent.end(body);
      });
    const good = point(1, 'a');
    assert.equal(await ask('POST', '/v1/checkpoints', JSON.stringify(good)), 200);
    for (const bad of [
      '',
      '[]',
      'null',
      '{',
      JSON.stringify({ ...good, more: 1 }),
      JSON.stringify({ ...good, hash: 'x' }),
      JSON.stringify({ ...good, sequence: 1.5 }),
      JSON.stringify({ ...good, begins: 2 }),
      JSON.stringify({ ...good, file: '../x' }),
      JSON.stringify({ ...good, time: 'now' }),
    ]) {
      assert.equal(await ask('POST', '/v1/checkpoints', bad), 400, bad);
    }
    assert.equal(await ask('GET', '/v1/checkpoints', ''), 404);
    assert.equal(await ask('POST', '/', JSON.stringify(good)), 404);
  });
});
