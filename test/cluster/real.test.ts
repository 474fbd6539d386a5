// What of the real cluster's side can be tested without one: the environment, the administrator, and the words.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startApiServer } from '../support/api-server.ts';
import { AdminError, createAdmin } from './admin.ts';
import { clusterRole, role } from './cluster.ts';
import { startControlPlane } from './control-plane.ts';
import { readEnvironment } from './environment.ts';

const SCRIPT = fileURLToPath(new URL('../../scripts/test-cluster.ts', import.meta.url));

describe('npm run test:cluster', () => {
  const run = (env: Readonly<Record<string, string>>) => {
    const names = ['KUBECONFIG', 'KUBEBUILDER_ASSETS', 'TEST_CLUSTER_NODE'];
    const rest = Object.fromEntries(Object.entries(process.env).filter(([name]) => !names.includes(name)));
    return spawnSync(process.execPath, [SCRIPT], {
      env: { ...rest, ...env },
      encoding: 'utf8',
      timeout: 60_000,
    });
  };

  it('fails, in words, when it is given no cluster', () => {
    const { status, stderr } = run({});
    assert.equal(status, 1);
    assert.match(stderr, /there is no cluster to test with: set KUBECONFIG .* or KUBEBUILDER_ASSETS/);
  });

  it('fails when the programs are not where they are said to be', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'no-assets-'));
    const { status, stdout } = run({ KUBEBUILDER_ASSETS: folder });
    await rm(folder, { recursive: true });
    assert.notEqual(status, 0);
    assert.match(stdout, /there is no program etcd in/);
  });
});

describe('the environment of the cluster scenarios', () => {
  it('is read', () => {
    assert.deepEqual(readEnvironment({ KUBEBUILDER_ASSETS: '/a' }), {
      source: { kind: 'assets', folder: '/a' },
      signs: false,
      image: 'busybox:1.36',
    });
    assert.deepEqual(
      readEnvironment({
        KUBECONFIG: '/k',
        KUBEBUILDER_ASSETS: '/a',
        TEST_CLUSTER_NODE: 'n',
        TEST_CLUSTER_KUBELET: '[::1]:10250',
        TEST_CLUSTER_KUBELET_CA: '/ca',
        TEST_CLUSTER_SIGNS: 'no',
      }),
      {
        source: { kind: 'kubeconfig', file: '/k' },
        signs: false,
        image: 'busybox:1.36',
        node: { name: 'n', address: '::1', port: 10_250, serverName: 'n', certificateAuthorityFile: '/ca' },
      },
    );
  });

  it('is refused where it says too little', () => {
    const node = { TEST_CLUSTER_NODE: 'n', TEST_CLUSTER_KUBELET_CA: '/ca' };
    for (const [variables, words] of [
      [{}, /no cluster/],
      [{ KUBECONFIG: '/a:/b' }, /one file/],
      [{ KUBECONFIG: '/a', TEST_CLUSTER_NODE: 'n' }, /TEST_CLUSTER_KUBELET_CA/],
      [{ KUBEBUILDER_ASSETS: '/a', ...node }, /needs a cluster with kubelets/],
      [{ KUBECONFIG: '/a', ...node, TEST_CLUSTER_KUBELET: 'x' }, /ADDRESS:PORT/],
    ] as const) {
      assert.throws(() => readEnvironment(variables), words);
    }
  });
});

describe('the administrator', () => {
  it('creates and removes objects by a kubeconfig, and says what the API server said', async (t) => {
    const api = await startApiServer({ decide: () => ({ allowed: false }) });
    t.after(() => api.close());
    const admin = await createAdmin(api.kubeconfig);
    assert.equal(admin.server, api.url);
    assert.equal(admin.certificateAuthority, api.certificateAuthority);
    const object = clusterRole('r', []);
    await admin.create(object);
    await admin.create(role('ns', 'own', []));
    assert.deepEqual(
      api.resources.list('roles').map(({ metadata }) => [metadata.namespace, metadata.name]),
      [['ns', 'own']],
    );
    assert.equal(api.resources.list('clusterroles').length, 1);
    await admin.remove(object);
    await admin.remove(object);
    assert.equal(api.resources.list('clusterroles').length, 0);
    api.resources.forbidden.add('clusterroles');
    await assert.rejects(admin.create(object), (error) => error instanceof AdminError && error.code === 403);
  });

  it('does not skip what the gateway never skips', async () => {
    const kubeconfig = JSON.stringify({
      clusters: [{ name: 'c', cluster: { server: 'https://127.0.0.1:1', 'insecure-skip-tls-verify': true } }],
      users: [],
      contexts: [{ name: 'c', context: { cluster: 'c', user: '' } }],
      'current-context': 'c',
    });
    await assert.rejects(createAdmin(kubeconfig), /skips the verification/);
  });
});

describe('a control plane', () => {
  /** Stands for kube-apiserver as far as its flags go: serves by them, for the administrator alone. */
  const SERVER = `#!${process.execPath}
const { readFileSync } = require('node:fs');
const flags = Object.fromEntries(process.argv.slice(2).map((flag) => flag.replace(/^--/, '').split(/=(.*)/s)));
for (const name of ['service-account-key-file', 'service-account-signing-key-file']) readFileSync(flags[name]);
require('node:https')
  .createServer(
    {
      cert: readFileSync(flags['tls-cert-file']),
      key: readFileSync(flags['tls-private-key-file']),
      ca: readFileSync(flags['client-ca-file']),
      requestCert: true,
    },
    (request, response) => response.end(JSON.stringify(request.socket.getPeerCertificate().subject)),
  )
  .listen(Number(flags['secure-port']), flags['bind-address']);
`;

  const createAssets = async (server: string): Promise<string> => {
    const folder = await mkdtemp(join(tmpdir(), 'assets-'));
    await writeFile(join(folder, 'etcd'), '#!/bin/sh\nexec sleep 600\n', { mode: 0o755 });
    await writeFile(join(folder, 'kube-apiserver'), server, { mode: 0o755 });
    return folder;
  };

  it('is started, gives a kubeconfig of its administrator, and is stopped', async () => {
    const assets = await createAssets(SERVER);
    const plane = await startControlPlane(assets);
    const admin = await createAdmin(plane.kubeconfig);
    assert.deepEqual(await admin.call('GET', '/api'), { O: 'system:masters', CN: 'admin' });
    await plane.stop();
    await assert.rejects(admin.call('GET', '/api'));
    await rm(assets, { recursive: true });
  });

  it('that ends says why', async () => {
    const assets = await createAssets('#!/bin/sh\necho no such flag: --fly >&2\nexit 1\n');
    await assert.rejects(startControlPlane(assets), /the control plane has ended:[^]*no such flag: --fly/);
    await rm(assets, { recursive: true });
  });
});
