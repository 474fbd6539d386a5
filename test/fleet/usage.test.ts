// Readings of nodes over time: rates of the kubelet's own at first, then from the counters.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Action } from '../../src/core/action.ts';
import type { Grant } from '../../src/core/decision.ts';
import type { Located } from '../../src/core/exchange.ts';
import type { Inventory, NodeEntry } from '../../src/core/node.ts';
import { createUsage } from '../../src/fleet/usage.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createAttributes, createResolved, nodeName } from '../support/resolved.ts';

interface Fake {
  cpuSeconds: number;
  /** Undefined: the kubelet refuses its summary. */
  nanoCores: number | undefined;
  dead: boolean;
  at: number | undefined;
}

function setUp() {
  const clock = createFakeClock();
  const node: Fake = { cpuSeconds: 100, nanoCores: 7, dead: false, at: undefined };
  const asked: string[] = [];
  const entries = new Map<string, NodeEntry>();
  const inventory: Inventory = { get: (name) => entries.get(name), list: () => entries.values() };
  const usage = createUsage({
    clock,
    inventory: () => inventory,
    read: (located: Located, action: Action) => {
      asked.push(`${located.entry.name} ${action.kind}`);
      if (node.dead) return Promise.reject(new Error('dead'));
      if (action.kind === 'metrics') {
        const at = node.at ?? clock.now();
        return Promise.resolve(
          `node_cpu_usage_seconds_total ${node.cpuSeconds} ${at}\nnode_memory_working_set_bytes 2048 ${at}\n`,
        );
      }
      if (node.nanoCores === undefined) return Promise.reject(new Error('forbidden'));
      return Promise.resolve(JSON.stringify({ node: { cpu: { usageNanoCores: node.nanoCores } } }));
    },
  });
  const locate = (name: string): Located => {
    const entry: NodeEntry = {
      name: nodeName(name),
      address: '127.0.0.1',
      port: 1,
      fingerprint: name,
      serverName: name,
      certificateAuthority: '',
    };
    entries.set(name, entry);
    const grant = { by: createAttributes(), reason: 'test' } as Grant;
    return { ...createResolved({ node: name }), grant, entry };
  };
  const read = async (name = 'node-1'): Promise<object> => {
    const [first] = await usage(locate(name));
    assert(first !== undefined);
    return { cpu: first.nanoCores, window: first.windowMs, at: first.at - clock.now() };
  };
  return { clock, node, asked, read, usage, locate, entries };
}

describe('the use of a node', () => {
  it('is the rate of the kubelet at first, and then that of the counters, with their window', async () => {
    const { clock, node, asked, read } = setUp();
    assert.deepEqual(await read(), { cpu: 7, window: 10_000, at: 0 });
    assert.deepEqual(asked.splice(0), ['node-1 metrics', 'node-1 stats']);
    clock.advance(20_000);
    node.cpuSeconds += 10;
    assert.deepEqual(await read(), { cpu: 500_000_000, window: 20_000, at: 0 });
    assert.deepEqual(asked, ['node-1 metrics']);
  });

  it('is not asked for again within 5 s, nor twice at a time', async () => {
    const { clock, asked, read } = setUp();
    await Promise.all([read(), read(), read()]);
    clock.advance(4_999);
    assert.deepEqual(await read(), { cpu: 7, window: 10_000, at: -4_999 });
    assert.equal(asked.length, 2);
  });

  it('stays what it was while the kubelet has read no new counter', async () => {
    const { clock, node, read } = setUp();
    await read();
    clock.advance(20_000);
    node.cpuSeconds += 10;
    node.at = clock.now();
    await read();
    clock.advance(6_000);
    assert.deepEqual(await read(), { cpu: 500_000_000, window: 20_000, at: -6_000 });
  });

  for (const [name, advanceMs, seconds] of [
    ['the last reading is too old', 121_000, 10],
    ['the counter began anew', 20_000, -50],
  ] as const) {
    it(`is the kubelet's own rate again when ${name}`, async () => {
      const { clock, node, read } = setUp();
      await read();
      clock.advance(advanceMs);
      node.cpuSeconds += seconds;
      assert.deepEqual(await read(), { cpu: 7, window: 10_000, at: 0 });
    });
  }

  it('takes two readings where the summary is refused, and is nothing before', async () => {
    const { clock, node, asked, read } = setUp();
    node.nanoCores = undefined;
    await assert.rejects(read(), /no use of CPU and memory/);
    assert.equal(asked.length, 2);
    clock.advance(2_000);
    node.cpuSeconds += 1;
    assert.deepEqual(await read(), { cpu: 500_000_000, window: 2_000, at: 0 });
  });

  it('is an error while the node is dead, which is not kept', async () => {
    const { node, read } = setUp();
    node.dead = true;
    await assert.rejects(read(), /dead/);
    node.dead = false;
    assert.deepEqual(await read(), { cpu: 7, window: 10_000, at: 0 });
  });

  it('of a node that is gone is forgotten', async () => {
    const { asked, read, usage, locate, entries } = setUp();
    const gone = locate('node-2');
    await usage(gone);
    entries.delete('node-2');
    await read();
    asked.splice(0);
    await usage(gone);
    assert.equal(asked.length, 2);
  });
});
