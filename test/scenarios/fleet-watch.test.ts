// `kubectl get --watch` and `kubectl wait` of a real kubectl, with one server URL for all nodes and under that of one:
// what a person sees when pods change, when the right is taken away, and when the gateway stops.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { HostileKubelet } from '../support/hostile-kubelet.ts';
import type { Scenario } from '../support/scenario.ts';
import { RBAC } from '../../demo/manifests.ts';
import { kubectlPath } from '../../scripts/kubectl.ts';
import { closeAll } from '../support/close-all.ts';
import { answer, startHostileKubelet } from '../support/hostile-kubelet.ts';
import { eventually, startScenario } from '../support/scenario.ts';

const pod = (name: string, phase: string, ready = 'False'): object => ({
  metadata: { name, namespace: 'default', uid: `uid-${name}`, labels: { app: name } },
  spec: { nodeName: 'node-2', containers: [{ name, image: 'x' }] },
  status: { phase, conditions: [{ type: 'Ready', status: ready }] },
});

/** What node-2 tells of at the moment. */
let items: readonly object[] = [];
let node: HostileKubelet;
let scenario: Scenario;
before(async () => {
  node = await startHostileKubelet('node-2');
  node.script = (head, connection) => {
    const list = JSON.stringify({ kind: 'PodList', apiVersion: 'v1', metadata: {}, items });
    connection.write(
      head.startsWith('GET /pods')
        ? answer('200 OK', list, 'Content-Type: application/json')
        : answer('200 OK', 'ok'),
    );
  };
  scenario = await startScenario({ configure: (yaml) => node.takePlaceOf(yaml, 'node-2') });
});
after(() => closeAll(scenario, node));

/** A kubectl that runs until it is killed. */
function start(server: string, ...args: readonly string[]) {
  const child = spawn(kubectlPath(), ['--context', 'alice', '--server', server, ...args], {
    env: { ...process.env, ...scenario.kubectlEnv },
  });
  let text = '';
  let problem = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (problem += chunk.toString()));
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  return {
    ended,
    stderr: () => problem,
    shows: (what: RegExp) =>
      eventually(`${String(what)} in ${args.join(' ')}`, () => (what.test(text) ? text : undefined)),
    stop: async (): Promise<string> => {
      child.kill('SIGKILL');
      await ended;
      return text;
    },
  };
}

/** Until so many watches run: what changes before a watch has begun is in what it begins with. */
const running = (count: number): Promise<unknown> =>
  eventually(`${count} watches`, async () => {
    const url = `http://127.0.0.1:${scenario.environment.adminPort}/metrics`;
    const found = /kubelet_gateway_active_streams\{action="watch"\} (\d+)/.exec(
      await (await fetch(url)).text(),
    );
    return Number(found?.[1]) >= count ? true : undefined;
  });

describe('kubectl get pods --watch', () => {
  it('shows what happens on all nodes, and on the one that the server URL names', async () => {
    items = [pod('job', 'Pending')];
    const all = start(scenario.url, 'get', 'pods', '-A', '--watch');
    const one = start(`${scenario.url}/nodes/node-2`, 'get', 'pods', '-w', '--output-watch-events');
    await Promise.all([all.shows(/\ndefault +job +0\/1 +Pending/), one.shows(/\nADDED +job +0\/1 +Pending/)]);
    items = [pod('job', 'Running')];
    await Promise.all([
      all.shows(/\ndefault +job +0\/1 +Running/),
      one.shows(/\nMODIFIED +job +0\/1 +Running/),
    ]);
    items = [];
    await one.shows(/\nDELETED +job +0\/1 +Running/);
    const lines = (await all.stop()).match(/\ndefault +shell .*/g);
    assert.equal(lines?.length, 2, 'those of the other nodes were listed, and not told again');
    await one.stop();
  });

  it('of nodes, and of one pod by its name', async () => {
    items = [pod('job', 'Pending')];
    const nodes = start(scenario.url, 'get', 'nodes', '--watch-only');
    const one = start(scenario.url, 'get', 'pod', 'job', '-w');
    await one.shows(/^NAME .*\njob +0\/1 +Pending/);
    await running(2);
    items = [pod('job', 'Succeeded')];
    await one.shows(/\njob +0\/1 +Succeeded/);
    const healthy = node.script;
    node.script = (head, connection) =>
      head.startsWith('GET /healthz') ? connection.socket.destroy() : healthy(head, connection);
    await nodes.shows(/node-2 +NotReady/);
    node.script = healthy;
    await Promise.all([nodes.stop(), one.stop()]);
  });

  it('is audited as a watch, and counted while it runs', async () => {
    const one = start(scenario.url, 'get', 'pods', '-w', '-o', 'wide');
    await one.shows(/NAME/);
    await running(1);
    await one.stop();
    const stages = await eventually('the end of a watch', async () => {
      const events = (await scenario.auditEvents()).filter(
        ({ verb, objectRef, requestURI }) =>
          verb === 'watch' && objectRef?.namespace === 'default' && !requestURI.startsWith('/nodes/'),
      );
      const last = events
        .filter(({ auditID }) => auditID === events.at(-1)?.auditID)
        .map(({ stage }) => stage);
      return last.includes('ResponseComplete') ? last : undefined;
    });
    assert.deepEqual(stages, ['RequestReceived', 'ResponseStarted', 'ResponseComplete']);
  });
});

describe('kubectl wait', () => {
  it('sees the condition come, and the pod go', async () => {
    items = [pod('slow', 'Pending')];
    const ready = start(scenario.url, 'wait', '--for=condition=Ready', 'pod/slow', '--timeout=30s');
    await eventually('a watch', async () =>
      (await scenario.auditEvents()).some(({ requestURI }) => /watch=true.*|slow.*watch/.test(requestURI))
        ? true
        : undefined,
    );
    items = [pod('slow', 'Running', 'True')];
    await ready.shows(/pod\/slow condition met/);
    const gone = start(scenario.url, 'wait', '--for=delete', 'pod/slow', '--timeout=30s');
    items = [];
    await gone.shows(/pod\/slow condition met|^$/);
    assert.equal(await gone.ended, 0, gone.stderr());
  });
});

describe('metadata clients', () => {
  for (const path of [
    '/api/v1/pods',
    '/api/v1/nodes',
    '/nodes/node-1/api/v1/pods',
    '/nodes/node-1/api/v1/nodes',
  ]) {
    it(`are answered: ${path}`, async () => {
      const accept = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';
      const { stdout } = await scenario.curl('alice', path, '-H', `Accept: ${accept}`);
      const { kind, items: objects } = JSON.parse(stdout.toString()) as {
        kind: string;
        items: readonly { kind: string; spec?: unknown; status?: unknown }[];
      };
      assert.equal(kind, 'PartialObjectMetadataList');
      assert.ok(objects.length > 0);
      for (const object of objects) {
        assert.deepEqual(
          [object.kind, object.spec, object.status],
          ['PartialObjectMetadata', undefined, undefined],
        );
      }
    });
  }

  it('are answered about one', async () => {
    const accept = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1';
    for (const path of ['/api/v1/namespaces/kube-system/pods/static-node-1', '/api/v1/nodes/node-1']) {
      const { stdout } = await scenario.curl('alice', path, '-H', `Accept: ${accept}`);
      assert.match(stdout.toString(), /"kind":"PartialObjectMetadata"/);
      assert.doesNotMatch(stdout.toString(), /"spec"/);
    }
  });
});

// The last: it changes what alice may do, and stops the gateway.
describe('a watch that the gateway ends', () => {
  it('says that the right is gone', async () => {
    const all = start(scenario.url, 'get', 'pods', '-A', '--watch');
    const one = start(`${scenario.url}/nodes/node-1`, 'get', 'pods', '--watch');
    const nodes = start(scenario.url, 'get', 'nodes', '--watch');
    await Promise.all([all, one, nodes].map((watch) => watch.shows(/NAME/)));
    await running(3);
    const without = RBAC.replace(
      'metadata: { name: alice-operates-nodes }',
      'metadata: { name: nobody }',
    ).replace('kind: User, name: alice', 'kind: User, name: nobody');
    await writeFile(join(scenario.environment.directory, 'rbac.yaml'), without);
    scenario.gateway.signal('SIGHUP');
    for (const watch of [all, one, nodes]) {
      // kubectl shows the Status as an object of its own.
      await watch.shows(/Failure +Forbidden +\S+/);
      await watch.ended;
    }
    await writeFile(join(scenario.environment.directory, 'rbac.yaml'), RBAC);
    scenario.gateway.signal('SIGHUP');
    await eventually('alice again', async () =>
      (await scenario.curl('alice', '/api/v1/pods')).stdout.toString().includes('PodList') ? true : undefined,
    );
  });

  it('goes on through a reload, with what is new, and ends at once with the gateway', async () => {
    items = [];
    const all = start(scenario.url, 'get', 'pods', '-A', '--watch');
    await all.shows(/static-node-1/);
    await writeFile(join(scenario.environment.directory, 'rbac.yaml'), `${RBAC}# again\n`);
    scenario.gateway.signal('SIGHUP');
    items = [pod('after', 'Running')];
    await all.shows(/\ndefault +after /);
    const others = ['pods', 'nodes'].flatMap((kind) =>
      [scenario.url, `${scenario.url}/nodes/node-1`].map((url) => start(url, 'get', kind, '--watch')),
    );
    await running(5);
    scenario.gateway.signal('SIGTERM');
    await Promise.all([all, ...others].map(({ ended }) => ended));
    assert.equal(await scenario.gateway.ended, 0, (await scenario.gatewayLog()).slice(-2000));
    assert.doesNotMatch(all.stderr(), /EOF|reset/);
  });
});
