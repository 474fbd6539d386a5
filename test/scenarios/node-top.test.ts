// `kubectl top` and `kubectl get nodes` with the server URL of one node: the same answers and rights as for all nodes,
// of that node alone.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Finished, Scenario } from '../support/scenario.ts';
import { RBAC } from '../../demo/manifests.ts';
import { closeAll } from '../support/close-all.ts';
import { startScenario } from '../support/scenario.ts';

/** Carol may read the metrics of node-1 and nothing else. */
const ONE_NODE = RBAC.replace(
  '- { apiGroups: [""], resources: ["nodes/proxy"], verbs: ["get"] }',
  '- { apiGroups: [""], resources: ["nodes/metrics"], resourceNames: ["node-1"], verbs: ["get"] }',
);

let scenario: Scenario;
before(async () => {
  assert.notEqual(ONE_NODE, RBAC);
  scenario = await startScenario({ files: { 'rbac.yaml': ONE_NODE } });
});
after(() => closeAll(scenario));

const on = (node: string, user: string, ...args: readonly string[]): Promise<Finished> =>
  scenario.kubectl(user, ['--server', `${scenario.url}/nodes/${node}`, ...args], { timeoutMs: 20_000 });

const out = async (node: string, user: string, ...args: readonly string[]): Promise<string> => {
  const { code, stdout, stderr } = await on(node, user, ...args);
  assert.equal(code, 0, stderr);
  return stdout.toString();
};

describe('kubectl with the server URL of one node', () => {
  it('top node shows this one', async () => {
    const text = await out('node-1', 'alice', 'top', 'node');
    assert.match(
      text,
      /^NAME +CPU\(cores\) +CPU\(%\) +MEMORY\(bytes\) +MEMORY\(%\)\s*\nnode-1 +\d+m +\d+% +\d+Mi/,
    );
    assert.doesNotMatch(text, /node-2/);
    assert.match(await out('node-1', 'alice', 'top', 'node', 'node-1'), /\nnode-1 /);
    assert.match((await on('node-1', 'alice', 'top', 'node', 'node-2')).stderr, /"node-2" not found/);
  });

  it('top pod shows its pods, of all namespaces, one, by name, by label and with containers', async () => {
    const all = await out('node-2', 'bob', 'top', 'pod', '-A');
    assert.match(all, /\nkube-system +static-node-2 +\d+m +\d+Mi/);
    assert.doesNotMatch(all, /static-node-1/);
    // Several nodes have a pod of this name, and only one is asked.
    assert.match(await out('node-2', 'bob', 'top', 'pod', 'shell', '--containers'), /\nshell +shell +\d+m/);
    const labelled = await out('node-2', 'bob', 'top', 'pod', '-l', 'app=web');
    assert.match(labelled, /\nweb /);
    assert.doesNotMatch(labelled, /shell/);
    const other = await on('node-1', 'bob', 'top', 'pod', 'static-node-2', '-n', 'kube-system');
    assert.match(other.stderr, /"static-node-2" not found/);
  });

  it('get nodes shows this one', async () => {
    const text = await out('node-3', 'alice', 'get', 'nodes');
    assert.match(text, /^NAME +STATUS +ROLES +AGE +VERSION\s*\nnode-3 +Ready .*\n$/);
    assert.match((await on('node-3', 'alice', 'get', 'node', 'node-1')).stderr, /nodes "node-1" not found/);
    assert.match(
      await out('node-3', 'alice', 'api-resources'),
      /\npods +metrics\.k8s\.io\/v1beta1 +true +PodMetrics/,
    );
  });

  it('asks for the rights to this node', async () => {
    assert.match(await out('node-1', 'carol', 'top', 'node'), /\nnode-1 /);
    assert.match(await out('node-1', 'carol', 'top', 'pod', '-A'), /static-node-1/);
    for (const args of [
      ['top', 'node'],
      ['top', 'pod', '-A'],
      ['get', 'nodes'],
    ]) {
      assert.match((await on('node-2', 'carol', ...args)).stderr, /Forbidden/, args.join(' '));
    }
    // Nothing is to be had of another node through this one's URL.
    assert.match((await on('node-1', 'carol', 'top', 'node', 'node-2')).stderr, /Forbidden/);
    assert.match((await on('node-1', 'carol', 'top', 'pod', '-l', 'app=web')).stderr, /Forbidden/);
  });

  it('a node that is not there is not found, and forbidden for who may not know', async () => {
    for (const args of [
      ['top', 'node'],
      ['top', 'pod', '-A'],
      ['get', 'nodes'],
    ]) {
      assert.match((await on('nope', 'alice', ...args)).stderr, /nodes "nope" not found/, args.join(' '));
      assert.match((await on('nope', 'carol', ...args)).stderr, /Forbidden/, args.join(' '));
    }
  });
});
