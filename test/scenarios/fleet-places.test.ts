// A real kubectl with one server URL for all nodes, in a cluster: where a pod is and what the nodes are like says the
// API server. The demo's kubelets all claim the pod `shell`, so that only one who asks the API server finds it.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { parse, stringify } from 'yaml';
import type { Finished, Scenario } from '../support/scenario.ts';
import { closeAll } from '../support/close-all.ts';
import { startCluster } from '../support/cluster.ts';
import { eventually, startScenario } from '../support/scenario.ts';

interface ListedNode {
  readonly name: string;
  readonly port: number;
}

let cluster: Awaited<ReturnType<typeof startCluster>>;
let scenario: Scenario;
let nodes: readonly ListedNode[];

function inCluster(yaml: string): string {
  const configuration = parse(yaml) as Record<string, unknown> & { nodes: { list: ListedNode[] } };
  nodes = configuration.nodes.list;
  return stringify({
    ...configuration,
    nodes: {
      allowedAddresses: ['127.0.0.0/8'],
      kubernetes: {
        kubeconfigFile: 'cluster.yaml',
        ports: nodes.map(({ port }) => port),
        certificateAuthorityFile: 'pki/kubelet-ca.crt',
      },
    },
  });
}

const toNode = ({ name, port }: ListedNode) => ({
  metadata: { name, labels: {}, creationTimestamp: '2026-01-01T00:00:00Z' },
  status: {
    addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
    daemonEndpoints: { kubeletEndpoint: { Port: port } },
    conditions: [{ type: 'Ready', status: name === 'node-3' ? 'False' : 'True' }],
    nodeInfo: { kubeletVersion: 'v1.36.1' },
  },
});

const toPod = (name: string, node?: string) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { namespace: 'default', name },
  spec: node === undefined ? {} : { nodeName: node },
});

before(async () => {
  cluster = await startCluster();
  scenario = await startScenario({ configure: inCluster, files: { 'cluster.yaml': cluster.kubeconfig } });
  for (const node of nodes) await cluster.create('nodes', toNode(node));
  await cluster.create('pods', toPod('shell', 'node-2'));
  await eventually('the nodes are known', async () =>
    (await fleet('get', 'nodes')).stdout.toString().includes('node-3') ? true : undefined,
  );
});
after(() => closeAll(scenario, { close: () => cluster.api.close() }));

const fleet = (...args: readonly string[]): Promise<Finished> =>
  scenario.kubectl('alice', ['--server', scenario.url, ...args]);

const lookups = (): number =>
  cluster.api.resources.asked.filter((line) => line.includes('/namespaces/default/pods/shell')).length;

describe('kubectl with the fleet of a cluster as its server', () => {
  it('get nodes shows what the Node objects say', async () => {
    const { stdout, stderr } = await fleet('get', 'nodes');
    assert.match(stdout.toString(), /node-1 +Ready +\S+ +\S+ +v1\.36\.1/, stderr);
    assert.match(stdout.toString(), /node-3 +NotReady /);
  });

  it('exec and logs go where the API server says, though three kubelets claim the pod', async () => {
    const exec = await fleet('exec', 'shell', '--', 'echo', 'found');
    assert.equal(exec.stdout.toString(), 'found\n', exec.stderr);
    const logs = await fleet('logs', 'shell', '--tail=1');
    assert.equal(logs.code, 0, logs.stderr);
    const wide = await fleet('get', 'pod', 'shell', '-o', 'wide');
    assert.match(wide.stdout.toString(), / node-2 /, wide.stderr);
    assert.ok(lookups() <= 3, `${lookups()} questions`);
  });

  it('a list, a watch and a wait of one pod are of the node that the API server names, and of no other', async () => {
    const narrowed = ['--field-selector', 'metadata.name=shell', '-o', 'wide', '--no-headers'];
    for (const args of [
      ['get', 'pods', ...narrowed],
      ['get', 'pods', ...narrowed, '--chunk-size=1'],
      ['get', 'pods', ...narrowed, '--watch', '--request-timeout=3s'],
      ['get', 'pod', 'shell', '-o', 'wide', '--no-headers', '--watch', '--request-timeout=3s'],
    ]) {
      const { stdout, stderr } = await fleet(...args);
      const places = stdout.toString().match(/node-\d/g) ?? [];
      assert.ok(places.length > 0, `${args.join(' ')}: ${stderr}`);
      assert.deepEqual(new Set(places), new Set(['node-2']), args.join(' '));
    }
    const wait = await fleet('wait', '--for=condition=Ready', 'pod/shell', '--timeout=10s');
    assert.equal(wait.stdout.toString(), 'pod/shell condition met\n', wait.stderr);
    const top = await fleet('top', 'pod', 'shell', '--no-headers');
    assert.match(top.stdout.toString(), /^shell +\d+m/, top.stderr);
  });

  it('a pod that kubelets claim and the API server does not know is in no answer about it alone', async () => {
    const list = await fleet('get', 'pods', '--field-selector', 'metadata.name=multi', '-o', 'name');
    assert.deepEqual([list.code, list.stdout.toString()], [0, ''], list.stderr);
    const wait = await fleet('wait', '--for=condition=Ready', 'pod/multi', '--timeout=2s');
    assert.match(wait.stderr, /not found|no matching resources/);
    assert.match((await fleet('top', 'pod', 'multi')).stderr, /"multi" not found/);
    assert.match((await fleet('get', 'pod', 'multi')).stderr, /"multi" not found/);
  });

  it('a pod that is nowhere, and one that is not scheduled, are answered in words', async () => {
    await cluster.create('pods', toPod('waiting'));
    assert.match((await fleet('logs', 'waiting')).stderr, /does not have a host assigned/);
    assert.match((await fleet('logs', 'nope')).stderr, /pods "nope" not found/);
  });

  it('a pod that has moved away is found where it is now', async () => {
    // The API server says node-1; the kubelets list none of that name, and the node's 404 is a reason to ask again.
    await cluster.create('pods', toPod('moved', 'node-1'));
    assert.match((await fleet('logs', 'moved')).stderr, /not found/);
    await cluster.replace('pods', toPod('moved', 'node-2'));
    await eventually('it is asked for again', async () => {
      await fleet('logs', 'moved');
      const asked = cluster.api.resources.asked.filter((line) => line.endsWith('/pods/moved'));
      return asked.length > 1 ? true : undefined;
    });
  });

  it('goes on while the API server is away', async () => {
    await cluster.api.stop();
    const exec = await fleet('exec', 'shell', '--', 'echo', 'still');
    assert.equal(exec.stdout.toString(), 'still\n', exec.stderr);
    // Nobody has asked the API server for this one: the kubelets' lists say that it is nowhere.
    assert.match((await fleet('logs', 'unheard')).stderr, /pods "unheard" not found/);
    assert.match(await scenario.gatewayLog(), /the API server does not say where pods are/);
    await cluster.api.start();
  });

  it('falls back to the kubelets where the right is missing, and the log says which', async () => {
    cluster.api.resources.forbidden.add('pods');
    await eventually('the log says so', async () => {
      await fleet('logs', 'any');
      return (await scenario.gatewayLog()).includes('a right is missing at the API server')
        ? true
        : undefined;
    });
    // What it said before counts on for 10 s.
    await eventually(
      'the kubelets are believed',
      async () => (/claimed by several nodes/.test((await fleet('logs', 'shell')).stderr) ? true : undefined),
      20_000,
    );
  });
});
