// A real kubectl with one server URL for all nodes.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Finished, Scenario } from '../support/scenario.ts';
import { closeAll } from '../support/close-all.ts';
import { startScenario } from '../support/scenario.ts';

let scenario: Scenario;
before(async () => {
  scenario = await startScenario();
});
after(() => closeAll(scenario));

const fleet = (user: string, ...args: readonly string[]): Promise<Finished> =>
  scenario.kubectl(user, ['--server', scenario.url, ...args]);

const out = async (user: string, ...args: readonly string[]): Promise<string> => {
  const { code, stdout, stderr } = await fleet(user, ...args);
  assert.equal(code, 0, stderr);
  return stdout.toString();
};

describe('kubectl with the fleet as its server', () => {
  it('get nodes', async () => {
    const text = await out('alice', 'get', 'nodes');
    assert.match(text, /^NAME +STATUS +ROLES +AGE +VERSION/);
    assert.match(text, /\nnode-3 /);
  });

  it('get pods of all nodes, and of one', async () => {
    const all = await out('alice', 'get', 'pods', '-A', '-o', 'wide');
    for (const node of ['node-1', 'node-2', 'node-3']) assert.match(all, new RegExp(` ${node} `));
    const one = await out(
      'alice',
      'get',
      'pods',
      '-A',
      '-o',
      'wide',
      '--field-selector',
      'spec.nodeName=node-2',
    );
    assert.match(one, / node-2 /);
    assert.doesNotMatch(one, / node-1 /);
  });

  it('a pod that several nodes claim is a conflict that names them', async () => {
    const { code, stderr } = await fleet('alice', 'get', 'pod', 'shell');
    assert.equal(code, 1);
    assert.match(stderr, /claimed by several nodes: node-1, node-2, node-3/);
  });

  it('a pod that is nowhere is not found, and forbidden for who may not ask', async () => {
    assert.match((await fleet('alice', 'logs', 'nope')).stderr, /pods "nope" not found/);
    assert.match((await fleet('alice', 'logs', 'nope', '-n', 'shop')).stderr, /pods "nope" not found/);
    const asked = await scenario.curl('bob', '/api/v1/namespaces/default/pods/nope/log');
    assert.match(asked.stdout.toString(), /"reason":"Forbidden"/);
  });

  it('a pod that is on one node alone is found there, among all nodes', async () => {
    for (const node of ['node-1', 'node-3']) {
      const pod = `static-${node}`;
      assert.match(
        await out('alice', '-n', 'kube-system', 'get', 'pod', pod, '-o', 'wide'),
        new RegExp(node),
      );
      const args = ['-n', 'kube-system', 'exec', pod, '--', 'echo', 'found'];
      assert.equal(await out('alice', ...args), 'found\n');
    }
  });

  it('auth can-i and whoami', async () => {
    assert.match(await out('bob', 'auth', 'whoami'), /bob/);
    assert.match(await out('alice', 'auth', 'can-i', 'create', 'pods', '--subresource=exec'), /^yes/);
    const no = await fleet('bob', 'auth', 'can-i', 'create', 'pods', '--subresource=exec');
    assert.match(no.stdout.toString(), /^no/);
  });

  it('what is not offered is said to be nowhere', async () => {
    assert.match((await fleet('alice', 'get', 'deployments')).stderr, /resource type "deployments"/);
  });
});
