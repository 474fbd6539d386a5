// The chain as the gateway writes it: over restarts, rotation, files that are moved, crashes, full disks, and with a
// signer that comes and goes. What is left behind is verified each time.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, copyFile, readFile, readdir, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';
import { createVerifier } from '../../../../src/chain/jws.ts';
import { toDigest } from '../../../../src/chain/link.ts';
import { KeptStream, annotationsOf, parseEvents } from '../events.ts';
import type { LogCase, OneReport } from './support.ts';
import {
  assertChained,
  createCase,
  keySet,
  linesOf,
  linksOf,
  openAudit,
  signingKey,
  writeLog,
  verifyLog,
} from './support.ts';

const run = promisify(execFile);
const verify = await createVerifier([keySet]);

/** For processes of their own. */
const withKey = { ...process.env, SIGNING_KEY: signingKey.privateKey };

const check = (at: LogCase): Promise<OneReport> =>
  verifyLog({ log: at.path, verify, checkpoints: at.secondSink });

const said = ({ findings }: OneReport): string =>
  findings.map(({ kind, line, message }) => `${kind} ${line ?? ''} ${message}`).join('\n');

async function caseOf(t: TestContext): Promise<LogCase> {
  const at = await createCase();
  t.after(() => at.remove());
  return at;
}

async function assertProven(at: LogCase): Promise<OneReport> {
  const report = await check(at);
  assert.equal(report.outcome, 'proven', said(report));
  assert.equal(report.tampering, 0);
  return report;
}

describe('the chain', () => {
  it('holds groups of every size, one after the other', async (t) => {
    const at = await caseOf(t);
    const { audit, exchange } = await openAudit(at);
    for (const size of [1, 40, 3, 900, 2, 300]) await Promise.all(Array.from({ length: size }, exchange));
    await audit.close();
    assertChained(await linesOf(at.path));
    await assertProven(at);
  });

  it('goes on over restarts', async (t) => {
    const at = await caseOf(t);
    for (let i = 0; i < 4; i += 1) await writeLog(at, 3);
    assertChained(await linesOf(at.path));
    assert.equal((await assertProven(at)).chains, 1);
  });
  it('goes on over rotation under load, and in what pruning leaves', async (t) => {
    const at = await caseOf(t);
    const { audit, exchange } = await openAudit(at, { maxBytes: 30_000, maxFiles: 4 });
    for (let i = 0; i < 40; i += 1) await Promise.all(Array.from({ length: 10 }, exchange));
    await audit.close();
    const report = await assertProven(at);
    assert.equal(report.files.length, 5);
    const [first = ''] = report.files;
    assert.ok((linksOf(await linesOf(first))[0]?.sequence ?? 0) > 100, 'the beginning is pruned');
  });
  it('goes on when the newest file was rotated and the gateway starts without one', async (t) => {
    const at = await caseOf(t);
    await writeLog(at, 3);
    await rename(at.path, join(at.folder, 'audit-2026-11-23T18-00-00.000.log'));
    await writeLog(at, 3);
    assert.equal((await assertProven(at)).chains, 1);
  });
  it('goes on over a logrotate that renames, and one that empties the file in place', async (t) => {
    const at = await caseOf(t);
    const { audit, exchange } = await openAudit(at);
    for (let i = 0; i < 8; i += 1) await exchange();
    await audit.reopen();
    await rename(at.path, `${at.path}.2`);
    await audit.reopen();
    for (let i = 0; i < 8; i += 1) await exchange();
    await audit.reopen();
    await copyFile(at.path, `${at.path}.1`);
    await truncate(at.path);
    for (let i = 0; i < 8; i += 1) await exchange();
    await audit.close();
    const report = await assertProven(at);
    assert.deepEqual(
      report.files.map((file) => file.slice(at.folder.length + 1)),
      ['audit.log.2', 'audit.log.1', 'audit.log'],
    );
    assert.equal(report.chains, 1);
  });
  it('that was emptied without a copy begins where it says', async (t) => {
    const at = await caseOf(t);
    const { audit, exchange } = await openAudit(at);
    for (let i = 0; i < 8; i += 1) await exchange();
    await audit.reopen();
    await truncate(at.path);
    for (let i = 0; i < 8; i += 1) await exchange();
    await audit.close();
    await assertProven(at);
    await writeFile(at.path, (await linesOf(at.path)).slice(1).join('\n') + '\n');
    assert.match(said(await check(at)), /were cut off/);
  });
  it('goes on in a file that is made again', async (t) => {
    const at = await caseOf(t);
    const { audit, exchange } = await openAudit(at);
    for (let i = 0; i < 3; i += 1) await exchange();
    await audit.reopen();
    await rm(at.path);
    for (let i = 0; i < 3; i += 1) await exchange();
    await audit.close();
    assert.ok((linksOf(await linesOf(at.path))[0]?.sequence ?? 0) > 3);
    await assertProven(at);
  });
  it('is not on standard output, where checkpoints may go', async (t) => {
    const at = await caseOf(t);
    const stdout = new KeptStream();
    await writeLog(at, 12, { stdout, chain: { secondSink: { stdout: true } } });
    assert.doesNotMatch(stdout.text, /chain\.kubelet-gateway\.io\/link/);
    await writeFile(at.secondSink, stdout.text);
    await assertProven(at);
  });
  it('shows what somebody else wrote into the file, and the log says so', async (t) => {
    const at = await caseOf(t);
    const { audit, exchange, log } = await openAudit(at);
    await exchange();
    await audit.reopen();
    await appendFile(at.path, '{"kind":"Event","forged":true}\n');
    await exchange();
    await audit.close();
    assert.ok(log.lines.some(({ message }) => message.startsWith('somebody else writes to the audit file')));
    assert.match(said(await check(at)), /tampering \d+ is not of the chain/);
  });
});

describe('a crash', () => {
  it('that tears the last line is mended and recorded, and is not taken for an attack', async (t) => {
    const at = await caseOf(t);
    await writeLog(at, 3);
    const torn = '{"kind":"Event","apiVersion":"audit.k8s.io/v1","lev';
    await appendFile(at.path, torn);
    const before = await check(at);
    assert.equal(before.outcome, 'proven');
    assert.match(said(before), /notice \d+ ends within a line, of which 51 bytes are there/);
    await writeLog(at, 3);
    await assertProven(at);
    const repair = parseEvents(await readFile(at.path, 'utf8')).find(({ verb }) => verb === 'repair');
    assert.equal(annotationsOf(repair)['chain.kubelet-gateway.io/torn'], `51 ${toDigest(torn)}`);
  });
  it('that tears the very first line leaves nothing to go on from', async (t) => {
    const at = await caseOf(t);
    await writeFile(at.path, '{"kind":"Eve');
    await writeLog(at, 2);
    const [first] = parseEvents(await readFile(at.path, 'utf8'));
    assert.equal(first?.['verb'], 'repair');
    await assertProven(at);
  });
  it('between a checkpoint and its event, whose line is then signed again, is no tampering', async (t) => {
    const at = await caseOf(t);
    await writeLog(at, 3);
    const signed = (await readFile(at.secondSink, 'utf8')).trimEnd().split('\n');
    await appendFile(at.secondSink, `${signed.at(-1) ?? ''}\n`);
    await assertProven(at);
  });
  it('by kill -9, in the middle of writes, again and again', async (t) => {
    const at = await caseOf(t);
    for (let round = 0; round < 3; round += 1) await writeUntilKilled(at);
    await writeLog(at, 1);
    const report = await assertProven(at);
    assert.equal(report.chains, 1);
    assert.ok(report.lines > 300, `${report.lines} lines`);
  });
});

const SUPPORT = new URL('./support.ts', import.meta.url).href;

async function writeUntilKilled(at: LogCase): Promise<void> {
  const script = `
    const { openAudit } = await import(${JSON.stringify(SUPPORT)});
    const { Secret } = await import(${JSON.stringify(new URL('../../../../src/core/secret.ts', import.meta.url).href)});
    const { exchange } = await openAudit(${JSON.stringify(at)}, {
      chain: { signer: { kind: 'key', key: new Secret(process.env.SIGNING_KEY) } },
    });
    for (let i = 0; ; i += 1) {
      await Promise.all(Array.from({ length: 20 }, exchange));
      if (i % 10 === 0) console.log(i);
    }`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: withKey,
  });
  const ended = once(child, 'exit');
  for await (const line of createInterface(child.stdout)) {
    if (Number(line) < 20) continue;
    child.kill('SIGKILL');
    break;
  }
  await ended;
}

const hasPrlimit = await run('prlimit', ['--version']).then(
  () => true,
  () => false,
);

describe('a disk that fills up', { skip: !hasPrlimit && 'prlimit is not installed' }, () => {
  it('leaves a chain without a gap, and what was refused is in it after all', async (t) => {
    const at = await caseOf(t);
    const script = `
      import { execFileSync } from 'node:child_process';
      const { openAudit } = await import(${JSON.stringify(SUPPORT)});
      const { Secret } = await import(${JSON.stringify(new URL('../../../../src/core/secret.ts', import.meta.url).href)});
      const { audit, exchange } = await openAudit(${JSON.stringify(at)}, {
        chain: { signer: { kind: 'key', key: new Secret(process.env.SIGNING_KEY) } },
      });
      let refused = 0;
      for (let i = 0; i < 30; i += 1) {
        await Promise.all(Array.from({ length: 5 }, () => exchange().catch(() => (refused += 1))));
      }
      execFileSync('prlimit', ['--pid', String(process.pid), '--fsize=unlimited:unlimited']);
      await audit.close();
      console.log(refused);`;
    const node = [process.execPath, '--input-type=module', '-e', script];
    const { stdout } = await run('bash', ['-c', 'ulimit -S -f 40; exec "$@"', 'bash', ...node], {
      env: withKey,
    });
    assert.ok(Number(stdout) > 0, 'some were refused');
    await assertProven(at);
    const received = parseEvents(await readFile(at.path, 'utf8')).filter(
      ({ stage }) => stage === 'RequestReceived',
    );
    assert.equal(received.length, 150);
  });
});

describe('a log that cannot be continued', () => {
  it('is moved away, whatever it is, and nothing of it is cut', async (t) => {
    const at = await caseOf(t);
    await writeFile(at.path, 'my thesis, without a line end');
    await writeLog(at, 2);
    const moved = (await readdir(at.folder)).find((name) => name.startsWith('audit-')) ?? '';
    assert.equal(await readFile(join(at.folder, moved), 'utf8'), 'my thesis, without a line end');
    await assertProven(at);
    assertChained(await linesOf(at.path));
  });
});
