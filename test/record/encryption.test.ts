// Encrypted recordings through the whole gateway: what is on the disk, what the stock tool makes of it, and what kill -9
// loses.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import { kubectlPath } from '../../scripts/kubectl.ts';
import { createDecrypt } from '../../src/age/age.ts';
import type { Scenario } from '../support/scenario.ts';
import { closeAll } from '../support/close-all.ts';
import { eventually, startScenario } from '../support/scenario.ts';
import { parseCast } from './support.ts';

const run = promisify(execFile);
const hasAge = await run('age', ['--version']).then(
  () => true,
  () => false,
);
const SECRET = 'correct horse battery staple';
const LOOP = 'i=0; while :; do echo line $i; i=$((i+1)); sleep 0.02; done';

async function startEncrypted(segment = '{ maxAge: 200ms }') {
  const identity = await generateIdentity();
  const recipient = await identityToRecipient(identity);
  const scenario = await startScenario({
    configure: (yaml) => `${yaml}
recording:
  directory: recordings
  segment: ${segment}
  encryption: { recipients: [${recipient}] }
  rules: [{ mode: required, stdin: on }]
`,
  });
  return { scenario, identity };
}

const recordings = (scenario: Scenario): string => join(scenario.environment.directory, 'recordings');

/** Decrypts what the manifest names, and checks its digests, which are those of the stored bytes. */
async function readEncrypted(folder: string, identity: string) {
  const decrypt = await createDecrypt(identity);
  const lines = (await readFile(join(folder, 'manifest.jsonl'), 'utf8')).trimEnd().split('\n');
  const manifest = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  let text = '';
  const named = new Set(['manifest.jsonl']);
  for (const { kind, file, bytes, sha256 } of manifest) {
    if (kind !== 'Segment') continue;
    const stored = await readFile(join(folder, String(file)));
    assert.match(String(file), /^\d{8}\.cast\.age$/);
    assert.equal(stored.length, bytes);
    assert.equal(createHash('sha256').update(stored).digest('hex'), sha256);
    named.add(String(file));
    text += await new Response(await decrypt(new Blob([stored]).stream())).text();
  }
  const open = (await readdir(folder)).filter((name) => !named.has(name));
  return { manifest, text, open };
}

const onlyRecording = (scenario: Scenario): Promise<string> =>
  eventually('a recording', async () => {
    const [id] = await readdir(recordings(scenario)).catch(() => []);
    return id === undefined ? undefined : join(recordings(scenario), id);
  });

describe('an encrypted recording', () => {
  it('is never plaintext on the disk, and whole to whoever has the identity', async (t) => {
    const { scenario, identity } = await startEncrypted();
    t.after(() => closeAll(scenario));
    const script = `echo ${SECRET}; for i in $(seq 1 3000); do echo "$i ${SECRET}"; done`;
    const { code, stdout } = await scenario.kubectl('alice', ['exec', 'shell', '--', 'sh', '-c', script]);
    assert.equal(code, 0);
    const folder = await onlyRecording(scenario);
    await eventually('the end', async () =>
      (await readFile(join(folder, 'manifest.jsonl'), 'utf8')).includes('"kind":"End"') ? true : undefined,
    );
    const { manifest, text, open } = await readEncrypted(folder, identity);
    assert.deepEqual(open, []);
    const cast = parseCast(text);
    assert.ok(cast.bytes('stdout').equals(stdout));
    assert.deepEqual((cast.header['kubeletGateway'] as { command: unknown }).command, ['sh', '-c', script]);
    for (const file of await readdir(folder)) {
      const stored = await readFile(join(folder, file), 'latin1');
      assert.ok(!stored.includes('correct horse') && !stored.includes('seq 1 3000'), file);
    }
    const begin = manifest[0] ?? {};
    assert.equal(begin['encrypted'], true);
    assert.deepEqual(Object.keys(begin['kubeletGateway'] as object).toSorted(), [
      'action', 'auditId', 'container', 'namespace', 'node', 'pod', 'user',
    ]); // prettier-ignore
  });

  it(
    'opens with the stock tool, each segment by itself',
    { skip: hasAge ? false : 'age is not installed' },
    async (t) => {
      const { scenario, identity } = await startEncrypted('{ maxAge: 60s, maxSize: 4Ki }');
      t.after(() => closeAll(scenario));
      const key = join(scenario.environment.directory, 'identity.txt');
      await writeFile(key, `${identity}\n`, { mode: 0o600 });
      const { stdout } = await scenario.kubectl('alice', [
        'exec',
        'shell',
        '--',
        'sh',
        '-c',
        'for i in $(seq 1 2000); do echo $i; sleep 0.0002; done',
      ]);
      const folder = await onlyRecording(scenario);
      await eventually('the end', async () =>
        (await readFile(join(folder, 'manifest.jsonl'), 'utf8')).includes('"kind":"End"') ? true : undefined,
      );
      let text = '';
      const segments = (await readdir(folder)).filter((name) => name.endsWith('.age')).toSorted();
      for (const name of segments) {
        text += (await run('age', ['-d', '-i', key, join(folder, name)])).stdout;
      }
      assert.ok(segments.length > 1, `${segments.length} segments`);
      assert.ok(parseCast(text).bytes('stdout').equals(stdout));
    },
  );

  it('loses no more than the open segment to kill -9', async (t) => {
    const { scenario, identity } = await startEncrypted();
    t.after(() => closeAll(scenario));
    const child = spawn(kubectlPath(), ['--context', 'alice', 'exec', 'shell', '--', 'sh', '-c', LOOP], {
      env: { ...process.env, ...scenario.kubectlEnv },
    });
    let shown = '';
    child.stdout.on('data', (chunk: Buffer) => (shown += chunk.toString()));
    const folder = await onlyRecording(scenario);
    await eventually('four segments', async () => ((await readdir(folder)).length > 5 ? true : undefined));
    const closed = once(child, 'close');
    scenario.gateway.signal('SIGKILL');
    await scenario.gateway.ended;
    await closed;
    const { text, open } = await readEncrypted(folder, identity);
    assert.ok(open.length <= 1, open.join());
    const lines = parseCast(text).bytes('stdout').toString().split('\n').slice(0, -1);
    assert.deepEqual(
      lines,
      lines.map((_, at) => `line ${at}`),
    );
    const lost = shown.split('\n').length - 1 - lines.length;
    t.diagnostic(`${lost} lines of a session with fifty a second are lost, with segments of 200 ms`);
    // A segment's worth, and what a busy machine makes of 200 ms.
    assert.ok(lines.length > 0 && lost <= 50, `${lost} lines are lost`);
  });
});
