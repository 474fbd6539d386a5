// Lists of pods of many nodes, and what they may hold.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PodsView } from '../../src/core/action.ts';
import type { NodeEntry } from '../../src/core/node.ts';
import type { FleetPorts } from '../../src/fleet/ports.ts';
import { createAuthorize } from '../../src/authorize/authorize.ts';
import { createByteBudget } from '../../src/core/byte-budget.ts';
import { answerPods } from '../../src/fleet/pods-answer.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createResolved, nodeName } from '../support/resolved.ts';

const VIEW: PodsView = { labelSelector: [], fieldSelector: [], as: 'Object', includeObject: 'None' };
const MB = 1024 * 1024;

const podsOf = (node: string, count: number, bytesEach = 0): object => ({
  kind: 'PodList',
  items: Array.from({ length: count }, (_, index) => ({
    metadata: { name: `p${index}`, namespace: 'default', annotations: { x: 'x'.repeat(bytesEach) } },
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
  const ports: Pick<FleetPorts, 'clock' | 'inventory' | 'authorize' | 'toRequirement' | 'pods'> = {
    clock: createFakeClock(),
    inventory: () => ({
      get: (name) => entries.find((entry) => entry.name === name),
      list: () => entries,
    }),
    authorize: createAuthorize({ authorizer: () => ({ kind: 'allow', reason: 'test' }) }),
    toRequirement: () => createResolved().requirement,
    pods: ({ entry }) => Promise.resolve(answer(entry.name)),
  };
  const budget = createByteBudget(maxBytes);
  return {
    budget,
    answered: answerPods(ports, budget, createResolved(), VIEW),
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
