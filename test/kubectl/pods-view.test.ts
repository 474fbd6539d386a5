// A kubelet's PodList in kubectl's words: objects, tables, and what a hostile node can do with them (nothing).
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import type { PodsView } from '../../src/core/action.ts';
import { Fault } from '../../src/core/fault.ts';
import { isNamespace, isPodName } from '../../src/core/names.ts';
import { parseFieldSelector } from '../../src/kubectl/field-selector.ts';
import { parseLabelSelector } from '../../src/kubectl/label-selector.ts';
import { renderPods } from '../../src/kubectl/pods-view.ts';

const PODS: unknown = JSON.parse(
  readFileSync(new URL('../fixtures/http/pods.json', import.meta.url), 'utf8'),
);
const NOW = Date.parse('2026-11-23T17:20:04Z');

interface Table {
  readonly columnDefinitions: readonly { readonly name: string; readonly priority: number }[];
  readonly rows: readonly { readonly cells: readonly string[]; readonly object: unknown }[];
}

interface Wish {
  readonly namespace?: string;
  readonly name?: string;
  readonly labels?: string;
  readonly fields?: string;
  readonly as?: PodsView['as'];
  readonly includeObject?: PodsView['includeObject'];
}

function view(wish: Wish = {}): PodsView {
  const { namespace, name } = wish;
  assert(namespace === undefined || isNamespace(namespace));
  assert(name === undefined || isPodName(name));
  return {
    ...(namespace === undefined ? {} : { namespace }),
    ...(name === undefined ? {} : { name }),
    labelSelector: parseLabelSelector(wish.labels ?? ''),
    fieldSelector: parseFieldSelector(wish.fields ?? ''),
    as: wish.as ?? 'Table',
    includeObject: wish.includeObject ?? 'Metadata',
  };
}

const render = (podList: unknown, wish?: Wish): unknown =>
  JSON.parse(renderPods(podList, view(wish), NOW).body);

const table = (podList: unknown, wish?: Wish): Table => render(podList, wish) as Table;

const names = (podList: unknown, wish?: Wish): readonly (string | undefined)[] =>
  table(podList, wish).rows.map(({ cells }) => cells[0]);

const cellsOf = (pod: object): readonly string[] | undefined => table({ items: [pod] }).rows[0]?.cells;

describe('a table of a real node', () => {
  it("has kubectl's columns and cells", () => {
    const { columnDefinitions, rows } = table(PODS);
    assert.deepEqual(
      columnDefinitions.map(({ name, priority }) => [name, priority]),
      [
        ['Name', 0],
        ['Ready', 0],
        ['Status', 0],
        ['Restarts', 0],
        ['Age', 0],
        ['IP', 1],
        ['Node', 1],
        ['Nominated Node', 1],
        ['Readiness Gates', 1],
      ],
    );
    assert.deepEqual(
      rows.map(({ cells }) => cells),
      [
        ['cat', '1/1', 'Running', '1 (10m ago)', '10m', '10.88.0.11', 'node-1', '<none>', '<none>'],
        ['debian', '1/1', 'Running', '1 (10m ago)', '10m', '10.88.0.9', 'node-1', '<none>', '<none>'],
        ['multi', '2/2', 'Running', '2 (10m ago)', '10m', '10.250.0.1', 'node-1', '<none>', '<none>'],
        ['shell', '1/1', 'Running', '1 (10m ago)', '10m', '10.88.0.7', 'node-1', '<none>', '<none>'],
        ['web', '1/1', 'Running', '1 (10m ago)', '10m', '10.88.0.8', 'node-1', '<none>', '<none>'],
        ['logger', '1/1', 'Running', '1 (10m ago)', '10m', '10.88.0.10', 'node-1', '<none>', '<none>'],
      ],
    );
  });

  it('carries in its rows what includeObject says', () => {
    const objects = (includeObject: PodsView['includeObject']): unknown =>
      table(PODS, { namespace: 'default', name: 'shell', includeObject }).rows[0]?.object;
    assert.equal(objects('None'), null);
    const metadata = objects('Metadata');
    assert.partialDeepStrictEqual(metadata, {
      kind: 'PartialObjectMetadata',
      apiVersion: 'meta.k8s.io/v1',
      metadata: { name: 'shell', namespace: 'default', labels: { app: 'shell' } },
    });
    assert.deepEqual(Object.keys(metadata as object), ['kind', 'apiVersion', 'metadata']);
    assert.partialDeepStrictEqual(objects('Object'), {
      kind: 'Pod',
      apiVersion: 'v1',
      status: { phase: 'Running' },
    });
  });

  it('shows the namespace of the view and no other', () => {
    assert.deepEqual(names(PODS, { namespace: 'kube-system' }), ['logger']);
    assert.deepEqual(names(PODS, { namespace: 'empty' }), []);
    assert.deepEqual(names(PODS, { namespace: 'default', fields: 'metadata.namespace=kube-system' }), []);
    assert.deepEqual(names(PODS, { namespace: 'default', fields: 'metadata.name=logger' }), []);
  });

  it('applies selectors', () => {
    assert.deepEqual(names(PODS, { labels: 'app in (web,shell)' }), ['shell', 'web']);
    assert.deepEqual(names(PODS, { fields: 'spec.nodeName!=node-1' }), []);
    assert.deepEqual(names(PODS, { labels: 'app=web', fields: 'status.phase=Running' }), ['web']);
  });
});

describe('objects of a real node', () => {
  it('are a list with kinds', () => {
    const answer = render(PODS, { as: 'Object', namespace: 'kube-system' });
    assert.partialDeepStrictEqual(answer, {
      kind: 'PodList',
      apiVersion: 'v1',
      items: [{ kind: 'Pod', apiVersion: 'v1', metadata: { name: 'logger' }, spec: { nodeName: 'node-1' } }],
    });
  });

  it('are one pod', () => {
    const answer = render(PODS, { as: 'Object', namespace: 'default', name: 'web' });
    assert.partialDeepStrictEqual(answer, { kind: 'Pod', apiVersion: 'v1', metadata: { name: 'web' } });
  });

  for (const wish of [
    { namespace: 'default', name: 'nope' },
    { namespace: 'default', name: 'logger' },
    { namespace: 'default', name: 'nope', as: 'Object' },
  ] as const) {
    it(`${JSON.stringify(wish)} is not found`, () => {
      assert.throws(
        () => render(PODS, wish),
        (error) =>
          error instanceof Fault &&
          error.reason === 'NotFound' &&
          error.message === `pods "${wish.name}" not found` &&
          error.details?.kind === 'pods',
      );
    });
  }
});

const terminated = (reason: string, exitCode = 0, signal = 0): object => ({
  state: { terminated: { reason, exitCode, signal } },
});
const running = { ready: true, state: { running: {} } };
const waiting = (reason: string): object => ({ state: { waiting: { reason } } });

describe('the status cells', () => {
  const rows: readonly [title: string, pod: object, cells: readonly [ready: string, status: string]][] = [
    ['the phase', { status: { phase: 'Pending' } }, ['0/0', 'Pending']],
    ['a reason instead of the phase', { status: { phase: 'Failed', reason: 'Evicted' } }, ['0/0', 'Evicted']],
    [
      'a scheduling gate',
      { status: { phase: 'Pending', conditions: [{ type: 'PodScheduled', reason: 'SchedulingGated' }] } },
      ['0/0', 'SchedulingGated'],
    ],
    [
      'a waiting container',
      { spec: { containers: [{}] }, status: { containerStatuses: [waiting('CrashLoopBackOff')] } },
      ['0/1', 'CrashLoopBackOff'],
    ],
    [
      'an exit code without a reason',
      { spec: { containers: [{}] }, status: { containerStatuses: [terminated('', 3)] } },
      ['0/1', 'ExitCode:3'],
    ],
    [
      'a signal without a reason',
      { spec: { containers: [{}] }, status: { containerStatuses: [terminated('', 137, 9)] } },
      ['0/1', 'Signal:9'],
    ],
    [
      'all completed',
      { spec: { containers: [{}] }, status: { containerStatuses: [terminated('Completed')] } },
      ['0/1', 'Completed'],
    ],
    [
      'one completed, one running, ready',
      {
        spec: { containers: [{}, {}] },
        status: {
          conditions: [{ type: 'Ready', status: 'True' }],
          containerStatuses: [terminated('Completed'), running],
        },
      },
      ['1/2', 'Running'],
    ],
    [
      'one completed, one running, not ready',
      { spec: { containers: [{}, {}] }, status: { containerStatuses: [terminated('Completed'), running] } },
      ['1/2', 'NotReady'],
    ],
    [
      'one completed, one failed',
      {
        spec: { containers: [{}, {}] },
        status: { containerStatuses: [terminated('Completed'), terminated('Error', 1)] },
      },
      ['0/2', 'Error'],
    ],
    [
      'init containers done in part',
      {
        spec: { containers: [{}], initContainers: [{}, {}] },
        status: { initContainerStatuses: [terminated('Completed'), { state: { running: {} } }] },
      },
      ['0/1', 'Init:1/2'],
    ],
    [
      'an init container that waits',
      {
        spec: { containers: [{}], initContainers: [{}] },
        status: { initContainerStatuses: [waiting('ImagePullBackOff')] },
      },
      ['0/1', 'Init:ImagePullBackOff'],
    ],
    [
      'an init container that failed',
      {
        spec: { containers: [{}], initContainers: [{}] },
        status: { initContainerStatuses: [terminated('Error', 1)] },
      },
      ['0/1', 'Init:Error'],
    ],
    [
      'an init container with an exit code',
      {
        spec: { containers: [{}], initContainers: [{}] },
        status: { initContainerStatuses: [terminated('', 2)] },
      },
      ['0/1', 'Init:ExitCode:2'],
    ],
    [
      'a sidecar counts as a container',
      {
        spec: { containers: [{}], initContainers: [{ name: 's', restartPolicy: 'Always' }] },
        status: {
          phase: 'Running',
          initContainerStatuses: [{ name: 's', started: true, ready: true, state: { running: {} } }],
          containerStatuses: [running],
        },
      },
      ['2/2', 'Running'],
    ],
    [
      'a pod being deleted',
      { metadata: { deletionTimestamp: '2026-11-23T17:00:00Z' }, status: { phase: 'Running' } },
      ['0/0', 'Terminating'],
    ],
    [
      'a deleted pod that had ended',
      { metadata: { deletionTimestamp: '2026-11-23T17:00:00Z' }, status: { phase: 'Succeeded' } },
      ['0/0', 'Succeeded'],
    ],
    [
      'a deleted pod of a lost node',
      {
        metadata: { deletionTimestamp: '2026-11-23T17:00:00Z' },
        status: { phase: 'Running', reason: 'NodeLost' },
      },
      ['0/0', 'Unknown'],
    ],
    [
      'null states',
      { status: { phase: 'x', containerStatuses: [{ state: { terminated: null } }] } },
      ['0/0', 'x'],
    ],
  ];
  for (const [title, pod, expected] of rows) {
    it(title, () => {
      assert.deepEqual(cellsOf(pod)?.slice(1, 3), expected);
    });
  }

  it('restarts, with and without a time', () => {
    const pod = (status: object): object => ({ status: { containerStatuses: [status] } });
    const lastState = { terminated: { finishedAt: '2026-11-23T17:15:04Z' } };
    assert.equal(cellsOf(pod({ restartCount: 3 }))?.[3], '3');
    assert.equal(cellsOf(pod({ restartCount: 3, lastState }))?.[3], '3 (5m ago)');
    assert.equal(cellsOf(pod({ restartCount: 0, lastState }))?.[3], '0');
  });

  it('readiness gates', () => {
    const pod = {
      spec: { readinessGates: [{ conditionType: 'a' }, { conditionType: 'b' }] },
      status: { conditions: [{ type: 'a', status: 'True' }] },
    };
    assert.equal(cellsOf(pod)?.[8], '1/2');
  });
});

describe('a hostile node', () => {
  for (const answer of [null, 1, 'x', [], {}, { items: 'x' }, { items: {} }]) {
    it(`that answers ${JSON.stringify(answer)} gets 502`, () => {
      assert.throws(
        () => render(answer),
        (error) => error instanceof Fault && error.reason === 'BadGateway',
      );
    });
  }

  it('may have no pods', () => {
    assert.deepEqual(names({ items: null }), []);
  });

  it('gets empty cells for wrong types, and never a crash', () => {
    for (const wrong of [null, 0, -1, 1e300, true, 'x', [], [[]], {}, { name: {} }, [null, 1, 'x', {}]]) {
      const parts = { metadata: wrong, spec: wrong, status: wrong };
      const deep = {
        metadata: {
          name: wrong,
          namespace: wrong,
          labels: wrong,
          creationTimestamp: wrong,
          deletionTimestamp: wrong,
        },
        spec: { containers: wrong, initContainers: wrong, nodeName: wrong, readinessGates: wrong },
        status: {
          phase: wrong,
          reason: wrong,
          conditions: wrong,
          podIP: wrong,
          podIPs: wrong,
          containerStatuses: [{ state: wrong, lastState: wrong, restartCount: wrong, ready: wrong }, wrong],
          initContainerStatuses: [{ state: { terminated: wrong, waiting: wrong } }, wrong],
        },
      };
      for (const as of ['Table', 'Object'] as const) {
        for (const includeObject of ['None', 'Metadata', 'Object'] as const) {
          render(
            { items: [wrong, parts, deep] },
            { as, includeObject, labels: 'a!=b', fields: 'spec.nodeName!=x' },
          );
        }
      }
      for (const cell of table({ items: [deep] }).rows[0]?.cells ?? []) assert.equal(typeof cell, 'string');
    }
  });

  it('reaches no prototype', () => {
    const podList: unknown = JSON.parse(
      '{"items":[{"__proto__":{"metadata":{"name":"ghost","namespace":"default"}},"metadata":{"name":"real","namespace":"default","labels":{"__proto__":"x","constructor":"y"}}}]}',
    );
    assert.deepEqual(names(podList), ['real']);
    assert.deepEqual(names(podList, { labels: 'constructor=y' }), ['real']);
    assert.deepEqual(names(podList, { labels: 'toString' }), []);
    render(podList, { as: 'Object' });
    assert.equal(Object.hasOwn(Object.prototype, 'metadata'), false);
  });

  it('cannot show a pod of another namespace under a view of one', () => {
    const items = [
      { metadata: { name: 'a', namespace: 'secret' } },
      { metadata: { name: 'b', namespace: ['default'] } },
      { metadata: { name: 'c' } },
      { metadata: { name: 'd', namespace: 'default' } },
    ];
    assert.deepEqual(names({ items }, { namespace: 'default' }), ['d']);
  });

  it('cannot steer a terminal', () => {
    const pod = { metadata: { name: 'a' }, status: { phase: '\u001b[2JRunning\n' } };
    assert.equal(cellsOf(pod)?.[2], '\uFFFD[2JRunning\uFFFD');
  });

  it('that nests too deep gets 502', () => {
    const depth = 200_000;
    const podList: unknown = JSON.parse(
      `{"items":[{"metadata":{"name":"a"},"spec":{"x":${'['.repeat(depth)}${']'.repeat(depth)}}}]}`,
    );
    assert.throws(
      () => render(podList, { as: 'Object' }),
      (error) => error instanceof Fault && error.reason === 'BadGateway',
    );
  });
});
