// A store that is away for long while a quiet session goes on, and a spool that is full by then: what becomes of the
// session, of the next one, of what was recorded, and of everything when the store is back.

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { main } from '../../src/cli/main.ts';
import { isSessionId } from '../../src/core/operation.ts';
import { getWhole } from '../../src/object-store/object-store.ts';
import { keySet } from '../observe/audit/chain/support.ts';
import { closeAll } from '../support/close-all.ts';
import type { AuditEvent, Scenario } from '../support/scenario.ts';
import { eventually } from '../support/scenario.ts';
import { startS3Server } from '../support/s3-server.ts';
import type { S3Server } from '../support/s3-server.ts';
import type { KubectlSession } from './kubectl-session.ts';
import { startInTerminal, startKubectl } from './kubectl-session.ts';
import { emptied, idsOf, openStore, readStored, startStored } from './stored-scenario.ts';
import { parseCast } from './support.ts';

/** Fills the spool when it is told to, and is then so slow that nothing of what waits fills any memory. */
const SCRIPT = `
  echo begun; read go
  head -c 800000 /dev/zero | tr '\\0' x; echo
  i=0; while [ $i -lt 240 ]; do echo line $i; i=$((i+1)); sleep 0.05; done; echo over`;
const OPTIONS = { spool: '1Mi', segment: '256Ki' };

/** A store and a gateway of the test's own, of which the store is stopped when something is in it and the spool is being filled. */
interface CutOff {
  readonly server: S3Server;
  readonly scenario: Scenario;
  readonly session: KubectlSession;
}

async function startCutOff(
  t: TestContext,
  prefix: string,
  { mode = 'required', env = {}, isTerminal = false }: CutOffOptions = {},
): Promise<CutOff> {
  const server = await startS3Server();
  t.after(() => server.close());
  const scenario = await startStored(server, prefix, { ...OPTIONS, mode });
  t.after(() => closeAll(scenario));
  const args = ['exec', isTerminal ? '-it' : '-i', 'shell', '--', 'sh', '-c', SCRIPT];
  const session = (isTerminal ? startInTerminal : startKubectl)(scenario, args, env);
  await eventually('output', () => (session.stdout().includes('begun') ? true : undefined));
  // All that there is of it by then: nothing is on its way when the store goes.
  const objects = openStore(server, scenario);
  await eventually('a segment in the store', async () => {
    const [id] = await idsOf(objects, prefix);
    if (id === undefined) return undefined;
    return (await getWhole(objects, `${prefix}/${id}/manifest/00000002.json`)) === undefined
      ? undefined
      : true;
  });
  objects.close();
  await server.stop();
  session.type(isTerminal ? 'go\r' : 'go\n');
  await eventually('what fills the spool', () => (session.stdout().includes('line 1') ? true : undefined));
  return { server, scenario, session };
}

interface CutOffOptions {
  readonly mode?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly isTerminal?: boolean;
}

const ending = (scenario: Scenario): Promise<AuditEvent> =>
  eventually('the end of the session in the audit log', async () =>
    (await scenario.auditEvents()).find(
      ({ stage, annotations = {} }) =>
        stage === 'ResponseComplete' && annotations['kubelet-gateway.io/recording'] !== undefined,
    ),
  );

/** `audit verify` with the store that the configuration names. */
async function verify({ environment }: Scenario): Promise<{ readonly code: number; readonly said: string }> {
  const { directory, configurationFile } = environment;
  const keys = join(directory, 'keys.json');
  await writeFile(keys, keySet);
  const said: string[] = [];
  const terminal = {
    out: (text: string) => void said.push(text),
    err: (text: string) => void said.push(text),
  };
  const log = ['--log', join(directory, 'audit.log'), '--checkpoints', join(directory, 'checkpoints')];
  const code = await main(
    ['audit', 'verify', ...log, '--keys', keys, '--config', configurationFile],
    terminal,
  );
  return { code, said: said.join('') };
}

/** What a verification says once everything is signed. */
async function proven(scenario: Scenario): Promise<string> {
  let last = '';
  await eventually('a checkpoint behind it', async () => {
    const { code, said } = await verify(scenario);
    last = said;
    return code !== 0 || said.includes('nothing is unproven behind it') ? true : undefined;
  }).catch(() => undefined);
  assert.equal((await verify(scenario)).code, 0, last);
  return last;
}

// Nearly all of it is waiting, for which they need not wait for each other.
describe('a store that is down for long', { concurrency: true }, () => {
  for (const [name, how] of [
    ['WebSocket in a terminal', { isTerminal: true }],
    ['SPDY', { env: { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: 'false' } }],
  ] as const) {
    it(`ends a quiet session over ${name} that must be recorded, and takes all that it was handed when it is back`, async (t) => {
      const prefix = `down-${name.slice(0, 4).toLowerCase()}`;
      const { server, scenario, session } = await startCutOff(t, prefix, how);
      const env = 'env' in how ? how.env : {};
      const cutOffAt = Date.now();
      assert.notEqual(await session.closed, 0);
      const seconds = (Date.now() - cutOffAt) / 1000;
      t.diagnostic(`it was ended ${seconds} s later`);
      assert.ok(seconds > 5 && seconds < 20, `${seconds} s`);
      // In a terminal on a line of its own, as the shell that comes back shows it.
      assert.match(
        session.stderr(),
        /(^|[\r\n])(?!line)[^\r\n]*the session was ended: the recording cannot keep up/,
      );
      const { auditID, annotations = {} } = await ending(scenario);
      assert.equal(annotations['kubelet-gateway.io/end-reason'], 'recordingFailed');
      assert.equal(annotations['kubelet-gateway.io/recording'], `${auditID} incomplete`);
      assert.match(
        annotations['kubelet-gateway.io/recording-problem'] ?? '',
        /^the recording cannot keep up: nothing from \S+Z on is in it$/,
      );
      const next = await scenario.kubectl('alice', ['exec', 'shell', '--', 'id'], { env });
      assert.equal(next.code, 1);
      assert.match(next.stderr, /this session must be recorded, and its recording cannot be begun/);

      await server.start();
      await emptied(scenario);
      const again = await scenario.kubectl('alice', ['exec', 'shell', '--', 'echo', 'again'], { env });
      assert.equal(again.code, 0, again.stderr);
      await emptied(scenario);
      const objects = openStore(server, scenario);
      t.after(() => objects.close());
      assert.equal((await idsOf(objects, prefix)).length, 2);
      assert.ok(isSessionId(auditID));
      const { text, summary } = await readStored(objects, prefix, { id: auditID });
      assert.deepEqual([summary.state, summary.reason], ['incomplete', 'recordingFailed']);
      const recorded = parseCast(text).bytes('stdout').toString();
      assert.ok(recorded.length > 700_000, `${recorded.length} bytes`);
      assert.ok(session.stdout().startsWith(recorded), 'what is recorded was shown, in its order');
      assert.match(await proven(scenario), /recordings: 2 proven, 0 without an end/);
    });
  }

  it('lets a session go on whose recording is a best effort, and says from when on it is not recorded', async (t) => {
    const { server, scenario, session } = await startCutOff(t, 'down-best', { mode: 'best-effort' });
    const filledAt = Date.now();
    assert.equal(await session.closed, 0, session.stderr());
    assert.match(session.stdout(), /line 239\nover\n$/);
    const { auditID, annotations = {} } = await ending(scenario);
    assert.equal(annotations['kubelet-gateway.io/recording'], `${auditID} incomplete`);
    const [, since = ''] =
      /^the recording cannot keep up: nothing from (\S+Z) on is in it$/.exec(
        annotations['kubelet-gateway.io/recording-problem'] ?? '',
      ) ?? assert.fail(annotations['kubelet-gateway.io/recording-problem']);
    assert.ok(Math.abs(Date.parse(since) - filledAt) < 5000, since);
    const next = await scenario.kubectl('alice', ['exec', 'shell', '--', 'echo', 'unrecorded']);
    assert.equal(next.code, 0, next.stderr);
    await server.start();
    await emptied(scenario);
    await eventually('a word that the store is back', async () =>
      (await scenario.gatewayLog()).includes('the store takes recordings again') ? true : undefined,
    );
    assert.match(await proven(scenario), /recordings: 1 proven, 0 without an end/);
  });
});
