// Encrypted recordings by the admin API: listed, exported and searched by the command line of whoever has the right and
// the identity, and by nobody who has only one of them.

import assert from 'node:assert/strict';
import { readFile, readdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import type { DemoUser } from '../../demo/environment.ts';
import { main } from '../../src/cli/main.ts';
import { parseCast } from '../record/support.ts';
import type { Scenario } from '../support/scenario.ts';
import { closeAll } from '../support/close-all.ts';
import { eventually, startScenario } from '../support/scenario.ts';

const ROLES = new URL('../../config/rbac-admin.yaml', import.meta.url);
const BINDING = `---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: { name: bob-recording-admin }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: kubelet-gateway-recording-admin }
subjects: [{ apiGroup: rbac.authorization.k8s.io, kind: User, name: bob }]
`;

let scenario: Scenario;
before(async () => {
  const identity = await generateIdentity();
  const recipient = await identityToRecipient(identity);
  scenario = await startScenario({
    files: { identity, 'admin-rbac.yaml': (await readFile(ROLES, 'utf8')) + BINDING },
    configure: (yaml) =>
      `${yaml
        .replace(
          /admin: \{ address: 127\.0\.0\.1, port: (\d+).*\}/,
          'admin: { address: 127.0.0.1, port: $1, tls: { certificateFile: pki/gateway.crt, privateKeyFile: pki/gateway.key } }',
        )
        .replace('manifestFiles: [rbac.yaml]', 'manifestFiles: [rbac.yaml, admin-rbac.yaml]')}
recording:
  directory: recordings
  segment: { maxAge: 200ms, maxSize: 8Ki }
  encryption: { recipients: [${recipient}] }
  rules: [{ mode: required }]
`,
  });
});
after(() => closeAll(scenario));

async function recordings(user: DemoUser, ...args: readonly string[]) {
  const { directory, adminPort } = scenario.environment;
  const token = join(directory, `${user}.admin-token`);
  await writeFile(token, await scenario.environment.issueToken(user), { mode: 0o600 });
  const said = { out: '', err: '' };
  const terminal = {
    out: (text: string) => void (said.out += text),
    err: (text: string) => void (said.err += text),
  };
  const server = ['--server', `https://127.0.0.1:${adminPort}`];
  const trust = ['--certificate-authority', join(directory, 'ca.crt'), '--token-file', token];
  const code = await main(['recordings', ...args, ...server, ...trust], terminal);
  return { code, ...said };
}

describe('recordings by the admin API', () => {
  const identity = (): readonly string[] => ['--identity', join(scenario.environment.directory, 'identity')];

  it('are listed, exported whole and searched by who has the right and the identity', async () => {
    const script = 'seq 1 5000; printf "\\033[1mneed\\033[0mle\\n" >&2';
    const { stdout, code } = await scenario.kubectl('alice', ['exec', 'shell', '--', 'sh', '-c', script]);
    assert.equal(code, 0);
    const listed = await eventually('a recording that is complete', async () => {
      const found = await recordings('bob', 'list', '--user', 'alice', '--pod', 'shell', '--wide');
      assert.equal(found.code, 0, found.err);
      return found.out.includes(' complete ') ? found.out : undefined;
    });
    const id = /^[0-9a-f-]{36}/m.exec(listed)?.[0] ?? '';
    assert.match(listed, / yes /);
    const whole = await recordings('bob', 'export', id, ...identity());
    assert.equal(whole.err, '');
    assert.equal(whole.code, 0);
    assert.ok(parseCast(whole.out).bytes('stdout').equals(stdout));
    const found = await recordings('bob', 'search', 'needle', '--since', '1h', ...identity());
    assert.match(found.out, new RegExp(`^${id}  0:00:\\d\\d\\.\\d{3}  needle\n$`));
    // The directory says the same.
    const directory = join(scenario.environment.directory, 'recordings');
    const { out: local } = await recordingsOf(['export', id, ...identity()]);
    assert.equal(local, whole.out);

    // Somebody with the disk takes one segment away and empties another: the rest is still told apart.
    const folder = join(directory, id);
    const segments = (await readdir(folder)).filter((name) => name.endsWith('.age'));
    assert.ok(segments.length >= 4, segments.join());
    const [, second = '', third = ''] = segments.toSorted();
    const kept = await readFile(join(folder, third));
    await rename(join(folder, second), join(directory, second));
    await writeFile(join(folder, third), '');
    const robbed = await recordings('bob', 'export', id, ...identity());
    assert.equal(robbed.code, 1);
    const told = robbed.err.trimEnd().split('\n');
    assert.deepEqual(told, [
      `warning: ${id}: ${second} is missing`,
      `warning: ${id}: ${third} is not what the manifest says: it has 0 bytes, not ${kept.length}`,
      `warning: ${id}: ${third} was changed, and cannot be decrypted`,
    ]);
    assert.ok(robbed.out.includes('need'));
    const { out: marked } = await recordings('bob', 'list', '--user', 'alice');
    assert.match(marked, / complete, 1 segment missing /);
    await rename(join(directory, second), join(folder, second));
    await writeFile(join(folder, third), kept);

    const sealed = await recordings('bob', 'export', id);
    assert.equal(sealed.code, 1);
    assert.match(sealed.err, /is encrypted, and --identity is missing/);
    for (const verb of [['list'], ['export', id, ...identity()], ['search', 'needle', ...identity()]]) {
      const refused = await recordings('carol', ...verb);
      assert.equal(refused.code, 1);
      assert.match(refused.err, /carol/);
      assert.ok(!refused.out.includes('needle') && !refused.out.includes(id));
    }
    const none = await recordings('bob', 'list', '--user', 'nobody');
    assert.equal(none.out, '');
    const missing = await recordings('bob', 'play', crypto.randomUUID(), ...identity());
    assert.match(missing.err, /there is no recording/);
  });
});

async function recordingsOf(args: readonly string[]) {
  const said = { out: '' };
  const terminal = { out: (text: string) => void (said.out += text), err: () => undefined };
  const directory = join(scenario.environment.directory, 'recordings');
  const code = await main(['recordings', ...args, '--directory', directory], terminal);
  return { code, ...said };
}
