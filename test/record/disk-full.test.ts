// A disk that is really full: a small file system of its own, where one can be mounted. What must be recorded ends with a
// reason, and the next is refused until there is room again.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { AuditEvent, Scenario } from '../support/scenario.ts';
import { closeAll } from '../support/close-all.ts';
import { eventually, startScenario } from '../support/scenario.ts';
import { parseCast, readRecording } from './support.ts';

const disk = await mkdtemp(join(tmpdir(), 'gateway-full-'));

/** Why there is no such file system; undefined: there is. */
function mount(): string | undefined {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m,mode=0700', 'tmpfs', disk], { stdio: 'pipe' });
    return undefined;
  } catch (error) {
    return `no file system can be mounted here: ${error instanceof Error ? (error.message.split('\n')[1] ?? '') : ''}`;
  }
}
const missing = mount();
after(async () => {
  if (missing === undefined) execFileSync('umount', [disk]);
  await rm(disk, { recursive: true, force: true });
});

describe('a disk that is full', { skip: missing }, () => {
  const recordings = join(disk, 'recordings');
  let scenario: Scenario;
  before(async () => {
    scenario = await startScenario({
      configure: (yaml) => `${yaml}
recording:
  directory: ${recordings}
  segment: { maxAge: 200ms, maxSize: 64Ki }
  rules: [{ mode: required }]
`,
    });
  });
  after(() => closeAll(scenario));

  const ending = (problem: RegExp): Promise<AuditEvent> =>
    eventually('the end in the audit log', async () =>
      (await scenario.auditEvents()).find(
        ({ stage, annotations = {}, responseStatus }) =>
          stage === 'ResponseComplete' &&
          problem.test(annotations['kubelet-gateway.io/recording-problem'] ?? responseStatus?.message ?? ''),
      ),
    );

  it('ends what must be recorded, with a reason for the client and for the audit log', async () => {
    const command = ['exec', 'shell', '--', 'sh', '-c', 'yes | head -c 60000000'];
    const flood = await scenario.kubectl('alice', command);
    assert.notEqual(flood.code, 0);
    assert.match(flood.stderr, /the session was ended: the recording could not be stored/);
    const { annotations = {}, auditID } = await ending(/could not be stored/);
    assert.equal(annotations['kubelet-gateway.io/end-reason'], 'recordingFailed');
    assert.equal(annotations['kubelet-gateway.io/recording'], `${auditID} incomplete`);
    assert.match(await scenario.gatewayLog(), /ENOSPC|of \d+ bytes were written/);
    // What the manifest names is whole.
    const { text } = await readRecording(join(recordings, auditID));
    assert.match(parseCast(text).bytes('stdout').toString(), /^(y\n)+/);
  });

  it('refuses the next before a node is dialled, and lets them in again when there is room', async () => {
    await writeFile(join(disk, 'filler'), Buffer.alloc(4 << 20)).catch(() => undefined);
    const refused = await scenario.kubectl('alice', ['exec', 'shell', '--', 'id']);
    assert.match(refused.stderr, /this session must be recorded, and its recording cannot be begun/);
    const { responseStatus } = await ending(/its recording cannot be begun/);
    assert.equal(responseStatus?.code, 503);
    await rm(join(disk, 'filler'));
    for (const id of await readdir(recordings)) await rm(join(recordings, id), { recursive: true });
    const { code, stdout } = await scenario.kubectl('alice', ['exec', 'shell', '--', 'echo', 'room']);
    assert.equal(code, 0);
    assert.equal(stdout.toString(), 'room\n');
  });
});
