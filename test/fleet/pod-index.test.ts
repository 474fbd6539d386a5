// Where a pod is, told by kubelets that lie, are slow, or are gone.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Permitted } from '../../src/core/exchange.ts';
import type { Inventory, NodeEntry } from '../../src/core/node.ts';
import { isNamespace, isPodName } from '../../src/core/names.ts';
import { createPodIndex } from '../../src/fleet/pod-index.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { nodeName } from '../support/resolved.ts';

type Answer = () => Promise<unknown>;

const pod = (name: string, node: string, namespace = 'default'): object => ({
  metadata: { namespace, name },
  spec: { nodeName: node },
});
const podList = (...items: readonly object[]): Answer => {
  return () => Promise.resolve({ kind: 'PodList', items });
};
const dead: Answer = () => Promise.reject(new Error('connection refused'));

function setUp(nodes: Record<string, Answer>) {
  const clock = createFakeClock();
  const entries = new Map<string, NodeEntry>();
  for (const name of Object.keys(nodes)) {
    const certificateAuthority = '';
    entries.set(name, {
      name: nodeName(name),
      address: '127.0.0.1',
      port: 1,
      fingerprint: name,
      serverName: name,
      certificateAuthority,
    });
  }
  let problem: string | undefined;
  const inventory: Inventory = {
    get: (name) => entries.get(name),
    list: () => entries.values(),
    problem: () => problem,
  };
  const asked: string[] = [];
  const find = createPodIndex({
    clock,
    inventory: () => inventory,
    read: ({ name }) => {
      asked.push(name);
      return nodes[name]?.() ?? dead();
    },
  });
  return {
    clock,
    nodes,
    entries,
    asked,
    break: (words: string) => (problem = words),
    find: (name: string, namespace = 'default') => {
      assert(isNamespace(namespace) && isPodName(name));
      return find({ pod: { namespace, name } } as Permitted);
    },
  };
}

/** What was set off in the background has come to its end: all answers here are there already. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a pod by its name', () => {
  it('is on the node that lists it, in its own namespace', async () => {
    const { find } = setUp({ a: podList(pod('web', 'a')), b: podList(pod('web', 'b', 'other')) });
    assert.equal(await find('web'), 'a');
    assert.equal(await find('web', 'other'), 'b');
  });

  it('is not asked for anew with each request, and looked at again in the background', async () => {
    const fleet = setUp({ a: podList(pod('web', 'a')), b: podList() });
    for (let i = 0; i < 5; i += 1) await fleet.find('web');
    assert.deepEqual(fleet.asked, ['a', 'b']);
    fleet.clock.advance(10_000);
    fleet.nodes['a'] = () => new Promise(() => undefined);
    assert.equal(await fleet.find('web'), 'a');
    assert.deepEqual(fleet.asked, ['a', 'b', 'a', 'b']);
  });

  it('that is new is found as soon as the lists may be read again', async () => {
    const fleet = setUp({ a: podList(), b: podList() });
    await assert.rejects(fleet.find('new'), { reason: 'NotFound', message: 'pods "new" not found' });
    fleet.nodes['b'] = podList(pod('new', 'b'));
    await assert.rejects(fleet.find('new'), { reason: 'NotFound' });
    assert.deepEqual(fleet.asked, ['a', 'b']);
    fleet.clock.advance(2_000);
    assert.equal(await fleet.find('new'), 'b');
  });

  it('asks each node once for many who ask at the same time', async () => {
    const fleet = setUp({ a: podList(pod('web', 'a')), b: podList() });
    await Promise.all(Array.from({ length: 100 }, () => fleet.find('web')));
    assert.deepEqual(fleet.asked, ['a', 'b']);
  });
});

describe('a kubelet that lies', () => {
  it('attracts no session with pods of other nodes, which are counted', async () => {
    const fleet = setUp({
      honest: podList(pod('db', 'honest')),
      liar: podList(pod('db', 'honest'), pod('secret', 'elsewhere'), pod('own', 'liar')),
    });
    assert.equal(await fleet.find('db'), 'honest');
    assert.equal(await fleet.find('own'), 'liar');
  });

  it('with a pod that another node has too is a conflict that names both', async () => {
    const { find } = setUp({ honest: podList(pod('db', 'honest')), liar: podList(pod('db', 'liar')) });
    await assert.rejects(find('db'), { reason: 'Conflict', message: /honest.*liar/ });
  });

  it('that begins to lie later is noticed by the next look', async () => {
    const fleet = setUp({ honest: podList(pod('db', 'honest')), liar: podList() });
    assert.equal(await fleet.find('db'), 'honest');
    fleet.nodes['liar'] = podList(pod('db', 'liar'));
    fleet.clock.advance(10_000);
    assert.equal(await fleet.find('db'), 'honest');
    await settled();
    await assert.rejects(fleet.find('db'), { reason: 'Conflict', message: /honest.*liar/ });
  });

  for (const [what, answer] of [
    ['no list', { kind: 'Status' }],
    ['a list that is none', { kind: 'PodList', items: 'web' }],
    ['nothing', undefined],
  ] as const) {
    it(`with ${what} claims nothing`, async () => {
      const { find } = setUp({ honest: podList(pod('web', 'honest')), liar: () => Promise.resolve(answer) });
      assert.equal(await find('web'), 'honest');
    });
  }

  it('with names that are none is passed over, and the rest counts', async () => {
    const broken = [
      {},
      { metadata: { namespace: 1, name: [] } },
      pod('../x', 'liar'),
      pod('x', 'liar', 'A b'),
    ];
    const { find } = setUp({ liar: podList(...broken, pod('web', 'liar')) });
    assert.equal(await find('web'), 'liar');
  });

  it('with more pods than a node can have keeps 2,000', async () => {
    const many = Array.from({ length: 2_001 }, (_, i) => pod(`pod-${i}`, 'liar'));
    const { find } = setUp({ liar: podList(...many) });
    assert.equal(await find('pod-1999'), 'liar');
    await assert.rejects(find('pod-2000'), { reason: 'NotFound' });
  });
});

describe('a kubelet that is gone', () => {
  it('does not hide the pods of others, and is spoken of where a pod is not found', async () => {
    const fleet = setUp({ a: podList(pod('web', 'a')), gone: dead });
    fleet.clock.advance(20_000);
    assert.equal(await fleet.find('web'), 'a');
    // No 404, by which kubectl wait --for=delete would go on.
    await assert.rejects(fleet.find('lost'), {
      reason: 'BadGateway',
      message: /on the nodes that answered; 1 did not/,
    });
  });

  it('keeps what it claimed for two minutes, and no longer', async () => {
    const fleet = setUp({ a: podList(pod('web', 'a')) });
    await fleet.find('web');
    fleet.nodes['a'] = dead;
    fleet.clock.advance(119_000);
    assert.equal(await fleet.find('web'), 'a');
    await settled();
    fleet.clock.advance(2_000);
    await assert.rejects(fleet.find('web'), { reason: 'BadGateway' });
  });

  it('holds nobody up who asks for a known pod', async () => {
    const fleet = setUp({ a: podList(pod('web', 'a')), slow: podList() });
    await fleet.find('web');
    fleet.nodes['slow'] = () => new Promise(() => undefined);
    fleet.clock.advance(10_000);
    assert.equal(await fleet.find('web'), 'a');
  });

  it('and is no longer a node of the inventory claims nothing', async () => {
    const fleet = setUp({ a: podList(pod('web', 'a')), b: podList(pod('web', 'b')) });
    fleet.entries.delete('b');
    assert.equal(await fleet.find('web'), 'a');
  });
});

it('says so while no node is known', async () => {
  const fleet = setUp({ a: podList(pod('web', 'a')) });
  fleet.break('the nodes are not known yet');
  await assert.rejects(fleet.find('web'), { message: /the nodes are not known yet/ });
});
