// The fleet behind one server URL while the API server, which is asked about rights, is away: what it has said is enough for
// as long as it counts, and everything else ends in words, for lists, pods by their names, watches and `auth can-i`.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { parse, parseAllDocuments, stringify } from 'yaml';
import type { KubeObject, ResourceName } from '../support/api-resources.ts';
import type { Finished, Scenario } from '../support/scenario.ts';
import { RBAC } from '../../demo/manifests.ts';
import { kubectlPath } from '../../scripts/kubectl.ts';
import { closeAll } from '../support/close-all.ts';
import { startCluster } from '../support/cluster.ts';
import { eventually, startScenario } from '../support/scenario.ts';

const COLLECTIONS: Readonly<Record<string, ResourceName>> = {
  ClusterRole: 'clusterroles',
  ClusterRoleBinding: 'clusterrolebindings',
};

let cluster: Awaited<ReturnType<typeof startCluster>>;
let scenario: Scenario;

const askApiServer = (yaml: string): string =>
  stringify({
    ...(parse(yaml) as object),
    authorization: {
      mode: 'SubjectAccessReview',
      podSubresources: 'enabled',
      subjectAccessReview: {
        kubeconfigFile: 'cluster.yaml',
        timeout: '2s',
        watch: false,
        authorizedTTL: '1h',
      },
    },
    sessions: { recheckInterval: '1s', recheckGrace: '3s' },
  });

before(async () => {
  cluster = await startCluster();
  for (const document of parseAllDocuments(RBAC)) {
    const object = document.toJS() as KubeObject & { readonly kind: string };
    const resource = COLLECTIONS[object.kind];
    if (resource !== undefined) await cluster.create(resource, object);
  }
  scenario = await startScenario({ configure: askApiServer, files: { 'cluster.yaml': cluster.kubeconfig } });
});
after(() => closeAll(scenario, { close: () => cluster.api.close() }));

const fleet = (user: string, ...args: readonly string[]): Promise<Finished> =>
  scenario.kubectl(user, ['--server', scenario.url, ...args], { timeoutMs: 30_000 });

/** What alice does while she is known, and again when the API server is away. */
const KNOWN: readonly (readonly [what: readonly string[], shows: RegExp])[] = [
  [['get', 'nodes'], /node-1 .*\n.*node-2 .*\n.*node-3 /],
  [['get', 'pods', '-A', '-o', 'wide'], /static-node-1 .*node-1/],
  [['get', 'pods', '-n', 'kube-system'], /static-node-2/],
  [['logs', '-n', 'kube-system', 'static-node-1'], /./],
  [['exec', '-n', 'kube-system', 'static-node-1', '--', 'echo', 'there'], /there/],
  [['auth', 'can-i', 'get', 'nodes', '--subresource=metrics'], /yes/],
];

describe('while the API server is away', () => {
  it('what it has said before still counts', async () => {
    for (const [args, shows] of KNOWN) {
      const { stdout, stderr } = await fleet('alice', ...args);
      assert.match(stdout.toString(), shows, `${args.join(' ')}: ${stderr}`);
    }
    await cluster.api.stop();
    for (const [args, shows] of KNOWN) {
      const { code, stdout, stderr } = await fleet('alice', ...args);
      assert.equal(code, 0, `${args.join(' ')}: ${stderr}`);
      assert.match(stdout.toString(), shows, args.join(' '));
    }
  });

  for (const args of [
    ['get', 'pods', '-A'],
    ['get', 'nodes'],
    ['get', 'pod', '-n', 'kube-system', 'static-node-1'],
    ['exec', '-n', 'kube-system', 'static-node-1', '--', 'id'],
    ['top', 'node'],
    ['auth', 'can-i', 'get', 'nodes', '--subresource=metrics'],
  ]) {
    it(`whoever has to be asked about is told so: ${args.join(' ')}`, async () => {
      const began = Date.now();
      const { code, stdout, stderr } = await fleet('bob', ...args);
      assert.notEqual(code, 0);
      assert.equal(stdout.toString().replace(/^no\s*$/m, ''), '');
      assert.match(stderr, /could not be decided|authoriz/i);
      assert.doesNotMatch(stderr, /ECONNREFUSED|\.ts:\d|127\.0\.0\.1:\d+\/apis/);
      assert.ok(Date.now() - began < 25_000);
    });
  }

  it('is a Status for programs', async () => {
    for (const path of ['/api/v1/pods', '/api/v1/nodes', '/api/v1/pods?watch=true']) {
      const { stdout } = await scenario.curl('bob', path);
      const status = JSON.parse(stdout.toString()) as { kind: string; code: number; message: string };
      assert.deepEqual([status.kind, status.code], ['Status', 500], path);
      assert.match(status.message, /authoriz/i);
    }
  });

  it('and a watch goes on by what was said, as long as that counts', async () => {
    const child = spawn(
      kubectlPath(),
      ['--context', 'alice', '--server', scenario.url, 'get', 'pods', '-n', 'kube-system', '-w'],
      { env: { ...process.env, ...scenario.kubectlEnv } },
    );
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
    await eventually('the pods', () => (text.includes('static-node-1') ? true : undefined));
    // Several rechecks, of what is remembered.
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    assert.equal(child.exitCode, null);
    child.kill('SIGKILL');
  });

  it('and everybody is known again when it is back', async () => {
    await cluster.api.start();
    const { code, stdout, stderr } = await fleet('bob', 'get', 'pods', '-A');
    assert.equal(code, 0, stderr);
    assert.match(stdout.toString(), /static-node-1/);
  });
});
