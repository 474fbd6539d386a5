// A gateway that stands still in the middle of a session that must be recorded (SIGSTOP, a suspended machine), for longer
// than a disk may take: it goes on where it was, everything is in the recording, and nothing looks like an attack.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { after, before, describe, it } from 'node:test';
import { createVerifier } from '../../src/chain/jws.ts';
import { createDirectorySource } from '../../src/chain/verify/recorded.ts';
import { keySet, signingKey, verifyLog } from '../observe/audit/chain/support.ts';
import { closeAll } from '../support/close-all.ts';
import type { Scenario } from '../support/scenario.ts';
import { eventually, startScenario } from '../support/scenario.ts';
import type { KubectlSession } from './kubectl-session.ts';
import { startKubectl } from './kubectl-session.ts';
import { parseCast, readRecording } from './support.ts';

const RECORDING = `
recording:
  directory: recordings
  segment: { maxAge: 200ms }
  proofInterval: 1s
  rules: [{ mode: required, stdin: on }]
`;
const CHAIN = `
  chain:
    signingKeyFile: audit-key.pem
    checkpoint: { maxAge: 500ms }
    secondSink: { file: checkpoints }
`;
/** Lines until something is typed, and then an end that the client knows. */
const SCRIPT = `
  (i=0; while :; do echo line $i; i=$((i+1)); sleep 0.02; done) & writer=$!
  read go; kill $writer; wait $writer; echo over; exit 7`;
/** The patience with a disk is ten. */
const STOPPED_MS = 12_500;

let scenario: Scenario;
before(async () => {
  scenario = await startScenario({
    files: { 'audit-key.pem': signingKey.privateKey },
    configure: (yaml) => yaml.replace(/^audit:$/m, `audit:${CHAIN.trimEnd()}`) + RECORDING,
  });
});
after(() => closeAll(scenario));

async function verify(folder: string): Promise<{ readonly outcome: string; readonly said: string }> {
  const { outcome, findings } = await verifyLog({
    log: join(folder, 'audit.log'),
    verify: await createVerifier([keySet]),
    checkpoints: join(folder, 'checkpoints'),
    recordings: createDirectorySource(join(folder, 'recordings')),
  });
  return {
    outcome,
    said: findings.map(({ kind, file, message }) => `${kind} ${file} ${message}`).join('\n'),
  };
}

const linesOf = ({ stdout }: KubectlSession): number => stdout().split('\n').length;

const writesLines = (session: KubectlSession, until: number): Promise<boolean> =>
  eventually(`${until} lines: ${session.stderr()}`, () => (linesOf(session) > until ? true : undefined));

describe('a gateway that is stopped in the middle of sessions, and goes on', () => {
  it('goes on with them, by WebSocket and by SPDY: nothing is lost, and all is proven', async () => {
    const args = ['exec', '-i', 'shell', '--', 'sh', '-c', SCRIPT];
    const spdy = { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: 'false' };
    const sessions = [startKubectl(scenario, args), startKubectl(scenario, args, spdy)];
    for (const session of sessions) await writesLines(session, 20);
    scenario.gateway.signal('SIGSTOP');
    // Time in which nothing of the gateway runs can only be waited for.
    await sleep(STOPPED_MS).finally(() => scenario.gateway.signal('SIGCONT'));
    for (const session of sessions) await writesLines(session, linesOf(session) + 20);
    for (const session of sessions) session.type('go\n');
    for (const { closed, stderr } of sessions) assert.equal(await closed, 7, stderr());

    const folder = scenario.environment.directory;
    const ends = await eventually('the ends of both', async () => {
      const events = (await scenario.auditEvents()).filter(
        ({ stage, annotations = {} }) =>
          stage === 'ResponseComplete' && annotations['kubelet-gateway.io/action'] === 'exec',
      );
      return events.length === 2 ? events : undefined;
    });
    const kept = new Set<string>();
    for (const { annotations = {}, auditID } of ends) {
      assert.equal(annotations['kubelet-gateway.io/recording'], `${auditID} complete`);
      assert.equal(annotations['kubelet-gateway.io/end-reason'], 'nodeClosed');
      const stored = await readRecording(join(folder, 'recordings', auditID));
      assert.deepEqual(stored.open, []);
      const cast = parseCast(stored.text);
      assert.equal(cast.bytes('stdin').toString(), 'go\n');
      const stdout = cast.bytes('stdout').toString();
      const lines = stdout.split('\n').slice(0, -2);
      assert.deepEqual(
        lines,
        lines.map((_, at) => `line ${at}`),
      );
      kept.add(stdout);
    }
    assert.deepEqual(kept, new Set(sessions.map(({ stdout }) => stdout())));
    const report = await eventually('a checkpoint behind it', async () => {
      const now = await verify(folder);
      return now.outcome === 'proven' ? now : undefined;
    });
    assert.equal(report.said, '');
  });
});
