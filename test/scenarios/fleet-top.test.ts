// `kubectl top` with one server URL for all nodes, against simulated kubelets over the wire.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Finished, Scenario } from '../support/scenario.ts';
import { closeAll } from '../support/close-all.ts';
import { eventually, startScenario } from '../support/scenario.ts';

let scenario: Scenario;
before(async () => {
  scenario = await startScenario({
    // A fourth node, whose name is not in the certificate that it shows.
    configure: (yaml) =>
      yaml.replace(/^( +- \{ name: node-3,.*)\n/m, (line) => line + line.replaceAll('node-3', 'node-4')),
  });
});
after(() => closeAll(scenario));

const fleet = (user: string, ...args: readonly string[]): Promise<Finished> =>
  scenario.kubectl(user, ['--server', scenario.url, ...args]);

const out = async (user: string, ...args: readonly string[]): Promise<string> => {
  const { code, stdout, stderr } = await fleet(user, ...args);
  assert.equal(code, 0, stderr);
  return stdout.toString();
};

describe('kubectl top node', () => {
  it('shows CPU and memory of each node', async () => {
    const text = await out('alice', 'top', 'node');
    assert.match(text, /^NAME +CPU\(cores\) +CPU\(%\) +MEMORY\(bytes\) +MEMORY\(%\)/);
    for (const node of ['node-1', 'node-2', 'node-3']) {
      assert.match(text, new RegExp(`\n${node} +\\d+m +\\d+% +\\d+Mi +\\d+%`));
    }
    assert.match(await out('alice', 'top', 'node', 'node-2'), /\nnode-2 /);
  });

  it('warns of nodes that do not answer, and says so when it was asked for one', async () => {
    const all = await fleet('alice', 'top', 'node');
    assert.match(all.stderr, /Warning: partial answer: no usable answer of node-4/);
    assert.doesNotMatch(all.stdout.toString(), /\nnode-4 +\d/);
    assert.match((await fleet('alice', 'top', 'node', 'node-4')).stderr, /no node has told what it uses/);
  });

  it('is for who may read the metrics of nodes', async () => {
    assert.match((await fleet('carol', 'top', 'node')).stderr, /Forbidden/);
    const bob = await scenario.curl('bob', '/apis/metrics.k8s.io/v1beta1/nodes/node-1');
    const { kind, window, usage } = JSON.parse(bob.stdout.toString()) as Record<string, unknown>;
    assert.equal(kind, 'NodeMetrics');
    assert.match(String(window), /^[\d.]+s$/);
    assert.match(JSON.stringify(usage), /^\{"cpu":"\d+n","memory":"\d+Ki"\}$/);
  });

  it('of no such node', async () => {
    assert.match((await fleet('alice', 'top', 'node', 'nope')).stderr, /"nope" not found/);
    assert.match((await fleet('carol', 'top', 'node', 'nope')).stderr, /Forbidden/);
  });
});

describe('kubectl get nodes', () => {
  it('has the columns that people know', async () => {
    const { stdout, code } = await fleet('alice', 'get', 'nodes', '-o', 'wide');
    const text = stdout.toString();
    assert.equal(code, 0);
    assert.match(
      text,
      /^NAME +STATUS +ROLES +AGE +VERSION +INTERNAL-IP +EXTERNAL-IP +OS-IMAGE +KERNEL-VERSION/,
    );
    assert.match(text, /\nnode-1 +Ready +<none> +<unknown> +v1\.36\.2 +127\.0\.0\.1 +<none> +Debian/);
    assert.match(text, /\nnode-4 +NotReady +<none> +<unknown> +<unknown> /);
  });

  it('in other forms', async () => {
    assert.match(await out('alice', 'get', 'nodes', '-o', 'name'), /^node\/node-1\n/);
    assert.match(await out('alice', 'get', 'node', 'node-1', '-o', 'yaml'), /\n {4}cpu: "2"/);
    const path = 'jsonpath={.items[0].status.nodeInfo.kubeletVersion}';
    assert.equal(await out('alice', 'get', 'nodes', '-o', path), 'v1.36.2');
    assert.doesNotMatch(await out('alice', 'get', 'nodes', '-l', 'a=b'), /node-1/);
  });
});

describe('kubectl top pod', () => {
  it('shows the pods of all nodes, and of a namespace', async () => {
    const all = await out('bob', 'top', 'pod', '-A');
    assert.match(all, /^NAMESPACE +NAME +CPU\(cores\) +MEMORY\(bytes\)/);
    assert.match(all, /\nkube-system +static-node-3 +\d+m +\d+Mi/);
    const one = await out('bob', 'top', 'pod', '-n', 'kube-system');
    assert.doesNotMatch(one, /shell/);
    assert.match(one, /static-node-1/);
  });

  it('--containers, --sort-by and a name', async () => {
    const text = await out(
      'bob',
      'top',
      'pod',
      'static-node-1',
      '-n',
      'kube-system',
      '--containers',
      '--sort-by=memory',
    );
    assert.match(text, /\nstatic-node-1 +static +\d+m/);
    assert.match((await fleet('bob', 'top', 'pod', 'shell')).stderr, /claimed by several nodes: node-1/);
    assert.match((await fleet('bob', 'top', 'pod', 'nope')).stderr, /"nope" not found/);
  });

  it('by labels takes the right to read pods', async () => {
    const text = await out('bob', 'top', 'pod', '-l', 'app=web');
    assert.match(text, /\nweb /);
    assert.doesNotMatch(text, /shell/);
    const carol = await scenario.curl('carol', '/apis/metrics.k8s.io/v1beta1/pods?labelSelector=app%3Dweb');
    assert.match(carol.stdout.toString(), /"reason":"Forbidden"/);
  });

  it('the window grows honestly: a second look is the rate of the counters', async () => {
    // The simulated counter runs at a quarter of a core; the rate of its summary is another one.
    const text = await eventually('a rate of the counters', async () => {
      const { stdout } = await scenario.curl('bob', '/apis/metrics.k8s.io/v1beta1/nodes/node-1');
      const answer = stdout.toString();
      return /"cpu":"2[45]\d{7}n"/.test(answer) ? answer : undefined;
    });
    assert.doesNotMatch(text, /"window":"10s"/);
  });

  it('watch and unknown selectors are refused in words', async () => {
    const watch = await scenario.curl('bob', '/apis/metrics.k8s.io/v1beta1/pods?watch=1');
    assert.match(watch.stdout.toString(), /"reason":"MethodNotAllowed"/);
    const field = await scenario.curl('bob', '/apis/metrics.k8s.io/v1beta1/pods?fieldSelector=a%3Db');
    assert.match(field.stdout.toString(), /field label not supported/);
  });
});
