// What is read of one pod from a node's list, honest or hostile.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { isNamespace, isPodName } from '../../src/core/names.ts';
import { readPod } from '../../src/kubectl/containers.ts';

const PODS: unknown = JSON.parse(
  readFileSync(new URL('../fixtures/http/pods.json', import.meta.url), 'utf8'),
);

function ref(namespace: string, name: string): Parameters<typeof readPod>[1] {
  assert(isNamespace(namespace) && isPodName(name));
  return { namespace, name };
}

describe('readPod', () => {
  it('reads uid and containers in order', () => {
    assert.deepEqual(readPod(PODS, ref('default', 'shell')), {
      uid: '234184de-af6f-48ab-bb3b-276dea014719',
      containers: ['shell'],
      initContainers: [],
      ephemeralContainers: [],
    });
    const multi = readPod(PODS, ref('default', 'multi'));
    assert.equal(multi?.initContainers[0], 'init');
    assert.equal(multi.containers[0], 'main');
  });

  it('finds no pod of another namespace or name', () => {
    assert.equal(readPod(PODS, ref('kube-system', 'shell')), undefined);
    assert.equal(readPod(PODS, ref('default', 'nope')), undefined);
  });

  for (const hostile of [null, 7, 'x', [], {}, { items: {} }, { items: [null, 1, 'x', { metadata: [] }] }]) {
    it(`finds nothing in ${JSON.stringify(hostile)}`, () => {
      assert.equal(readPod(hostile, ref('default', 'shell')), undefined);
    });
  }

  it('leaves out what is not well-formed', () => {
    const pod = {
      metadata: { namespace: 'default', name: 'shell', uid: '../x' },
      spec: { containers: [{ name: 'a/b' }, { name: 5 }, null, { name: 'ok' }], initContainers: 'x' },
      status: { phase: ['Running'] },
    };
    assert.deepEqual(readPod({ items: [pod] }, ref('default', 'shell')), {
      uid: undefined,
      containers: ['ok'],
      initContainers: [],
      ephemeralContainers: [],
    });
  });
});
