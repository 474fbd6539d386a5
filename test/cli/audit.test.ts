// kubelet-gateway audit, as processes: a key, a signer, and a verification with its exit codes.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { createCase, keySet, linesOf, writeLog } from '../observe/audit/chain/support.ts';
import { run } from '../support/scenario.ts';

const MAIN = new URL('../../src/main.ts', import.meta.url).pathname;
const folder = await mkdtemp(join(tmpdir(), 'audit-cli-'));
after(() => rm(folder, { recursive: true, force: true }));

const audit = (...args: readonly string[]) => run(process.execPath, [MAIN, 'audit', ...args]);
const privateFile = join(folder, 'key.pem');
const publicFile = join(folder, 'keys.json');

describe('audit', () => {
  it('keygen makes a key once, for its owner alone', async () => {
    const made = await audit('keygen', '--private', privateFile, '--public', publicFile);
    assert.equal(made.code, 0, made.stderr);
    assert.equal((await stat(privateFile)).mode & 0o777, 0o600);
    const { keys } = JSON.parse(await readFile(publicFile, 'utf8')) as { keys: Record<string, string>[] };
    assert.equal(keys[0]?.['kid'], made.stdout.toString().trim());
    assert.equal(keys[0]['d'], undefined);
    assert.equal((await audit('keygen', '--private', privateFile, '--public', publicFile)).code, 2);
  });

  it('signer signs for a gateway, and verify says what is proven and what is not', async (t) => {
    const at = await createCase();
    t.after(() => at.remove());
    const socket = join(folder, 'signer.socket');
    const journal = join(folder, 'journal');
    const args = [MAIN, 'audit', 'signer', '--key', privateFile, '--socket', socket, '--journal', journal];
    const signer = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(signer, 'exit');
    t.after(() => signer.kill('SIGKILL'));
    await once(signer.stdout, 'data');
    assert.equal((await stat(socket)).mode & 0o777, 0o660);
    const second = await audit('signer', '--key', privateFile, '--socket', socket, '--journal', journal);
    assert.equal(second.code, 2);
    assert.match(second.stderr, /another signer listens/);
    await writeLog(at, 12, {
      chain: { signer: { kind: 'socket', socket, timeoutMs: 5000 }, secondSink: { stdout: false } },
    });
    signer.kill('SIGTERM');
    assert.deepEqual(await ended, [0, null]);

    const whole = ['verify', '--log', at.path, '--keys', publicFile, '--checkpoints', journal];
    const good = await audit(...whole);
    assert.equal(good.code, 0, good.stdout.toString());
    assert.match(
      good.stdout.toString(),
      /^proven up to line \d+, signed \S+; nothing is unproven behind it\nOK$/m,
    );
    assert.equal((await audit('verify', '--log', at.path)).code, 3);

    const other = await createCase();
    t.after(() => other.remove());
    await writeLog(other, 2, { chain: { signer: undefined, secondSink: { stdout: false } } });
    const planted = join(at.folder, 'audit-2020-01-01T00-00-00.000.log');
    await writeFile(planted, await readFile(other.path));
    const more = await audit(...whole);
    assert.equal(more.code, 3, more.stdout.toString());
    assert.match(more.stdout.toString(), /^notice: \S+2020\S+ \(number 1\): no checkpoint that verifies/m);
    assert.match(more.stdout.toString(), /^NOT ALL PROVEN: 4 lines are of no chain, or/m);
    await rm(planted);

    const lines = await linesOf(at.path);
    await writeFile(at.path, lines.toSpliced(3, 1).join('\n') + '\n');
    const bad = await audit(...whole);
    assert.equal(bad.code, 1);
    assert.match(
      bad.stdout.toString(),
      /tampering: \S+audit\.log:4 \(number 5\): line 4 is missing before it/,
    );
    const json = await audit(...whole, '--json');
    assert.equal(json.code, 1);
    const report = JSON.parse(json.stdout.toString()) as { outcome: string; findings: unknown[] };
    assert.equal(report.outcome, 'tampered');
    assert.ok(report.findings.length > 0);
  });

  it('verify takes several logs, each with its own checkpoints', async (t) => {
    const keys = join(folder, 'both.json');
    await writeFile(keys, keySet);
    const both = [await createCase(), await createCase()] as const;
    for (const at of both) {
      t.after(() => at.remove());
      await writeLog(at, 12);
    }
    const logs = both.flatMap(({ path, secondSink }) => ['--log', path, '--checkpoints', secondSink]);
    const good = await audit('verify', ...logs, '--keys', keys);
    assert.equal(good.code, 0, good.stdout.toString() + good.stderr);
    for (const { path } of both) {
      assert.ok(good.stdout.toString().includes(`${path}:\n`));
      assert.match(good.stdout.toString(), /^proven up to line \d+/m);
    }
    const [one, two] = both;
    const swapped = ['--checkpoints', two.secondSink, '--checkpoints', one.secondSink];
    const bad = await audit('verify', '--log', one.path, '--log', two.path, ...swapped, '--keys', keys);
    assert.equal(bad.code, 1);
    for (const wrong of [
      ['--log', one.path, '--log', one.path],
      ['--log', one.path, '--log', two.path, '--checkpoints', one.secondSink],
    ]) {
      assert.equal((await audit('verify', ...wrong, '--keys', keys)).code, 2);
    }
  });

  it('is called wrongly, or cannot read, with 2', async () => {
    const missing = join(folder, 'nothing.log');
    for (const args of [
      [],
      ['prove'],
      ['toString'],
      ['verify'],
      ['verify', '--log', missing],
      ['verify', '--log', join(folder, 'no', 'folder')],
      ['verify', '--log', missing, '--checkpoints', missing],
      ['verify', '--log', missing, '--keys', missing],
      ['verify', '--log', missing, '--keys', privateFile],
      ['keygen'],
      ['keygen', '--private', join(folder, 'no', 'x'), '--public', join(folder, 'y')],
      ['signer'],
      ['signer', '--key', publicFile, '--socket', join(folder, 's'), '--journal', join(folder, 'j')],
      ['signer', '--key', privateFile, '--socket', privateFile, '--journal', join(folder, 'j')],
    ]) {
      const { code, stderr } = await audit(...args);
      assert.equal(code, 2, args.join(' '));
      assert.notEqual(stderr, '');
      assert.doesNotMatch(stderr, /PRIVATE KEY-----/);
    }
  });
});
