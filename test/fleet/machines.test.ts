// What kubelets tell of their nodes, kept for a while.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Action } from '../../src/core/action.ts';
import type { Grant } from '../../src/core/decision.ts';
import type { Located } from '../../src/core/exchange.ts';
import type { NodeEntry } from '../../src/core/node.ts';
import { createMachines } from '../../src/fleet/machines.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createAttributes, createResolved, nodeName } from '../support/resolved.ts';

const ENTRY: NodeEntry = {
  name: nodeName('node-1'),
  address: '127.0.0.1',
  port: 1,
  fingerprint: 'f',
  serverName: 'node-1',
  certificateAuthority: '',
};
const grant = { by: createAttributes(), reason: 'test' } as Grant;
const located: Located = { ...createResolved(), grant, entry: ENTRY };
const never = new AbortController().signal;

function setUp(answers: Readonly<Record<string, string>>) {
  const clock = createFakeClock();
  const asked: string[] = [];
  const machines = createMachines({
    clock,
    inventory: () => ({ get: () => ENTRY, list: () => [ENTRY] }),
    read: (_, action: Action) => {
      const what = action.kind === 'metrics' ? action.endpoint : action.kind;
      asked.push(what);
      const answer = answers[what];
      return answer === undefined ? Promise.reject(new Error('refused')) : Promise.resolve(answer);
    },
  });
  return { clock, asked, machines };
}

describe('the machine of a node', () => {
  it('is asked for once by all, and again after 10 minutes', async () => {
    const { clock, asked, machines } = setUp({
      cadvisor: 'machine_cpu_cores 4',
      kubelet: 'kubernetes_build_info{git_version="v1.35.1"} 1',
    });
    const infos = await Promise.all([machines.info(located), machines.info(located)]);
    for (const info of infos) assert.deepEqual(info, { cpu: '4', kubeletVersion: 'v1.35.1' });
    clock.advance(599_999);
    await machines.info(located);
    assert.deepEqual(asked, ['cadvisor', 'kubelet']);
    clock.advance(1);
    await machines.info(located);
    assert.equal(asked.length, 4);
  });

  it('is what one of its pages tells, where the others are refused', async () => {
    const { machines, asked } = setUp({ statusz: 'x\nBinary version: 1.36.2\n' });
    assert.deepEqual(await machines.info(located), { kubeletVersion: 'v1.36.2' });
    assert.deepEqual(asked, ['cadvisor', 'kubelet', 'statusz']);
  });

  it('is nothing where all are refused, and asked for anew', async () => {
    const { machines, asked } = setUp({});
    assert.deepEqual(await machines.info(located), {});
    assert.deepEqual(await machines.info(located), {});
    assert.equal(asked.length, 6);
  });

  it('is healthy when its kubelet says so', async () => {
    assert.equal(await setUp({ healthz: 'ok' }).machines.healthy(located, never), true);
    assert.equal(await setUp({}).machines.healthy(located, never), false);
  });
});
