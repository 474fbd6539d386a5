// The whole gateway in a cluster: its nodes are the cluster's Nodes, its authorizer is the API server, and both change
// while it runs. Everything is done to the cluster by requests to its API server (test/support/cluster.ts).

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parse, parseAllDocuments, stringify } from 'yaml';
import type { KubeObject, ResourceName } from '../support/api-resources.ts';
import type { Cluster } from '../support/cluster.ts';
import { closeAll } from '../support/close-all.ts';
import { startCluster } from '../support/cluster.ts';
import type { Scenario } from '../support/scenario.ts';
import { eventually, startScenario } from '../support/scenario.ts';
import { kubectlPath } from '../../scripts/kubectl.ts';

interface ListedNode {
  readonly name: string;
  readonly port: number;
}

const COLLECTIONS: Readonly<Record<string, ResourceName>> = {
  ClusterRole: 'clusterroles',
  ClusterRoleBinding: 'clusterrolebindings',
  Role: 'roles',
  RoleBinding: 'rolebindings',
};

const toNode = ({ name, port }: ListedNode, labels: Record<string, string> = { 'test.io/pool': 'demo' }) => ({
  metadata: { name, labels },
  status: {
    addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
    daemonEndpoints: { kubeletEndpoint: { Port: port } },
    conditions: [{ type: 'Ready', status: 'True' }],
  },
});

let cluster: Awaited<ReturnType<typeof startCluster>>;
let scenario: Scenario;
let nodes: readonly ListedNode[];

/** The demo's configuration with the cluster in the place of its lists. */
function inCluster(yaml: string): string {
  const configuration = parse(yaml) as Record<string, unknown> & { nodes: { list: ListedNode[] } };
  nodes = configuration.nodes.list;
  return stringify({
    ...configuration,
    authorization: {
      mode: 'SubjectAccessReview',
      podSubresources: 'enabled',
      subjectAccessReview: {
        kubeconfigFile: 'cluster.yaml',
        authorizedTTL: '1h',
        unauthorizedTTL: '1h',
        authorizedTTLWithoutWatch: '1s',
        watchGrace: '1s',
        timeout: '2s',
        staleAllow: { maxAge: '1h' },
      },
    },
    nodes: {
      allowedAddresses: ['127.0.0.0/8'],
      kubernetes: {
        kubeconfigFile: 'cluster.yaml',
        labelSelector: 'test.io/pool=demo',
        ports: nodes.map(({ port }) => port),
        certificateAuthorityFile: 'pki/kubelet-ca.crt',
        cachePath: 'nodes.json',
      },
    },
  });
}

/** The objects of the demo's manifests. */
async function createRights(to: Cluster, manifests: string): Promise<void> {
  for (const document of parseAllDocuments(manifests)) {
    const object = document.toJS() as KubeObject & { readonly kind: string };
    const resource = COLLECTIONS[object.kind];
    if (resource !== undefined) await to.create(resource, object);
  }
}

before(async () => {
  cluster = await startCluster();
  scenario = await startScenario({ configure: inCluster, files: { 'cluster.yaml': cluster.kubeconfig } });
  await createRights(cluster, await readFile(join(scenario.environment.directory, 'rbac.yaml'), 'utf8'));
  for (const node of nodes) await cluster.create('nodes', toNode(node));
  await eventually('the nodes and rights are known', async () =>
    (await codeOf('alice', '/nodes/node-3/pods')) === '200' ? true : undefined,
  );
});
after(() => closeAll(scenario, { close: () => cluster.api.close() }));

const codeOf = async (user: 'alice' | 'bob' | 'carol', path: string): Promise<string> =>
  (await scenario.curl(user, path, '-o', '/dev/null', '-w', '%{http_code}')).stdout.toString();

const becomes = (user: 'alice' | 'bob' | 'carol', path: string, code: string): Promise<unknown> =>
  eventually(`${code} for ${user} at ${path}`, async () =>
    (await codeOf(user, path)) === code ? true : undefined,
  );

const role = (name: string, resources: readonly string[], verbs: readonly string[]) => ({
  metadata: { name },
  rules: [{ apiGroups: [''], resources, verbs }],
});

const binding = (name: string, roleName: string, user: string) => ({
  metadata: { name },
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: roleName },
  subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: user }],
});

/** The name that the gateway knows this user by. */
const nameOf = async (user: 'alice' | 'bob' | 'carol'): Promise<string> => {
  await scenario.curl(user, '/nodes/node-1/pods');
  const events = await scenario.auditEvents();
  const name = events.at(-1)?.user.username;
  assert.ok(name !== undefined && name.includes(user), name);
  return name;
};

describe('the nodes of a cluster', () => {
  it('are found when they come and not when they are gone', async () => {
    assert.equal(await codeOf('alice', '/nodes/node-1/pods'), '200');
    await cluster.remove('nodes', 'node-2');
    await becomes('alice', '/nodes/node-2/pods', '404');
    const [, second] = nodes;
    assert.ok(second);
    await cluster.create('nodes', toNode(second));
    await becomes('alice', '/nodes/node-2/pods', '200');
  });

  it('are those that the selector selects', async () => {
    const [first] = nodes;
    assert.ok(first);
    await cluster.create('nodes', toNode({ name: 'other', port: first.port }, { 'test.io/pool': 'other' }));
    await cluster.create('nodes', toNode({ name: 'last', port: first.port }));
    // There is no credential for it; that one was looked for says that it is known.
    await becomes('alice', '/nodes/last/pods', '503');
    assert.equal(await codeOf('alice', '/nodes/other/pods'), '404');
    await cluster.remove('nodes', 'last');
    await cluster.remove('nodes', 'other');
  });

  it('are left out where they name a port that is not allowed', async () => {
    await cluster.create('nodes', toNode({ name: 'ssh', port: 22 }));
    const log = (): Promise<boolean> =>
      scenario
        .gatewayLog()
        .then((text) => text.includes('"node":"ssh"') && text.includes('a node is left out'));
    await eventually('the log says so', async () => ((await log()) ? true : undefined));
    assert.equal(await codeOf('alice', '/nodes/ssh/pods'), '404');
    await cluster.remove('nodes', 'ssh');
  });

  it('are not dialled where their address is none of a node, and the audit event says so (S4)', async () => {
    const [first] = nodes;
    assert.ok(first);
    const node = toNode(first);
    const elsewhere = [{ type: 'InternalIP', address: '169.254.169.254' }];
    await cluster.replace('nodes', { ...node, status: { ...node.status, addresses: elsewhere } });
    await becomes('alice', '/nodes/node-1/pods', '502');
    const { stdout } = await scenario.curl('alice', '/nodes/node-1/pods');
    assert.match(stdout.toString(), /must not be dialled: it is the address of a metadata service/);
    const events = await scenario.auditEvents();
    assert.ok(
      events.some(({ annotations }) => annotations?.['kubelet-gateway.io/dial-refused'] === 'metadata'),
    );
    await cluster.replace('nodes', node);
    await becomes('alice', '/nodes/node-1/pods', '200');
  });

  it('are what Prometheus is told', async () => {
    const { stdout } = await scenario.curl('alice', '/sd/prometheus');
    const targets = JSON.parse(stdout.toString()) as { labels: Record<string, string> }[];
    assert.deepEqual(targets.map(({ labels }) => labels['__meta_kubelet_gateway_node']).sort(), [
      'node-1',
      'node-2',
      'node-3',
    ]);
  });
});

describe('a right in a cluster', () => {
  const pods = '/nodes/node-1/pods';

  it('counts as soon as it is granted, is gone as soon as it is revoked, and long TTLs do not matter', async () => {
    const path = '/nodes/node-1/configz';
    assert.equal(await codeOf('bob', path), '403');
    const bob = await nameOf('bob');
    await cluster.create('clusterroles', role('configz', ['nodes/configz'], ['get']));
    await cluster.create('clusterrolebindings', binding('bob-configz', 'configz', bob));
    await becomes('bob', path, '200');
    await cluster.replace('clusterroles', role('configz', ['nodes/healthz'], ['get']));
    await becomes('bob', path, '403');
    await cluster.replace('clusterroles', role('configz', ['nodes/configz'], ['get']));
    await becomes('bob', path, '200');
    await cluster.remove('clusterrolebindings', 'bob-configz');
    await becomes('bob', path, '403');
    assert.equal(await codeOf('bob', pods), '200');
  });

  it('that is revoked ends the stream that it let in, with words and a reason', async () => {
    const carol = await nameOf('carol').catch(() => 'oidc:carol');
    await cluster.create('clusterroles', role('shell', ['pods/exec'], ['create']));
    await cluster.create('clusterroles', role('pods', ['nodes/pods', 'pods'], ['get', 'list']));
    await cluster.create('clusterrolebindings', binding('carol-shell', 'shell', carol));
    await cluster.create('clusterrolebindings', binding('carol-pods', 'pods', carol));
    const shell = spawn(kubectlPath(), ['--context', 'carol', 'exec', '-i', 'shell', '--', 'cat'], {
      env: { ...process.env, ...scenario.kubectlEnv },
    });
    const output: Buffer[] = [];
    shell.stdout.on('data', (chunk: Buffer) => output.push(chunk));
    shell.stderr.on('data', (chunk: Buffer) => output.push(chunk));
    const closed = once(shell, 'close');
    shell.stdin.write('hello\n');
    await eventually(`the shell answers: ${Buffer.concat(output).toString()}`, () =>
      Buffer.concat(output).toString().includes('hello') ? true : undefined,
    );
    await cluster.remove('clusterrolebindings', 'carol-shell');
    await closed;
    const events = await eventually('the end is audited', async () => {
      const all = await scenario.auditEvents();
      const ended = all.filter(
        ({ annotations }) => annotations?.['kubelet-gateway.io/end-reason'] === 'rightRevoked',
      );
      return ended.length > 0 ? ended : undefined;
    });
    assert.equal(events[0]?.user.username, carol);
    assert.match(Buffer.concat(output).toString(), /the right to it was revoked/);
  });
});

describe('a cluster whose API server is away', () => {
  it('keeps its nodes, and what it has decided counts on, which is told', async () => {
    const { api } = cluster;
    // One token: the id of a token is a part of who asks, and what was decided for one is not for another.
    const token = await scenario.environment.issueToken('alice');
    const ask = async (): Promise<string> => {
      const flags = ['-H', `Authorization: Bearer ${token}`, '-o', '/dev/null', '-w', '%{http_code}'];
      return (await scenario.curl(undefined, '/nodes/node-1/metrics', ...flags)).stdout.toString();
    };
    // What was decided within 5 s of a change is forgotten once more, and may not stand in for anything.
    const from = Date.now();
    await eventually('the changes have settled', () => (Date.now() - from > 5500 ? true : undefined));
    assert.equal(await ask(), '200');
    await api.stop();
    // Beyond the time for which decisions are remembered without a watch there are none but stale ones.
    const stale = await eventually(
      'a stale decision',
      async () => {
        assert.equal(await ask(), '200');
        const events = await scenario.auditEvents();
        return events.find(
          ({ annotations }) => annotations?.['kubelet-gateway.io/stale-decision'] !== undefined,
        );
      },
      40_000,
    );
    assert.match(stale.annotations?.['kubelet-gateway.io/stale-decision'] ?? '', /^\d+s$/);
    assert.equal(stale.annotations?.['authorization.k8s.io/decision'], 'allow');
    // Who was never asked about is not let in.
    assert.notEqual(await codeOf('carol', '/nodes/node-1/checkpoint/a/b/c'), '200');
    await api.start();
    await becomes('alice', '/nodes/node-3/pods', '200');
  });

  it('is no reason for a gateway that starts to know no node', async () => {
    const { directory } = scenario.environment;
    await eventually('the cache is written', () =>
      readFile(join(directory, 'nodes.json'), 'utf8')
        .then((text) => text.includes('node-3') || undefined)
        .catch(() => undefined),
    );
  });
});

describe('a node file', () => {
  it('is read again when it changes, by a swap of a symlink or of the file, and a bad one changes nothing', async () => {
    const { directory } = scenario.environment;
    const configurationFile = join(directory, 'gateway.yaml');
    const before = parse(await readFile(configurationFile, 'utf8')) as Record<string, unknown>;
    const [first, second] = nodes;
    assert.ok(first && second);
    const list = (items: readonly object[]): string =>
      stringify({ apiVersion: 'kubelet-gateway.io/v1alpha1', kind: 'NodeList', items });
    const entry = ({ name, port }: ListedNode) => ({
      ...{ name, port, address: '127.0.0.1' },
      certificateAuthorityFile: 'pki/kubelet-ca.crt',
    });
    const put = async (text: string): Promise<void> => {
      await writeFile(join(directory, 'nodes.new'), text);
      await rename(join(directory, 'nodes.new'), join(directory, 'nodes.yaml'));
    };
    await put(list([entry(first)]));
    await writeFile(
      configurationFile,
      stringify({ ...before, nodes: { allowedAddresses: ['127.0.0.0/8'], file: 'nodes.yaml' } }),
    );
    scenario.gateway.signal('SIGHUP');
    await becomes('alice', '/nodes/node-2/pods', '404');
    assert.equal(await codeOf('alice', '/nodes/node-1/pods'), '200');
    await put(list([entry(first), entry(second)]));
    await becomes('alice', '/nodes/node-2/pods', '200');
    await put(list([{ ...entry(first), port: 'x' }]));
    await eventually('the log says so', async () =>
      (await scenario.gatewayLog()).includes('the node file cannot be used') ? true : undefined,
    );
    assert.equal(await codeOf('alice', '/nodes/node-2/pods'), '200');
    // As Kubernetes mounts a ConfigMap: the name stays, and what it leads to is swapped.
    await mkdir(join(directory, 'mounted'));
    await writeFile(join(directory, 'mounted', 'nodes.yaml'), list([entry(second)]));
    await symlink('mounted/nodes.yaml', join(directory, 'nodes.link'));
    await rename(join(directory, 'nodes.link'), join(directory, 'nodes.yaml'));
    await becomes('alice', '/nodes/node-1/pods', '404');
    assert.equal(await codeOf('alice', '/nodes/node-2/pods'), '200');
  });
});
