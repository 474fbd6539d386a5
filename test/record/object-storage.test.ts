// A gateway whose recordings go to an S3 store: through all of it, when the store is down, and after kill -9.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { generateIdentity } from 'age-encryption';
import { startGatewayProcess } from '../../demo/gateway-process.ts';
import { kubectlPath } from '../../scripts/kubectl.ts';
import { main } from '../../src/cli/main.ts';
import { getWhole } from '../../src/object-store/object-store.ts';
import { toFiles } from '../../src/record/archive/summary.ts';
import { closeAll } from '../support/close-all.ts';
import { eventually } from '../support/scenario.ts';
import { startS3Server } from '../support/s3-server.ts';
import type { S3Server } from '../support/s3-server.ts';
import { emptied, idsOf, openStore, readStored, spoolOf, startStored } from './stored-scenario.ts';
import { parseCast } from './support.ts';

const LOOP = 'i=0; while :; do echo line $i; i=$((i+1)); sleep 0.02; done';

let server: S3Server;
let identity: string;
before(async () => {
  server = await startS3Server();
  identity = await generateIdentity();
});
after(() => server.close());

describe('recordings in an S3 store', () => {
  it('are there whole, encrypted, and read with the command line', async (t) => {
    const scenario = await startStored(server, 'whole', { identity });
    t.after(() => closeAll(scenario));
    const objects = openStore(server, scenario);
    t.after(() => objects.close());
    const { stdout } = await scenario.kubectl('alice', [
      'exec',
      'shell',
      '--',
      'sh',
      '-c',
      'seq 1 3000; echo the end',
    ]);
    await eventually('the recording', async () =>
      (await idsOf(objects, 'whole')).length === 1 ? true : undefined,
    );
    await emptied(scenario);
    const { id, text, summary } = await readStored(objects, 'whole', { identity });
    assert.ok(parseCast(text).bytes('stdout').equals(stdout));
    assert.deepEqual([summary.state, summary.user, summary.encrypted], ['complete', 'alice', true]);
    assert.ok(summary.segments > 1);
    const said = { out: '', err: '' };
    const terminal = {
      out: (more: string) => void (said.out += more),
      err: (more: string) => void (said.err += more),
    };
    const from = ['--config', scenario.environment.configurationFile];
    assert.equal(await main(['recordings', 'list', ...from], terminal), 0, said.err);
    assert.ok(said.out.includes(id));
    const key = ['--identity', join(scenario.environment.directory, 'identity')];
    assert.equal(await main(['recordings', 'search', 'the end', ...from, ...key], terminal), 0, said.err);
    assert.match(said.out, /the end/);
  });

  it('wait in the spool through kill -9, and are stored by the next process', async (t) => {
    const scenario = await startStored(server, 'killed');
    t.after(() => closeAll(scenario));
    t.after(() => server.start());
    const objects = openStore(server, scenario);
    t.after(() => objects.close());
    const child = spawn(kubectlPath(), ['--context', 'alice', 'exec', 'shell', '--', 'sh', '-c', LOOP], {
      env: { ...process.env, ...scenario.kubectlEnv },
    });
    let shown = '';
    child.stdout.on('data', (chunk: Buffer) => (shown += chunk.toString()));
    const closed = once(child, 'close');
    await eventually('segments in the store', async () => {
      const [id] = await idsOf(objects, 'killed');
      if (id === undefined) return undefined;
      return (await getWhole(objects, `killed/${id}/00000002.cast`)) === undefined ? undefined : true;
    });
    await server.stop();
    const linesThen = shown.split('\n').length;
    await eventually('more lines', () => (shown.split('\n').length > linesThen + 40 ? true : undefined));
    scenario.gateway.signal('SIGKILL');
    await scenario.gateway.ended;
    await closed;
    assert.equal((await spoolOf(scenario)).length, 1);
    await server.start();
    const { directory, configurationFile, adminPort } = scenario.environment;
    const next = await startGatewayProcess({
      configurationFile,
      adminPort,
      logFile: join(directory, 'next.log'),
    });
    t.after(async () => {
      next.signal('SIGTERM');
      await next.ended;
    });
    await emptied(scenario);
    const { text, summary } = await readStored(objects, 'killed');
    assert.equal(summary.state, 'incomplete');
    assert.equal(summary.problem, 'the gateway ended before the session');
    const lines = parseCast(text).bytes('stdout').toString().split('\n').slice(0, -1);
    assert.deepEqual(
      lines,
      lines.map((_, at) => `line ${at}`),
    );
    const lost = shown.split('\n').length - 1 - lines.length;
    t.diagnostic(`${lost} of ${shown.split('\n').length - 1} lines are not proven, with segments of 200 ms`);
    assert.ok(lost <= 50, `${lost} lines`);
  });

  for (const [what, isCarriedOut] of [
    ['that the store has carried out and not confirmed', true],
    ['of which the store has nothing', false],
  ] as const) {
    it(`come out whole and once after kill -9 within an upload ${what}`, async (t) => {
      const prefix = isCarriedOut ? 'unconfirmed' : 'unstored';
      const scenario = await startStored(server, prefix);
      t.after(() => closeAll(scenario));
      const objects = openStore(server, scenario);
      t.after(() => objects.close());
      const held = await server.hold(/\/00000003\.cast/, isCarriedOut);
      const child = spawn(kubectlPath(), ['--context', 'alice', 'exec', 'shell', '--', 'sh', '-c', LOOP], {
        env: { ...process.env, ...scenario.kubectlEnv },
      });
      const closed = once(child, 'close');
      await held.come;
      scenario.gateway.signal('SIGKILL');
      await scenario.gateway.ended;
      await closed;
      const [id = ''] = await idsOf(objects, prefix);
      const third = `${prefix}/${id}/00000003.cast`;
      assert.equal((await getWhole(objects, third)) !== undefined, isCarriedOut);
      const { directory, configurationFile, adminPort } = scenario.environment;
      const logFile = join(directory, 'next.log');
      const next = await startGatewayProcess({ configurationFile, adminPort, logFile });
      t.after(async () => {
        next.signal('SIGTERM');
        await next.ended;
      });
      await emptied(scenario);
      const { text, manifest, summary } = await readStored(objects, prefix);
      assert.equal(summary.state, 'incomplete');
      const lines = parseCast(text).bytes('stdout').toString().split('\n').slice(0, -1);
      assert.ok(lines.length > 0);
      assert.deepEqual(
        lines,
        lines.map((_, at) => `line ${at}`),
      );
      // Every object that is there has its place, once, and is what the manifest says.
      const there: string[] = [];
      for await (const { key } of objects.list(`${prefix}/${id}/`)) there.push(key.slice(prefix.length + 38));
      const entries = manifest.trimEnd().split('\n');
      const named = toFiles(manifest).map(({ name }) => name);
      const places = entries.map((_, at) => `manifest/${String(at + 1).padStart(8, '0')}.json`);
      assert.deepEqual(there.toSorted(), [...named, 'manifest.jsonl', ...places].toSorted());
      for (const line of entries) {
        const { kind, file, sha256 } = JSON.parse(line) as Record<string, string>;
        if (kind !== 'Segment') continue;
        const stored = await getWhole(objects, `${prefix}/${id}/${file}`);
        assert.equal(stored && createHash('sha256').update(stored).digest('hex'), sha256, file);
      }
    });
  }
});

/** One that is down, for this test alone. */
async function startOwn(t: TestContext): Promise<S3Server> {
  const own = await startS3Server();
  t.after(() => own.close());
  await own.stop();
  return own;
}

// They wait most of the time, for which they need not wait for each other.
describe('recordings while the S3 store is down', { concurrency: true }, () => {
  for (const [name, env] of [
    ['WebSocket', {}],
    ['SPDY', { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: 'false' }],
  ] as const) {
    it(`end a session over ${name} that must be recorded when the spool is full, and refuse the next`, async (t) => {
      const own = await startOwn(t);
      const scenario = await startStored(own, `full-${name.toLowerCase()}`, {
        spool: '1Mi',
        segment: '512Ki',
      });
      t.after(() => closeAll(scenario));
      const command = ['exec', 'shell', '--', 'sh', '-c', 'yes | head -c 60000000'];
      const flood = await scenario.kubectl('alice', command, { env });
      assert.notEqual(flood.code, 0);
      // However much of a frame had passed: the node comes to its end first.
      assert.match(flood.stderr, /the session was ended: the recording cannot keep up/);
      assert.match(flood.stdout.toString(), /^(y\n)*y?$/);
      assert.ok(flood.stdout.length < 20_000_000, `${flood.stdout.length} bytes passed`);
      const next = await scenario.kubectl('alice', ['exec', 'shell', '--', 'id'], { env });
      assert.match(next.stderr, /this session must be recorded, and its recording cannot be begun/);
      assert.match(await scenario.gatewayLog(), /the store takes no recordings/);
    });
  }

  it('are begun while the store is down, and brought there later', async (t) => {
    const own = await startOwn(t);
    const scenario = await startStored(own, 'later');
    t.after(() => closeAll(scenario));
    const { code } = await scenario.kubectl('alice', ['exec', 'shell', '--', 'echo', 'later']);
    assert.equal(code, 0);
    assert.equal((await spoolOf(scenario)).length, 1);
    await own.start();
    await emptied(scenario);
    const objects = openStore(own, scenario);
    t.after(() => objects.close());
    assert.match((await readStored(objects, 'later')).text, /later/);
  });
});
