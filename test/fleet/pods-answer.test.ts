// Lists of pods of many nodes, and what they may hold.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PodsView } from '../../src/core/action.ts';
import type { NodeEntry } from '../../src/core/node.ts';
import type { ListPorts } from '../../src/fleet/pods-answer.ts';
import { createAuthorize } from '../../src/authorize/authorize.ts';
import { createByteBudget } from '../../src/core/byte-budget.ts';
import { answerPods } from '../../src/fleet/pods-answer.ts';
import { createPositions } from '../../src/fleet/positions.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createResolved, nodeName } from '../support/resolved.ts';
import { createFleet, pod } from './watching.ts';

const VIEW: PodsView = { labelSelector: [], fieldSelector: [], as: 'Object', includeObject: 'None' };
const MB = 1024 * 1024;

const podsOf = (node: string, count: number, bytesEach = 0): object => ({
  kind: 'PodList',
  items: Array.from({ length: count }, (_, index) => ({
    metadata: {
      name: `${node}-p${index}`,
      namespace: 'default',
      uid: `uid-${index}`,
      annotations: { x: 'x'.repeat(bytesEach) },
    },
    spec: { nodeName: node },
  })),
});

function ask(nodes: readonly string[], answer: (node: string) => unknown, maxBytes = 1024 * MB) {
  const entries = nodes.map((name): NodeEntry => ({
    name: nodeName(name),
    address: '127.0.0.1',
    port: 1,
    fingerprint: name,
    serverName: name,
    certificateAuthority: '',
  }));
  const clock = createFakeClock();
  const budget = createByteBudget(maxBytes);
  const ports: ListPorts = {
    clock,
    budget,
    positions: createPositions({ clock }),
    inventory: () => ({
      get: (name) => entries.find((entry) => entry.name === name),
      list: () => entries,
    }),
    authorize: createAuthorize({ authorizer: () => ({ kind: 'allow', reason: 'test' }) }),
    admit: () => undefined,
    toRequirement: () => createResolved().requirement,
    pods: ({ entry }) => Promise.resolve(answer(entry.name)),
  };
  return {
    budget,
    answered: answerPods(ports, createResolved(), VIEW),
  };
}

const names = (count: number): readonly string[] => Array.from({ length: count }, (_, index) => `n${index}`);

describe('a list of pods', () => {
  it('is that of all nodes, and gives back what it took', async () => {
    const { answered, budget } = ask(names(20), (node) => podsOf(node, 10));
    const { body, headers } = await answered;
    assert.equal((JSON.parse(body) as { items: unknown[] }).items.length, 200);
    assert.deepEqual(headers, {});
    assert.equal(budget.take(1024 * MB), true);
  });

  for (const [what, list] of [
    ['2,001 pods', podsOf('n1', 2_001)],
    ['9 MB of them', podsOf('n1', 9, MB)],
    ['something else', { kind: 'PodList', items: 'none' }],
  ] as const) {
    it(`leaves out the node that tells of ${what}, and names it`, async () => {
      const { body, headers } = await ask(names(3), (node) => (node === 'n1' ? list : podsOf(node, 1)))
        .answered;
      assert.equal((JSON.parse(body) as { items: unknown[] }).items.length, 2);
      assert.match(headers?.['warning'] ?? '', /no usable answer of n1"/);
    });
  }

  for (const [what, metadata] of [
    ['a uid of 4 MB', { uid: 'x'.repeat(4 * MB) }],
    ['a uid of 129 characters', { uid: 'x'.repeat(129) }],
    ['a uid with a space', { uid: 'x y' }],
    ['no uid', { uid: undefined }],
    ['a uid that is no text', { uid: 7 }],
    ['a name of 254 characters', { name: 'x'.repeat(254) }],
    ['a name with a slash', { name: 'a/b' }],
    ['a namespace of 64 characters', { namespace: 'x'.repeat(64) }],
    ['no namespace', { namespace: '' }],
  ] as const) {
    it(`has no pod with ${what}, and the rest of its node`, async () => {
      const items = [pod('n0', 'lie', 'Running', metadata), pod('n0', 'web')];
      const { body, headers } = await ask(names(1), () => ({ kind: 'PodList', items })).answered;
      const shown = (JSON.parse(body) as Listed).items.map((item) => item.metadata.name);
      assert.deepEqual([shown, headers], [['web'], {}]);
    });
  }

  it('has no pods that another node runs', async () => {
    const { body } = await ask(names(2), () => podsOf('n0', 1)).answered;
    assert.equal((JSON.parse(body) as { items: unknown[] }).items.length, 1);
  });

  it('is refused in words above 20,000 pods, or 64 MB', async () => {
    const pods = ask(names(11), (node) => podsOf(node, 1_900)).answered;
    await assert.rejects(pods, { reason: 'BadRequest', message: /more than 20000 pods/ });
    const { answered, budget } = ask(names(10), (node) => podsOf(node, 7, MB));
    await assert.rejects(answered, { reason: 'BadRequest', message: /64 MB/ });
    assert.equal(budget.take(1024 * MB), true);
  });

  it('is refused while others take all the room', async () => {
    const { answered, budget } = ask(names(3), (node) => podsOf(node, 3, MB), 4 * MB);
    await assert.rejects(answered, { reason: 'ServiceUnavailable', message: /too many long lists/ });
    assert.equal(budget.take(4 * MB), true);
  });
});

const LISTS = { ...VIEW, fieldSelector: [] } as const;

interface Listed {
  readonly kind: string;
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
  readonly items: readonly {
    readonly kind?: string;
    readonly spec?: object;
    readonly metadata: { readonly name: string };
  }[];
}

describe('a list in parts', () => {
  const fleet = () =>
    createFleet(
      Object.fromEntries(
        ['n3', 'n1', 'n2'].map((node) => [node, ['c', 'a', 'b'].map((name) => pod(node, `${name}-${node}`))]),
      ),
    );
  const part = async (
    { list }: ReturnType<typeof fleet>,
    asked: ReturnType<ReturnType<typeof fleet>['asked']>,
    limit: number,
    continuation?: string,
  ): Promise<Listed> => {
    const page = { limit, ...(continuation === undefined ? {} : { continuation }) };
    return JSON.parse((await list({ ...LISTS, page }, asked)).body) as Listed;
  };
  const namesOf = ({ items }: Listed): readonly string[] => items.map(({ metadata }) => metadata.name);

  for (const limit of [1, 2, 3, 4, 8, 9, 100]) {
    it(`has each pod once, under one resourceVersion (limit ${limit})`, async () => {
      const nodes = fleet();
      const asked = nodes.asked();
      const seen: string[] = [];
      const versions = new Set<string>();
      let token: string | undefined;
      do {
        const list = await part(nodes, asked, limit, token);
        assert.ok(list.items.length <= limit);
        seen.push(...namesOf(list));
        versions.add(list.metadata.resourceVersion);
        token = list.metadata.continue;
      } while (token !== undefined);
      assert.deepEqual(
        [...seen].sort(),
        ['a', 'b', 'c'].flatMap((a) => ['n1', 'n2', 'n3'].map((n) => `${a}-${n}`)),
      );
      assert.equal(versions.size, 1);
      // A watch from there has nothing to tell.
      const [resourceVersion = ''] = versions;
      const watch = await nodes.open(LISTS, { resourceVersion, bookmarks: false }, asked);
      assert.deepEqual(await watch.news(), []);
    });
  }

  it('gives tokens that it takes, however long names are', async () => {
    const longest = { namespace: 'n'.repeat(63), uid: 'u'.repeat(128) };
    const nodes = createFleet({
      n1: ['a', 'b'].map((letter) => pod('n1', letter.repeat(253), 'Running', longest)),
    });
    const { metadata } = await part(nodes, nodes.asked(), 1);
    assert.ok((metadata.continue ?? '').length < 2_048 - 2 * 253, 'room for a long name of the node');
    assert.deepEqual(namesOf(await part(nodes, nodes.asked(), 1, metadata.continue)), ['b'.repeat(253)]);
  });

  it('asks no node more than it must', async () => {
    const nodes = createFleet(
      Object.fromEntries(
        Array.from({ length: 40 }, (_, index) => `n${10 + index}`).map((node) => [
          node,
          [pod(node, `p-${node}`)],
        ]),
      ),
    );
    const list = await part(nodes, nodes.asked(), 5);
    assert.deepEqual(namesOf(list), ['p-n10', 'p-n11', 'p-n12', 'p-n13', 'p-n14']);
    assert.ok(nodes.reads.length <= 5 + 8, `${nodes.reads.length} nodes were read`);
  });

  it('shows to the holder of a token what the holder may read, and nothing else', async () => {
    const nodes = fleet();
    const { metadata } = await part(nodes, nodes.asked(), 2);
    await assert.rejects(part(nodes, nodes.asked('bob'), 2, metadata.continue), {
      reason: 'BadRequest',
      message: /of another list, or of somebody else/,
    });
    nodes.clock.advance(300_000);
    await assert.rejects(part(nodes, nodes.asked(), 2, metadata.continue), { reason: 'Expired' });
  });

  it('leaves out what other nodes run, in its later parts too', async () => {
    const nodes = createFleet({ n1: [pod('n1', 'a')], n2: [pod('n1', 'stolen'), pod('n2', 'b')] });
    const asked = nodes.asked();
    const { metadata } = await part(nodes, asked, 1);
    assert.deepEqual(namesOf(await part(nodes, asked, 5, metadata.continue)), ['b']);
  });

  it('is longer than a whole one may be', async () => {
    const pods = Object.fromEntries(
      Array.from({ length: 12 }, (_, index) => `n${10 + index}`).map((node) => [
        node,
        Array.from({ length: 1_900 }, (__, index) => pod(node, `p${index}`)),
      ]),
    );
    const nodes = createFleet(pods);
    await assert.rejects(nodes.list(LISTS, nodes.asked()), { reason: 'BadRequest', message: /with a limit/ });
    const first = await part(nodes, nodes.asked(), 100_000);
    assert.equal(first.items.length, 20_000);
    assert.equal((await part(nodes, nodes.asked(), 100_000, first.metadata.continue)).items.length, 2_800);
  });
});

it('a list of metadata has nothing else', async () => {
  const nodes = createFleet({ n1: [pod('n1', 'a')] });
  const { kind, items } = JSON.parse(
    (await nodes.list({ ...LISTS, as: 'Metadata' }, nodes.asked())).body,
  ) as Listed;
  assert.equal(kind, 'PartialObjectMetadataList');
  assert.deepEqual(
    [items[0]?.kind, items[0]?.metadata.name, items[0]?.spec],
    ['PartialObjectMetadata', 'a', undefined],
  );
});
