import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { systemClock } from '../../src/core/ports.ts';
import type { FollowedInventory } from '../../src/inventory/kubernetes.ts';
import { createKubernetesInventory } from '../../src/inventory/kubernetes.ts';
import { createNodeCache } from '../../src/inventory/node-cache.ts';
import { follow } from '../../src/kube/watch/follow.ts';
import type { ApiServer } from '../support/api-server.ts';
import { startApiServer } from '../support/api-server.ts';
import type { KubeObject } from '../support/api-resources.ts';
import { eventually } from '../support/eventually.ts';
import { createKeptLog } from '../support/kept-log.ts';
import { nodeName } from '../support/resolved.ts';

const node = (
  name: string,
  address: string,
  more: { labels?: Record<string, string>; port?: number } = {},
) => ({
  metadata: { name, labels: more.labels ?? {} },
  status: {
    addresses: [{ type: 'InternalIP', address }],
    daemonEndpoints: { kubeletEndpoint: { Port: more.port ?? 10250 } },
    conditions: [{ type: 'Ready', status: 'True' }],
  },
});

async function startApi(t: TestContext, nodes: readonly KubeObject[] = []): Promise<ApiServer> {
  const api = await startApiServer({ decide: () => ({ allowed: false }) });
  for (const one of nodes) api.resources.put('nodes', one);
  t.after(() => api.close());
  return api;
}

function start(t: TestContext, api: ApiServer, cachePath?: string) {
  const log = createKeptLog();
  const counts: string[] = [];
  const current: boolean[] = [];
  const inventory = createKubernetesInventory(
    {
      feed: (follower, options) =>
        follow({ clock: systemClock }, api.connection, follower, {
          ...options,
          backoff: { firstMs: 5, capMs: 20 },
        }),
      ...(cachePath === undefined ? {} : { cache: createNodeCache({ log }, cachePath, 'test') }),
      clock: systemClock,
      log,
      metrics: {
        nodes: (count, leftOut) => counts.push(`${count} ${leftOut}`),
        current: (isCurrent) => current.push(isCurrent),
      },
    },
    {
      addressTypes: ['InternalIP'],
      ports: [10250],
      trust: { serverName: '{node}', certificateAuthority: 'PEM' },
    },
  );
  t.after(() => inventory.stop());
  return { inventory, log, counts, current };
}

const addressOf = (inventory: FollowedInventory, name: string): string | undefined =>
  inventory.get(nodeName(name))?.address;

const has = (inventory: FollowedInventory, name: string, address: string | undefined): Promise<unknown> =>
  eventually(`${name} at ${address}`, () => (addressOf(inventory, name) === address ? true : undefined));

const known = (inventory: FollowedInventory): Promise<unknown> =>
  eventually('nodes are known', () => (inventory.problem() === undefined ? true : undefined));

describe('the nodes of a cluster', () => {
  it('come, change and go', async (t) => {
    const api = await startApi(t, [node('a', '10.0.0.1', { labels: { pool: 'x' } })]);
    const { inventory } = start(t, api);
    assert.equal(inventory.problem(), 'the nodes of the cluster have not been listed yet');
    await known(inventory);
    assert.deepEqual(inventory.get(nodeName('a'))?.labels, { pool: 'x' });
    api.resources.put('nodes', node('b', '10.0.0.2'));
    await has(inventory, 'b', '10.0.0.2');
    api.resources.put('nodes', node('b', '10.0.0.3'));
    await has(inventory, 'b', '10.0.0.3');
    api.resources.remove('nodes', 'a');
    await has(inventory, 'a', undefined);
    assert.deepEqual(
      [...inventory.list()].map(({ name }) => name),
      ['b'],
    );
  });

  it('are left out where they cannot be dialled, and the log says why, once', async (t) => {
    const api = await startApi(t, [node('a', '10.0.0.1', { port: 22 }), node('b', '10.0.0.2')]);
    const { inventory, log, counts } = start(t, api);
    await known(inventory);
    assert.equal(addressOf(inventory, 'a'), undefined);
    assert.deepEqual(counts.at(-1), '1 1');
    api.resources.put('nodes', node('a', '10.0.0.1', { port: 22, labels: { x: 'y' } }));
    api.resources.put('nodes', node('b', '10.0.0.2', { port: 23 }));
    await has(inventory, 'b', undefined);
    api.resources.put('nodes', node('a', '10.0.0.1'));
    await has(inventory, 'a', '10.0.0.1');
    const said = log.lines.filter(({ message }) => message === 'a node is left out');
    assert.deepEqual(
      said.map(({ fields }) => fields['node']),
      ['a', 'b'],
    );
  });

  it('stay while the API server is away, and what changed meanwhile is known when it is back', async (t) => {
    const api = await startApi(t, [node('a', '10.0.0.1'), node('b', '10.0.0.2')]);
    const { inventory, current } = start(t, api);
    await api.resources.watching(1);
    await known(inventory);
    const kept = inventory.get(nodeName('a'));
    await api.stop();
    await eventually('told', () => (current.at(-1) === false ? true : undefined));
    assert.equal(addressOf(inventory, 'b'), '10.0.0.2');
    assert.equal(inventory.problem(), undefined);
    api.resources.remove('nodes', 'b');
    api.resources.put('nodes', node('c', '10.0.0.3'));
    api.resources.compact();
    await api.start();
    await has(inventory, 'c', '10.0.0.3');
    assert.equal(addressOf(inventory, 'b'), undefined);
    // What did not change has the entry that it had, and with it its connections.
    assert.equal(inventory.get(nodeName('a')), kept);
    await eventually('told', () => (current.at(-1) === true ? true : undefined));
  });

  it('may be ten thousand, of which one change touches one', async (t) => {
    const api = await startApi(
      t,
      Array.from({ length: 10_000 }, (_, i) => node(`node-${i}`, `10.1.${i >> 8}.${i & 255}`)),
    );
    const { inventory } = start(t, api);
    await known(inventory);
    const before = [...inventory.list()];
    assert.equal(before.length, 10_000);
    assert.equal(api.resources.asked.filter((url) => url.includes('limit=500')).length, 20);
    await api.resources.watching(1);
    api.resources.put('nodes', node('node-77', '10.2.0.1'));
    await has(inventory, 'node-77', '10.2.0.1');
    const after = new Set(inventory.list());
    assert.deepEqual(
      before.filter((entry) => !after.has(entry)).map(({ name }) => name),
      ['node-77'],
    );
  });
});

describe('the cache of a cluster’s nodes', () => {
  async function folder(t: TestContext): Promise<string> {
    const directory = await mkdtemp(join(tmpdir(), 'gateway-nodes-'));
    t.after(() => rm(directory, { recursive: true, force: true }));
    return join(directory, 'nodes.json');
  }

  it('brings the nodes through a restart of the gateway while the API server is away', async (t) => {
    const path = await folder(t);
    const api = await startApi(t, [node('a', '10.0.0.1', { labels: { pool: 'x' } }), node('b', '10.0.0.2')]);
    const first = start(t, api, path);
    await known(first.inventory);
    first.inventory.stop();
    await eventually('the cache is written', () => stat(path).catch(() => undefined));
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    await api.stop();
    const second = start(t, api, path);
    await known(second.inventory);
    assert.equal(addressOf(second.inventory, 'b'), '10.0.0.2');
    assert.deepEqual(second.inventory.get(nodeName('a'))?.labels, { pool: 'x' });
    api.resources.remove('nodes', 'b');
    await api.start();
    await has(second.inventory, 'b', undefined);
  });

  it('does not bring back what the API server has not', async (t) => {
    const path = await folder(t);
    const api = await startApi(t, [node('a', '10.0.0.1')]);
    const { nodes, ...rest } = { kind: 'kubelet-gateway-nodes-v1', source: 'test', nodes: [] as object[] };
    nodes.push({ name: 'ghost', addresses: [], port: 0, labels: {}, ready: true });
    await writeFile(path, JSON.stringify({ ...rest, nodes }));
    const { inventory } = start(t, api, path);
    await has(inventory, 'a', '10.0.0.1');
    await has(inventory, 'ghost', undefined);
  });

  const bad: readonly (readonly [string, unknown])[] = [
    ['of another cluster', { kind: 'kubelet-gateway-nodes-v1', source: 'other', nodes: [] }],
    ['of another kind', { kind: 'x', source: 'test', nodes: [] }],
    [
      'with a node that is none',
      { kind: 'kubelet-gateway-nodes-v1', source: 'test', nodes: [{ name: '../x' }] },
    ],
    ['that is not JSON', undefined],
  ];
  for (const [what, content] of bad) {
    it(`is not read ${what}, and the log says so`, async (t) => {
      const path = await folder(t);
      await writeFile(path, content === undefined ? '{"kind"' : JSON.stringify(content));
      const api = await startApi(t);
      await api.stop();
      const { inventory, log } = start(t, api, path);
      await eventually('said', () =>
        log.lines.some(({ message }) => message === 'the cache of nodes cannot be read') ? true : undefined,
      );
      assert.notEqual(inventory.problem(), undefined);
    });
  }

  it('is written whole or not at all', async (t) => {
    const path = await folder(t);
    const log = createKeptLog();
    const cache = createNodeCache({ log }, path, 'test');
    cache.write([]);
    await eventually('written', async () =>
      (await readFile(path, 'utf8').catch(() => '')).endsWith('}') ? true : undefined,
    );
    const nowhere = createNodeCache({ log }, join(path, 'below-a-file'), 'test');
    nowhere.write([]);
    await eventually('said', () =>
      log.lines.some(({ message }) => message === 'the cache of nodes cannot be written') ? true : undefined,
    );
  });
});
