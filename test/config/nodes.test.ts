import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { loadNodeList } from '../../src/config/node-list.ts';
import { watchFiles } from '../../src/config/watch-files.ts';
import { systemClock } from '../../src/core/ports.ts';
import { eventually } from '../support/eventually.ts';
import { createKeptLog } from '../support/kept-log.ts';
import { createAuthority } from '../support/pki.ts';
import type { SetUp } from './set-up.ts';
import { createSetUp, load, minimal, problemsOf } from './set-up.ts';

let authority: string;
let setUp: SetUp;
before(async () => {
  setUp = await createSetUp();
  authority = (await createAuthority('kubelets')).certificate;
});

const now = Date.now();

async function folder(t: TestContext, files: Readonly<Record<string, string>> = {}): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'gateway-node-list-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  await writeFile(join(directory, 'ca.crt'), authority);
  for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text);
  return directory;
}

const list = (items: unknown, more: object = {}): string =>
  JSON.stringify({ apiVersion: 'kubelet-gateway.io/v1alpha1', kind: 'NodeList', items, ...more });

const entry = (name: string, more: object = {}): object => ({
  name,
  address: '10.0.0.1',
  certificateAuthorityFile: 'ca.crt',
  ...more,
});

describe('a node file', () => {
  it('holds entries like those of the list, in JSON or YAML, and names files of its own folder', async (t) => {
    const yaml = [
      'apiVersion: kubelet-gateway.io/v1alpha1',
      'kind: NodeList',
      'metadata: { resourceVersion: "1" }',
      'items:',
      '  - { name: a, address: 10.0.0.1, certificateAuthorityFile: ca.crt, labels: { pool: x } }',
    ].join('\n');
    const json = list([entry('a', { labels: { pool: 'x' } })]);
    for (const text of [yaml, json, ` ${json}`]) {
      const directory = await folder(t, { 'nodes.yaml': text });
      const result = await loadNodeList(join(directory, 'nodes.yaml'), now);
      assert.ok(result.ok, JSON.stringify(result));
      const [node] = result.nodes;
      assert.deepEqual(
        [node?.name, node?.port, node?.serverName, node?.labels, node?.certificateAuthority],
        ['a', 10_250, 'a', { pool: 'x' }, authority],
      );
      assert.deepEqual(result.files, [join(directory, 'nodes.yaml'), join(directory, 'ca.crt')]);
    }
  });

  it('may be empty, and may hold ten thousand nodes', async (t) => {
    const many = Array.from({ length: 10_000 }, (_, index) => entry(`node-${index}`));
    const directory = await folder(t, { 'none.json': list([]), 'many.json': list(many) });
    const none = await loadNodeList(join(directory, 'none.json'), now);
    assert.ok(none.ok && none.nodes.length === 0);
    const all = await loadNodeList(join(directory, 'many.json'), now);
    assert.ok(all.ok && all.nodes.length === 10_000);
  });

  const bad: readonly (readonly [string, string, RegExp])[] = [
    ['no list', '[]', /must be a mapping|apiVersion/],
    ['another kind', list([], { kind: 'Nodes' }), /kind: must be NodeList/],
    ['no items', list(undefined), /items: is required/],
    ['a Node of Kubernetes', list([{ metadata: { name: 'a' } }]), /items\[0\].metadata: unknown key/],
    ['a name twice', list([entry('a'), entry('a')]), /items\[1\].name: another node has this name/],
    ['a port that is none', list([entry('a', { port: 0 })]), /items\[0\].port: must be at least 1/],
    [
      'an authority that is missing',
      list([entry('a', { certificateAuthorityFile: 'x' })]),
      /there is no such file/,
    ],
    ['a key that nobody knows', list([], { spec: 1 }), /spec: unknown key/],
    ['broken JSON', '{"items": [', /not valid YAML/],
  ];
  for (const [what, text, words] of bad) {
    it(`is refused as a whole, in words: ${what}`, async (t) => {
      const directory = await folder(t, { 'nodes.yaml': text });
      const result = await loadNodeList(join(directory, 'nodes.yaml'), now);
      assert.ok(!result.ok);
      assert.match(result.problems.map(({ path, message }) => `${path}: ${message}`).join('\n'), words);
    });
  }

  it('that is missing is a problem too', async (t) => {
    const result = await loadNodeList(join(await folder(t), 'none.yaml'), now);
    assert.ok(!result.ok);
    assert.match(result.problems[0]?.message ?? '', /there is no such file/);
  });
});

describe('the nodes of a configuration', () => {
  it('may stand in a file, of which a change is not one of the configuration', async () => {
    const result = await load(
      setUp,
      { ...minimal(), nodes: { file: 'nodes.json' } },
      { 'nodes.json': list([entry('a', { certificateAuthorityFile: 'kubelet-ca.crt' })]) },
    );
    assert.deepEqual(problemsOf(result), []);
    assert.ok(result.ok && result.configuration.nodes.source.kind === 'file');
    assert.deepEqual(
      result.configuration.nodes.source.nodes.map(({ name }) => name),
      ['a'],
    );
    assert.ok(!result.files.some((file) => file.endsWith('nodes.json')));
  });

  it('tell of what is wrong in the file', async () => {
    const result = await load(
      setUp,
      { ...minimal(), nodes: { file: 'nodes.json' } },
      { 'nodes.json': list([entry('a', { port: 'x' })]) },
    );
    assert.match(problemsOf(result).join('\n'), /items\[0\].port: must be a/);
  });

  it('may be those of a cluster, by its kubeconfig', async () => {
    const kubeconfig = JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'c', cluster: { server: 'https://10.0.0.1:6443' } }],
      users: [{ name: 'u', user: { token: 't' } }],
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
      'current-context': 'x',
    });
    const result = await load(
      setUp,
      {
        ...minimal(),
        nodes: {
          kubernetes: {
            kubeconfigFile: 'cluster.yaml',
            certificateAuthorityFile: 'kubelet-ca.crt',
            serverName: 'system:node:{node}',
            cachePath: 'nodes.json',
          },
        },
      },
      { 'cluster.yaml': kubeconfig },
    );
    assert.deepEqual(problemsOf(result), []);
    assert.ok(result.ok && result.configuration.nodes.source.kind === 'kubernetes');
    const { addressTypes, ports, trust, labelSelector, cachePath } = result.configuration.nodes.source;
    assert.deepEqual(
      [addressTypes, ports, trust.serverName, labelSelector],
      [['InternalIP'], [10_250], 'system:node:{node}', undefined],
    );
    assert.match(cachePath ?? '', /\/nodes\.json$/);
  });
});

describe('files that are watched', () => {
  it('are told of once when they have changed and are quiet, and not when they are as they were', async (t) => {
    const directory = await folder(t, { a: '1' });
    let told = 0;
    const watch = watchFiles(
      () => Promise.resolve([join(directory, 'a'), join(directory, 'b')]),
      () => (told += 1),
      { clock: systemClock, log: createKeptLog() },
      { intervalMs: 10 },
    );
    t.after(() => watch.close());
    await new Promise((resolve) => setImmediate(resolve));
    await writeFile(join(directory, 'b'), '1');
    await eventually('told', () => (told === 1 ? true : undefined));
    await rm(join(directory, 'a'));
    await eventually('told again', () => (told === 2 ? true : undefined));
  });
});
