// One server URL for nodes of which one lies, one is slow and then gone, and for a user with rights on some nodes only:
// what a real kubectl shows, and what it never does.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { HostileKubelet, Script } from '../support/hostile-kubelet.ts';
import type { Finished, Scenario } from '../support/scenario.ts';
import { RBAC } from '../../demo/manifests.ts';
import { closeAll } from '../support/close-all.ts';
import { answer, startHostileKubelet } from '../support/hostile-kubelet.ts';
import { startScenario } from '../support/scenario.ts';

const pod = (name: string, nodeName: string): object => ({
  metadata: { name, namespace: 'default', uid: `${name}-${nodeName}` },
  spec: { nodeName, containers: [{ name, image: 'trap' }] },
  status: { phase: 'Running' },
});

const podList = (...items: readonly object[]): string =>
  answer(
    '200 OK',
    JSON.stringify({ kind: 'PodList', apiVersion: 'v1', metadata: {}, items }),
    'Content-Type: application/json',
  );

/** Names what it runs, what node-1 runs as its own, and what node-1 and node-3 run in their names. */
const LIES: Script = (head, connection) =>
  connection.write(
    head.startsWith('GET /pods')
      ? podList(pod('trap', 'node-2'), pod('web', 'node-2'), pod('shell', 'node-1'), pod('gone', 'node-3'))
      : answer('200 OK', 'ok'),
  );

/** Health at once; of the pods a beginning, and no more. */
const DRIBBLES: Script = (head, connection) => {
  if (head.startsWith('GET /pods'))
    connection.write('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"kind"');
  else connection.write(answer('200 OK', 'ok'));
};

/** Carol may do everything on node-1 and node-3, and nothing elsewhere. */
const SOME_NODES = RBAC.replace(
  '- { apiGroups: [""], resources: ["nodes/proxy"], verbs: ["get"] }',
  '- { apiGroups: [""], resources: ["nodes/proxy", "nodes/metrics"], resourceNames: ["node-1", "node-3"], verbs: ["*"] }',
);

let liar: HostileKubelet;
let slow: HostileKubelet;
let scenario: Scenario;
before(async () => {
  assert.notEqual(SOME_NODES, RBAC);
  liar = await startHostileKubelet('node-2');
  slow = await startHostileKubelet('node-3');
  liar.script = LIES;
  slow.script = DRIBBLES;
  scenario = await startScenario({
    files: { 'rbac.yaml': SOME_NODES },
    configure: (yaml) =>
      `${slow.takePlaceOf(liar.takePlaceOf(yaml, 'node-2'), 'node-3')}forwarding: { answerTimeout: 1s }\n`,
  });
});
after(() => closeAll(scenario, liar, slow));

const fleet = (user: string, ...args: readonly string[]): Promise<Finished> =>
  scenario.kubectl(user, ['--server', scenario.url, ...args], { timeoutMs: 30_000 });

/** Name and node of each pod. */
const toPlaces = ({ stdout }: Finished): readonly string[] =>
  stdout
    .toString()
    .trim()
    .split('\n')
    .map((line) => line.replace(/ +/, ' '))
    .sort();

const PLACES = ['-A', '--no-headers', '-o', 'custom-columns=:metadata.name,:spec.nodeName'];

const OF_NODE_1 = ['logger', 'multi', 'shell', 'static-node-1', 'web'].map((name) => `${name} node-1`);

describe('a kubelet that lists other nodes’ pods', () => {
  it('shows what it runs itself, and nothing else of what it says', async () => {
    const all = await fleet('alice', 'get', 'pods', ...PLACES);
    assert.equal(all.code, 0, all.stderr);
    assert.deepEqual(toPlaces(all), [...OF_NODE_1, 'trap node-2', 'web node-2'].sort());
  });

  it('is counted, for lists too', async () => {
    const url = `http://127.0.0.1:${scenario.environment.adminPort}/metrics`;
    const count = async (): Promise<number> =>
      Number(/^kubelet_gateway_foreign_pods_total (\d+)$/m.exec(await (await fetch(url)).text())?.[1] ?? 0);
    const before = await count();
    await fleet('alice', 'get', 'pods', '-A', '--chunk-size=0');
    assert.equal((await count()) - before, 2);
  });

  it('attracts no session of a pod that another node runs', async () => {
    const exec = await fleet('alice', 'exec', 'shell', '--', 'echo', 'found');
    assert.equal(exec.stdout.toString(), 'found\n', exec.stderr);
    const logs = await fleet('alice', 'logs', 'shell', '--tail=1');
    assert.equal(logs.code, 0, logs.stderr);
    assert.match((await fleet('alice', 'exec', 'gone', '--', 'id')).stderr, /pods "gone" not found/);
    assert.match(await scenario.gatewayLog(), /"node":"node-2","count":2,.*spec names another node/);
  });

  it('that claims a pod which another node runs makes it a conflict that names both', async () => {
    for (const args of [
      ['exec', 'web', '--', 'id'],
      ['attach', 'web'],
      ['logs', 'web'],
      ['port-forward', 'web', ':8080'],
      ['cp', 'web:/etc/hostname', '/dev/null'],
      ['get', 'pod', 'web'],
    ]) {
      const { code, stderr } = await fleet('alice', ...args);
      assert.equal(code, 1, args[0]);
      assert.match(
        stderr,
        /claimed by several nodes: node-1, node-2; name the node: \/nodes\/\{node\}/,
        args[0],
      );
    }
  });

  it('was never asked for more than its pods and its health', () => {
    const asked = liar.connections.flatMap(({ heads }) => heads.map((head) => head.split(' ', 2).join(' ')));
    assert.deepEqual(
      [...new Set(asked)].filter(
        (line) => !/^GET \/(pods\/?|healthz|metrics|metrics\/cadvisor|statusz)$/.test(line),
      ),
      [],
    );
  });
});

const PARTIAL = /^Warning: partial answer: no usable answer of node-3$/m;

describe('a node that does not come to an end', () => {
  it('is named in a warning beside the pods of the others', async () => {
    const all = await fleet('alice', 'get', 'pods', ...PLACES);
    assert.equal(all.code, 0, all.stderr);
    assert.match(all.stderr, PARTIAL);
    assert.deepEqual(toPlaces(all), [...OF_NODE_1, 'trap node-2', 'web node-2'].sort());
    const { stdout } = await scenario.curl('alice', '/api/v1/pods', '-D', '-', '-o', '/dev/null');
    assert.match(
      stdout.toString(),
      /^warning: 299 - "partial answer: no usable answer of node-3", 299 - "claimed by .*: default\/web \(node-1, node-2\)"\r$/im,
    );
  });

  it('keeps nobody from a pod that another node runs', async () => {
    const exec = await fleet('alice', 'exec', 'multi', '--', 'echo', 'found');
    assert.equal(exec.stdout.toString(), 'found\n', exec.stderr);
  });

  it('is ready all the same, as its health says', async () => {
    const nodes = await fleet('alice', 'get', 'nodes');
    assert.match(nodes.stdout.toString(), /\nnode-3 +Ready /);
  });
});

describe('a user with rights on some nodes', () => {
  it('sees these nodes alone', async () => {
    const { stdout } = await fleet('carol', 'get', 'nodes', '-o', 'name');
    assert.equal(stdout.toString(), 'node/node-1\nnode/node-3\n');
    const top = await fleet('carol', 'top', 'node');
    assert.match(top.stdout.toString(), /\nnode-1 +\d+m/, top.stderr);
    assert.doesNotMatch(`${top.stdout.toString()}${top.stderr}`, /node-2/);
    assert.match((await fleet('carol', 'get', 'node', 'node-2')).stderr, /Forbidden/);
  });

  it('sees their pods alone, and warnings of them alone', async () => {
    const all = await fleet('carol', 'get', 'pods', ...PLACES);
    assert.deepEqual(toPlaces(all), OF_NODE_1);
    assert.match(all.stderr, PARTIAL);
    const other = await fleet('carol', 'get', 'pods', '-A', '--field-selector', 'spec.nodeName=node-2');
    assert.match(other.stderr, /Forbidden/);
  });

  it('reaches a pod on one of them by its name', async () => {
    for (const name of ['shell', 'web']) {
      const exec = await fleet('carol', 'exec', name, '--', 'echo', 'found');
      assert.equal(exec.stdout.toString(), 'found\n', exec.stderr);
    }
    assert.equal((await fleet('carol', 'logs', 'shell', '--tail=1')).code, 0);
  });

  it('is told to name the node, whether the pod is elsewhere or nowhere', async () => {
    const told = new Set<string>();
    for (const name of ['trap', 'nope']) {
      const { code, stderr } = await fleet('carol', 'exec', name, '--', 'echo', 'found');
      assert.equal(code, 1);
      assert.match(stderr, /forbidden/);
      assert.match(stderr, /name the node in the server URL: --server https:\/\/GATEWAY\/nodes\/NODE/);
      assert.doesNotMatch(stderr, /node-\d/, 'says nothing of where it is, or whether');
      told.add(stderr.replaceAll(name, 'POD'));
    }
    assert.equal(told.size, 1);
    const named = await scenario.kubectl('carol', ['exec', 'shell', '--', 'echo', 'found']);
    assert.equal(named.stdout.toString(), 'found\n', named.stderr);
    assert.match((await scenario.kubectl('carol@node-2', ['exec', 'trap', '--', 'id'])).stderr, /forbidden/);
  });
});

describe('a node that is gone', () => {
  it('is named in the warning, and not ready', async () => {
    await slow.close();
    const all = await fleet('alice', 'get', 'pods', ...PLACES);
    assert.match(all.stderr, PARTIAL);
    assert.deepEqual(toPlaces(all), [...OF_NODE_1, 'trap node-2', 'web node-2'].sort());
    assert.match((await fleet('alice', 'get', 'nodes')).stdout.toString(), /\nnode-3 +NotReady /);
    const one = await fleet('alice', 'get', 'pods', '-A', '--field-selector', 'spec.nodeName=node-3');
    assert.match(one.stderr, PARTIAL);
    const exec = await fleet('alice', 'exec', 'shell', '--', 'echo', 'found');
    assert.equal(exec.stdout.toString(), 'found\n', exec.stderr);
  });
});
