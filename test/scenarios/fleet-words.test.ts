// What a real kubectl is told of its rights, and of what is not offered, with one server URL for all nodes.

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
  scenario.kubectl(user, ['--server', scenario.url, ...args], { timeoutMs: 20_000 });

describe('rights', () => {
  it('auth can-i --list names what is served, and says that there may be more', async () => {
    const { code, stdout, stderr } = await fleet('bob', 'auth', 'can-i', '--list');
    assert.equal(code, 0, stderr);
    assert.match(stdout.toString(), /\nnodes\/metrics +\[\] +\[\] +\[get\]/);
    assert.doesNotMatch(stdout.toString(), /exec|proxy/);
    assert.match(stderr, /may be incomplete: only what this gateway serves/);
  });

  it('auth can-i says yes to what then succeeds', async () => {
    assert.match((await fleet('bob', 'auth', 'can-i', 'list', 'pods', '-A')).stdout.toString(), /^yes/);
    assert.equal((await fleet('bob', 'get', 'pods', '-A')).code, 0);
    assert.match((await fleet('carol', 'auth', 'can-i', 'create', 'pods/exec')).stdout.toString(), /^no/);
  });

  it('a review that cannot be read is refused in words', async () => {
    for (const path of ['selfsubjectaccessreviews', 'selfsubjectrulesreviews']) {
      const { stdout } = await scenario.curl(
        'bob',
        `/apis/authorization.k8s.io/v1/${path}`,
        '--data-binary',
        'k8s',
      );
      assert.match(stdout.toString(), /"reason":"BadRequest"/);
    }
  });
});

describe('what is not offered is refused in words', () => {
  for (const [what, words] of [
    ['get deployments', /the server doesn't have a resource type "deployments"/],
    ['get events', /the server doesn't have a resource type "events"/],
    ['get --raw /api/v1/events', /nodes, pods, their metrics and reviews/],
    ['get --raw /apis/apps/v1/deployments', /nodes, pods, their metrics and reviews/],
    ['get --raw /apis/metrics.k8s.io/v1beta1/pods?watch=1', /watch is not offered: ask for the list again/],
    ['delete pod shell', /this gateway changes no object, which is for the API server/],
    ['label node node-1 a=b', /this gateway changes no object/],
    ['debug static-node-1 -n kube-system --image=x', /this gateway changes no object/],
    ['get --raw /api/v1/pods?continue=x', /continue key is not valid: it is of no list here/],
  ] as const) {
    it(what, async () => {
      const { code, stderr } = await fleet('alice', ...what.split(' '));
      assert.equal(code, 1);
      assert.match(stderr, words);
    });
  }

  it('describe shows what the kubelet knows', async () => {
    const pod = await fleet('alice', 'describe', 'pod', 'static-node-1', '-n', 'kube-system');
    assert.match(pod.stdout.toString(), /\nStatus: +Running\n/);
    const node = await fleet('alice', 'describe', 'node', 'node-1');
    assert.match(node.stdout.toString(), /Kubelet Version: +v1\.36\.2/);
    assert.match(node.stdout.toString(), /Non-terminated Pods: +\(5 in total\)/);
  });
});

describe('lists in other forms', () => {
  it('-o json, yaml, name, jsonpath, and chunks', async () => {
    const text = async (...args: readonly string[]): Promise<string> =>
      (await fleet('alice', 'get', 'pods', '-A', ...args)).stdout.toString();
    const { items } = JSON.parse(await text('-o', 'json')) as { items: readonly unknown[] };
    assert.equal(items.length, 15);
    assert.match(await text('-o', 'yaml'), /\nkind: List\n/);
    assert.equal((await text('-o', 'name', '--chunk-size=3')).trim().split('\n').length, 15);
    assert.match(await text('-o', 'jsonpath={.items[*].spec.nodeName}'), /node-1 .*node-3/);
  });
});
