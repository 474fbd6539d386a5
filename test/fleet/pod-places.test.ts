// Where a pod is, told by an API server that answers, is slow, refuses, or is away.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Permitted } from '../../src/core/exchange.ts';
import type { NodeEntry } from '../../src/core/node.ts';
import type { PodAnswer } from '../../src/kube/pod-client.ts';
import { Fault } from '../../src/core/fault.ts';
import { isNamespace, isPodName } from '../../src/core/names.ts';
import { createPodPlaces } from '../../src/fleet/pod-places.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createKeptLog } from '../support/kept-log.ts';
import { nodeName } from '../support/resolved.ts';

const on = (node: string): PodAnswer => ({ kind: 'bound', node: nodeName(node) });
const away: PodAnswer = { kind: 'away', error: new Error('connection refused') };

function setUp(answers: Record<string, PodAnswer>, nodes: readonly string[] = ['a', 'b']) {
  const clock = createFakeClock();
  const log = createKeptLog();
  const asked: string[] = [];
  const sources: string[] = [];
  const state = { problem: undefined as string | undefined, isSilent: false };
  const entry = { address: '127.0.0.1', port: 1, fingerprint: '', serverName: '', certificateAuthority: '' };
  const entries = new Map<string, NodeEntry>(nodes.map((name) => [name, { ...entry, name: nodeName(name) }]));
  const toPod = (name: string, namespace: string) => {
    assert(isNamespace(namespace) && isPodName(name));
    return { namespace, name };
  };
  const places = createPodPlaces({
    clock,
    log,
    inventory: () => ({
      get: (name) => entries.get(name),
      list: () => entries.values(),
      problem: () => state.problem,
    }),
    ask: async (namespace, name, signal) => {
      asked.push(`${namespace}/${name}`);
      if (!state.isSilent) return Promise.resolve(answers[name] ?? { kind: 'absent' });
      return new Promise((resolve) => {
        signal.addEventListener('abort', () => resolve(away));
      });
    },
    fallback: () => Promise.reject(new Fault('Conflict', 'two kubelets claim it')),
    told: (source) => void sources.push(source),
  });
  return {
    ...{ clock, log, asked, sources, answers, state },
    find: (name: string, namespace = 'default') =>
      places.find({ pod: toPod(name, namespace) } as unknown as Permitted),
    /** Asked by who has rights on some nodes. */
    findAmong: (name: string, ...nodes: readonly string[]) =>
      places.find({
        pod: toPod(name, 'default'),
        among: { nodes: new Set(nodes) },
      } as unknown as Permitted),
    where: (name: string, isPatient = false) => places.where({ pod: toPod(name, 'default') }, isPatient),
    whereAmong: (name: string, ...nodes: readonly string[]) =>
      places.where({ pod: toPod(name, 'default'), among: { nodes: new Set(nodes.map(nodeName)) } }),
    doubt: (name: string, node: string) => places.doubt(toPod(name, 'default'), nodeName(node)),
  };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const CONFLICT = { reason: 'Conflict', message: 'two kubelets claim it' };

describe('an API server that answers', () => {
  it('says where a pod is, whatever kubelets claim, and is asked once in 10 s', async () => {
    const { find, clock, asked, sources } = setUp({ web: on('a') });
    for (let i = 0; i < 5; i += 1) assert.equal(await find('web'), 'a');
    clock.advance(9_999);
    assert.equal(await find('web'), 'a');
    assert.deepEqual(asked, ['default/web']);
    clock.advance(1);
    assert.equal(await find('web'), 'a');
    assert.equal(asked.length, 2);
    assert.deepEqual(new Set(sources), new Set(['apiServer', 'cache']));
  });

  it('is asked once for all who ask at the same time, and for each namespace apart', async () => {
    const { find, asked } = setUp({ web: on('a') });
    await Promise.all([...Array.from({ length: 50 }, () => find('web')), find('web', 'other')]);
    assert.deepEqual(asked, ['default/web', 'other/web']);
  });

  for (const [what, answer, reason, message] of [
    ['is not there', { kind: 'absent' }, 'NotFound', /^pods "x" not found$/],
    ['is not scheduled', { kind: 'unbound' }, 'BadRequest', /does not have a host assigned/],
    ['is too long', { kind: 'tooLong' }, 'BadGateway', /name the node/],
  ] as const) {
    it(`a pod that ${what} is answered so, and asked for again after 2 s`, async () => {
      const { find, clock, asked, answers } = setUp({ x: answer });
      await assert.rejects(find('x'), { reason, message });
      answers['x'] = on('b');
      clock.advance(1_999);
      await assert.rejects(find('x'), { reason, message });
      assert.equal(asked.length, 1);
      clock.advance(1);
      assert.equal(await find('x'), 'b');
    });
  }

  it('a pod on a node of others is not found, in words', async () => {
    const { find } = setUp({ web: on('elsewhere') });
    await assert.rejects(find('web'), { reason: 'NotFound', message: /on node elsewhere, which is none/ });
  });

  it('says so while no node is known', async () => {
    const { find, state, asked } = setUp({ web: on('a') });
    state.problem = 'the nodes are not known yet';
    await assert.rejects(find('web'), { reason: 'ServiceUnavailable', message: state.problem });
    assert.deepEqual(asked, []);
  });

  it('is asked for 32 pods at a time and no more', async () => {
    const { find, state, asked, clock } = setUp({});
    state.isSilent = true;
    const finds = Array.from({ length: 32 }, (_, i) => find(`pod-${i}`));
    await assert.rejects(find('another'), { reason: 'ServiceUnavailable', headers: { 'retry-after': '1' } });
    assert.equal(asked.length, 32);
    clock.advance(2_000);
    await Promise.allSettled(finds);
  });
});

describe('who has rights on some nodes', () => {
  it('cannot tell by what is remembered whether a pod is elsewhere or nowhere', async () => {
    const { findAmong, find, clock, asked } = setUp({ web: on('a') });
    await findAmong('web', 'b');
    await assert.rejects(findAmong('none', 'b'));
    clock.advance(1_999);
    await findAmong('web', 'b');
    await assert.rejects(findAmong('none', 'b'));
    assert.deepEqual(asked, ['default/web', 'default/none']);
    clock.advance(1);
    await findAmong('web', 'b');
    await assert.rejects(findAmong('none', 'b'));
    assert.deepEqual(asked.slice(2), ['default/web', 'default/none']);
    clock.advance(9_999);
    await findAmong('web', 'a');
    await find('web');
    assert.equal(asked.length, 4);
  });

  it('is told nothing of elsewhere by what stands in for an API server that is away', async () => {
    const { findAmong, clock, answers, sources } = setUp({ web: on('a') });
    await findAmong('web', 'b');
    answers['web'] = away;
    clock.advance(10_000);
    await assert.rejects(findAmong('web', 'b'), CONFLICT);
    assert.equal(await findAmong('web', 'a'), 'a');
    assert.deepEqual(sources, ['apiServer', 'kubelets', 'stale']);
  });
});

describe('a pod that has moved', () => {
  it('is looked for again a second later at most, once its node has said that it is not there', async () => {
    const { find, doubt, clock, asked, answers } = setUp({ 'db-0': on('a') });
    await find('db-0');
    answers['db-0'] = on('b');
    doubt('db-0', 'b');
    clock.advance(1_000);
    assert.equal(await find('db-0'), 'a');
    doubt('db-0', 'a');
    assert.equal(await find('db-0'), 'b');
    assert.equal(await find('db-0'), 'b');
    assert.equal(asked.length, 2);
  });

  it('costs one question a second where the API server insists', async () => {
    const { find, doubt, clock, asked } = setUp({ 'db-0': on('a') });
    for (let i = 0; i < 10; i += 1) {
      await find('db-0');
      doubt('db-0', 'a');
    }
    assert.equal(asked.length, 1);
    clock.advance(1_000);
    await find('db-0');
    assert.equal(asked.length, 2);
  });
});

describe('an API server that is away', () => {
  it('counts with what it last said for two minutes; then the kubelets do', async () => {
    const { find, clock, answers, sources } = setUp({ web: on('a') });
    await find('web');
    answers['web'] = away;
    clock.advance(119_999);
    assert.equal(await find('web'), 'a');
    assert.equal(sources.at(-1), 'stale');
    clock.advance(1);
    await assert.rejects(find('web'), CONFLICT);
    assert.equal(sources.at(-1), 'kubelets');
  });

  it('does not count where the pod was said to be gone from there, or not to be', async () => {
    const { find, doubt, clock, answers } = setUp({ web: on('a'), new: { kind: 'absent' } });
    await find('web');
    await assert.rejects(find('new'), { reason: 'NotFound' });
    doubt('web', 'a');
    answers['web'] = answers['new'] = away;
    clock.advance(2_000);
    await assert.rejects(find('web'), CONFLICT);
    await assert.rejects(find('new'), CONFLICT);
  });

  it('is waited for 2 s by the first and by nobody after; asked again every 5 s, told of once', async () => {
    const { find, clock, asked, answers, state, log } = setUp({ web: on('a') });
    state.isSilent = true;
    const first = find('web');
    clock.advance(1_999);
    await settled();
    clock.advance(1);
    await assert.rejects(first, CONFLICT);
    for (let i = 0; i < 5; i += 1) await assert.rejects(find('web'), CONFLICT);
    assert.equal(asked.length, 1);
    clock.advance(5_000);
    // The question goes out beside those who ask.
    await assert.rejects(find('web'), CONFLICT);
    await assert.rejects(find('web'), CONFLICT);
    assert.equal(asked.length, 2);
    clock.advance(2_000);
    await settled();
    assert.deepEqual(
      log.lines.map(({ level }) => level),
      ['warn'],
    );
    state.isSilent = false;
    answers['web'] = on('b');
    clock.advance(5_000);
    await assert.rejects(find('web'), CONFLICT);
    await settled();
    assert.equal(await find('web'), 'b');
    assert.equal(log.lines.at(-1)?.level, 'info');
  });
});

describe('an API server that refuses', () => {
  it('is asked again after 30 s for that namespace, says which right is missing once, and others are not held up', async () => {
    const { find, clock, asked, answers, log } = setUp({ web: { kind: 'refused' }, other: on('b') });
    await assert.rejects(find('web'), CONFLICT);
    await assert.rejects(find('web'), CONFLICT);
    assert.equal(await find('other', 'elsewhere'), 'b');
    assert.deepEqual(asked, ['default/web', 'elsewhere/other']);
    clock.advance(30_000);
    await assert.rejects(find('web'), CONFLICT);
    assert.deepEqual(
      log.lines.map(({ fields }) => fields),
      [{ namespace: 'default', right: 'get pods' }],
    );
    answers['web'] = on('a');
    clock.advance(30_000);
    assert.equal(await find('web'), 'a');
  });

  it('no longer counts with what it said before', async () => {
    const { find, clock, answers } = setUp({ web: on('a') });
    await find('web');
    answers['web'] = { kind: 'refused' };
    clock.advance(10_000);
    await assert.rejects(find('web'), CONFLICT);
  });
});

describe('who asks for a list or a watch of one pod', () => {
  it('is told the node, that it is nowhere, or that the kubelets have the word', async () => {
    const { where, answers, clock } = setUp({
      web: on('a'),
      foreign: on('elsewhere'),
      waiting: { kind: 'unbound' },
    });
    assert.deepEqual(await where('web'), { kind: 'node', node: 'a' });
    for (const name of ['foreign', 'waiting', 'nope']) {
      assert.deepEqual(await where(name), { kind: 'nowhere' }, name);
    }
    answers['web'] = away;
    answers['other'] = away;
    clock.advance(10_000);
    assert.deepEqual(await where('web'), { kind: 'node', node: 'a' }, 'as it said last');
    assert.deepEqual(await where('other'), { kind: 'unknown' });
    clock.advance(110_000);
    assert.deepEqual(await where('web'), { kind: 'unknown' });
  });

  it('is told of a pod that is too long to be read, but for who may not read all nodes', async () => {
    const { where, whereAmong } = setUp({ long: { kind: 'tooLong' } });
    await assert.rejects(where('long'), { reason: 'BadGateway' });
    assert.deepEqual(await whereAmong('long', 'a'), { kind: 'nowhere' });
  });

  it('keeps nobody else waiting with a watch', async () => {
    const { where, find, state, clock } = setUp({});
    state.isSilent = true;
    const first = Array.from({ length: 8 }, (_, index) => where(`pod-${index}`, true));
    await settled();
    await assert.rejects(where('one-more', true), { reason: 'ServiceUnavailable' });
    const others = [find('other'), where('another')];
    await settled();
    clock.advance(2_000);
    const told = await Promise.allSettled(others);
    assert.match(String(told[0]?.status === 'rejected' && told[0].reason), /two kubelets claim it/);
    assert.deepEqual(told[1], { status: 'fulfilled', value: { kind: 'unknown' } });
    for (const answer of first) assert.deepEqual(await answer, { kind: 'unknown' });
  });
});
