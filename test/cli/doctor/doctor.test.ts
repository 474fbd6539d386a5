// doctor as a command, at the demo's nodes.
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Environment } from '../../../demo/environment.ts';
import { startEnvironment } from '../../../demo/environment.ts';
import type { Report } from '../../../src/cli/doctor/run.ts';
import { main } from '../../../src/cli/main.ts';
import { startApiServer } from '../../support/api-server.ts';
import { closedPort } from '../../doctor/node.ts';

let environment: Environment;
let folder: string;
let port: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'doctor-'));
  environment = await startEnvironment({ directory: folder, port: 0 });
  port = String(await closedPort());
});
after(async () => {
  await environment.close();
  await rm(folder, { recursive: true, force: true });
});

const runWith = async (file: string, args: readonly string[]) => {
  let out = '';
  let err = '';
  const code = await main(['doctor', '--config', file, '--read-only-port', port, ...args], {
    out: (text) => void (out += text),
    err: (text) => void (err += text),
  });
  return { code, out, err };
};
const run = (...args: readonly string[]) => runWith(environment.configurationFile, args);

async function variant(name: string, change: (yaml: string) => string): Promise<string> {
  const file = join(folder, name);
  await writeFile(file, change(await readFile(environment.configurationFile, 'utf8')));
  return file;
}

describe('doctor', () => {
  it('finds nothing to do at a node that is as it should be, and only reads', async () => {
    const { code, out } = await run('node-1');
    assert.equal(code, 0, out);
    assert.match(out, /^node node-1 at 127\.0\.0\.1 port \d+, with "reader", "operator"$/m);
    assert.match(
      out,
      /the credential "reader" is accepted; it may get nodes\/healthz.* and may not get nodes\/configz/,
    );
    assert.match(out, /requests without a credential are refused/);
    assert.match(out, /who else holds nodes\/proxy was not looked at: no API server is configured/);
    assert.match(out, /^Nothing is to be done\.$/m);
    const requests = environment.kubelets.get('node-1')?.requests ?? [];
    assert.ok(requests.length > 10);
    assert.deepEqual([...new Set(requests.map(({ method }) => method))], ['GET']);
  });

  it('prints the same as JSON', async () => {
    const { code, out } = await run('node-2', '--credential', 'operator', '--output', 'json');
    assert.equal(code, 0);
    const report = JSON.parse(out) as Report;
    assert.equal(report.node, 'node-2');
    assert.deepEqual(report.credentials, ['operator']);
    assert.ok(report.findings.every(({ severity }) => severity === 'info'));
  });

  it('ends with 1 and says what is wrong, why it matters and what to do', async () => {
    const file = await variant('other-name.yaml', (yaml) =>
      yaml.replace('serverName: node-3', 'serverName: node-9'),
    );
    const { code, out } = await runWith(file, ['node-3']);
    assert.equal(code, 1);
    assert.match(out, /^ERROR {5}certificate-wrong-name: .*wanted is node-9\n {10}Why: .*\n {10}Do: {2}.*$/m);
    assert.match(out, /^1 finding\.$/m);
    assert.deepEqual(environment.kubelets.get('node-3')?.requests, []);
  });

  it('says that a mapping can choose a credential that may not', async () => {
    const file = await variant('all-reader.yaml', (yaml) =>
      yaml.replace('credential: operator }', 'credential: reader }'),
    );
    const { code, out } = await runWith(file, ['node-1']);
    assert.equal(code, 1);
    assert.match(
      out,
      /credential-lacks-right: the credential "reader" may not get nodes\/proxy: "Forbidden \(user=gateway-reader:node-1/,
    );
  });

  it('says that the files of a credential cannot be read', async () => {
    const file = await variant('nothing.yaml', (yaml) => yaml.replaceAll('{node}-reader', 'nothing'));
    const { code, out } = await runWith(file, ['node-1']);
    assert.equal(code, 1);
    assert.match(out, /credential-unusable: the credential "reader" cannot be used/);
  });

  it('tries a token that an API server issues, and says when there is none', async (t) => {
    const api = await startApiServer({ decide: () => ({ allowed: false }) });
    t.after(() => api.close());
    await writeFile(join(folder, 'kubeconfig.yaml'), api.kubeconfig);
    const file = await variant('issued.yaml', (yaml) =>
      yaml.replace(
        /- \{ name: operator, .*/,
        '- { name: operator, serviceAccountToken: { kubeconfigFile: kubeconfig.yaml, serviceAccount: n/gw } }',
      ),
    );
    const known = await runWith(file, ['node-1', '--credential', 'operator']);
    // The simulated kubelet knows none of the tokens of this API server.
    assert.match(
      known.out,
      /credential-rejected: the kubelet does not accept the credential "operator": 401/,
    );
    api.issuing.onTokenRequest = () => 403;
    const refused = await runWith(file, ['node-1', '--credential', 'operator']);
    assert.match(refused.out, /credential-unusable: the credential "operator" cannot be used: .*403/);
    assert.equal(refused.code, 1);
  });

  it('dials no address that the gateway would not', async () => {
    const file = await variant('refused.yaml', (yaml) =>
      yaml
        .replaceAll(
          /address: 127\.0\.0\.1, port: (\d+), serverName/g,
          'address: localhost, port: $1, serverName',
        )
        .replace(/^.*allowedAddresses.*$/m, ''),
    );
    const { code, out } = await runWith(file, ['node-1']);
    assert.equal(code, 1);
    assert.match(out, /address-refused: localhost: the node's address must not be dialled/);
  });

  it('ends with 2 for what cannot be examined', async () => {
    for (const [pattern, ...args] of [
      [/there is no node "node-9"/, 'node-9'],
      [/there is no credential "x"/, 'node-1', '--credential', 'x'],
      [/the name of one node is needed/],
      [/the name of one node is needed/, 'a', 'b'],
      [/is not the name of a node/, '../x'],
      [/is a port/, 'node-1', '--read-only-port', '0'],
    ] as const) {
      const { code, err } = await run(...args);
      assert.equal(code, 2, args.join(' '));
      assert.match(err, pattern);
    }
  });
});
