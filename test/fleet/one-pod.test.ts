// A pod that is listed or watched alone, where an API server says on which node it is and kubelets claim that it is theirs.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PodsView } from '../../src/core/action.ts';
import type { Authorizer } from '../../src/core/decision.ts';
import type { Whereabouts } from '../../src/fleet/pod-places.ts';
import { Fault } from '../../src/core/fault.ts';
import { isPath } from '../../src/core/attributes.ts';
import { parseFieldSelector } from '../../src/kubectl/field-selector.ts';
import { namespaceName, nodeName } from '../support/resolved.ts';
import { FROM_NOW, VIEW, createFleet, pod } from './watching.ts';

const ONE: PodsView = {
  ...VIEW,
  namespace: namespaceName('default'),
  fieldSelector: parseFieldSelector('metadata.name=a'),
};
const lie = (node: string): object => pod(node, 'a', 'Failed', { uid: `lie-of-${node}` });
const on = (node: string): Whereabouts => ({ kind: 'node', node: nodeName(node) });
const NOWHERE: Whereabouts = { kind: 'nowhere' };
const UNKNOWN: Whereabouts = { kind: 'unknown' };

/** n1 and n3 lie; the pod is on n2. */
function setUp(place: Whereabouts, authorizer?: Authorizer) {
  const state = { place, questions: [] as unknown[], isSwamped: false };
  const pods = { n1: [lie('n1')], n2: [pod('n2', 'a')], n3: [lie('n3')] };
  const fleet = createFleet(pods, authorizer, async (question) => {
    state.questions.push(question);
    if (state.isSwamped) throw new Fault('ServiceUnavailable', 'too many pods are being looked up');
    return Promise.resolve(state.place);
  });
  return { ...fleet, state };
}

const phases = (body: string): readonly string[] =>
  (JSON.parse(body) as { items: { status: { phase: string } }[] }).items.map(({ status }) => status.phase);

/** The right to the kubelet of these nodes, and to nothing else. */
const among =
  (...nodes: readonly string[]): Authorizer =>
  (_, attributes) =>
    !isPath(attributes) && nodes.includes(attributes.name)
      ? { kind: 'allow', reason: 'test' }
      : { kind: 'noOpinion', reason: 'test' };

describe('a list of one pod', () => {
  for (const [what, view] of [
    ['by its name', ONE],
    ['in parts', { ...ONE, page: { limit: 1 } }],
    [
      'by selectors alone',
      { ...VIEW, fieldSelector: parseFieldSelector('metadata.name=a,metadata.namespace=default') },
    ],
  ] as const) {
    it(`${what} is of the node that has it, and nobody else is asked`, async () => {
      const { list, asked, reads, state } = setUp(on('n2'));
      assert.deepEqual(phases((await list(view, asked())).body), ['Running']);
      assert.deepEqual(reads, ['n2']);
      assert.deepEqual(state.questions, [{ pod: { namespace: 'default', name: 'a' } }]);
    });
  }

  it('is empty where it is nowhere, whatever kubelets say, and asks none', async () => {
    const { list, asked, reads } = setUp(NOWHERE);
    assert.deepEqual(phases((await list(ONE, asked())).body), []);
    assert.deepEqual(reads, []);
  });

  for (const [what, place] of [
    ['its node', on('n2')],
    ['one of the nodes', UNKNOWN],
  ] as const) {
    it(`is not empty while ${what} is silent: it would say that the pod is gone`, async () => {
      const { list, asked, pods, delays } = setUp(place);
      pods['n1'] = [];
      pods['n3'] = [];
      const away = Promise.reject(new Error('no answer'));
      away.catch(() => undefined);
      delays.set('n2', away);
      await assert.rejects(list(ONE, asked()), {
        reason: 'BadGateway',
        message: 'pods "a" not found on the nodes that answered; 1 did not',
      });
      pods['n3'] = [pod('n3', 'a')];
      const answer = place === UNKNOWN ? ['Running'] : undefined;
      assert.deepEqual(
        await list(ONE, asked()).then(
          ({ body }) => phases(body),
          () => undefined,
        ),
        answer,
      );
    });
  }

  it('is a conflict where nobody but they can say', async () => {
    const { list, asked } = setUp(UNKNOWN);
    await assert.rejects(list(ONE, asked()), { reason: 'Conflict', message: /n1, n2, n3/ });
    const selected = parseFieldSelector('metadata.name=a,metadata.namespace=default');
    await assert.rejects(list({ ...VIEW, fieldSelector: selected }, asked()), { reason: 'Conflict' });
  });

  it('has it looked for sooner where its node does not tell of it', async () => {
    const { list, asked, pods, doubted } = setUp(on('n2'));
    await list(ONE, asked());
    assert.deepEqual(doubted, []);
    pods['n2'] = [];
    assert.deepEqual(phases((await list(ONE, asked())).body), []);
    assert.deepEqual(doubted, ['n2']);
  });

  it('shows nothing of a node that is not the caller’s, and no lie of one that is', async () => {
    for (const place of [on('n2'), NOWHERE]) {
      const { list, asked, reads, state } = setUp(place, among('n1', 'n3'));
      assert.deepEqual(phases((await list(ONE, asked())).body), []);
      assert.deepEqual(reads, []);
      assert.deepEqual(state.questions, [
        { pod: { namespace: 'default', name: 'a' }, among: { nodes: new Set(['n1', 'n3']) } },
      ]);
    }
  });

  it('is not looked up for who may read none', async () => {
    const { list, asked, state } = setUp(on('n2'), among());
    await assert.rejects(list(ONE, asked()), { reason: 'Forbidden' });
    assert.deepEqual(state.questions, []);
  });

  it('with another name, in all namespaces, or with no name at all asks no API server', async () => {
    const { list, asked, state } = setUp(on('n2'));
    for (const selector of [
      'metadata.name!=a',
      'metadata.name=a',
      'metadata.name=A_b,metadata.namespace=x',
    ]) {
      await list({ ...VIEW, fieldSelector: parseFieldSelector(selector) }, asked());
    }
    assert.deepEqual(state.questions, []);
  });
});

describe('a watch of one pod', () => {
  it('reads the node that has it and no other, and goes with it', async () => {
    const { open, reads, clock, pods, state } = setUp(on('n2'));
    const watch = await open(ONE);
    assert.deepEqual(await watch.news(), ['ADDED a Running']);
    clock.advance(4_000);
    assert.deepEqual(await watch.news(), []);
    assert.deepEqual(new Set(reads), new Set(['n2']));
    pods['n2'] = [];
    clock.advance(2_000);
    assert.deepEqual(await watch.news(), ['DELETED a Running']);
    pods['n3'] = [pod('n3', 'a', 'Pending', { uid: 'next' })];
    state.place = on('n3');
    clock.advance(5_000);
    assert.deepEqual(await watch.news(), ['ADDED a Pending']);
    assert.ok(!reads.includes('n1'));
  });

  it('ends it with the API server’s word, whatever its node goes on to say', async () => {
    const { open, clock, state } = setUp(on('n2'));
    const watch = await open(ONE, { ...FROM_NOW, initialEvents: true });
    assert.deepEqual(await watch.news(), ['ADDED a Running', 'BOOKMARK']);
    state.place = NOWHERE;
    clock.advance(5_000);
    assert.deepEqual(await watch.news(), ['DELETED a Running']);
    clock.advance(60_000);
    assert.deepEqual(await watch.news(), []);
  });

  it('stays where it is while the API server is away or too much is asked of it', async () => {
    const { open, reads, clock, state } = setUp(on('n2'));
    const watch = await open(ONE);
    assert.deepEqual(await watch.news(), ['ADDED a Running']);
    state.place = UNKNOWN;
    clock.advance(60_000);
    state.isSwamped = true;
    clock.advance(60_000);
    assert.deepEqual(await watch.news(), []);
    assert.deepEqual(new Set(reads), new Set(['n2']));
  });

  it('takes back what a liar has said as soon as the API server is there', async () => {
    const { open, clock, pods, state, delays } = setUp(UNKNOWN);
    pods['n3'] = [];
    delays.set('n2', Promise.reject(new Error('gone')));
    const watch = await open(ONE);
    assert.deepEqual(await watch.news(), ['ADDED a Failed'], 'of n1, the only one that says anything');
    state.place = on('n2');
    clock.advance(5_000);
    assert.deepEqual(await watch.news(), ['DELETED a Failed']);
    delays.delete('n2');
    clock.advance(5_000);
    assert.deepEqual(await watch.news(), ['ADDED a Running']);
  });

  it('has its node looked for sooner while there is nothing of it', async () => {
    const { open, clock, pods, doubted } = setUp(on('n2'));
    pods['n2'] = [];
    const watch = await open(ONE);
    assert.deepEqual(await watch.news(), []);
    clock.advance(5_000);
    assert.deepEqual(await watch.news(), []);
    assert.deepEqual(doubted, ['n2']);
  });

  it('asks for the right to a node that it goes to', async () => {
    const { open, clock, state, reads } = setUp(on('n1'), among('n1', 'n2'));
    const watch = await open(ONE);
    assert.deepEqual(await watch.news(), ['ADDED a Failed']);
    state.place = on('n3');
    clock.advance(5_000);
    assert.deepEqual(await watch.news(), ['DELETED a Failed']);
    assert.ok(!reads.includes('n3'));
    state.place = on('n2');
    clock.advance(5_000);
    assert.deepEqual(await watch.news(), ['ADDED a Running']);
  });
});
