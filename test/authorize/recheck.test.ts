import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createRechecks } from '../../src/authorize/recheck.ts';
import { EVERYONE } from '../../src/authorize/affected.ts';
import type { Authorizer } from '../../src/core/decision.ts';
import { Fault } from '../../src/core/fault.ts';
import { Lifetime } from '../../src/core/lifetime.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createKeptLog } from '../support/kept-log.ts';
import { createResolved, createUser } from '../support/resolved.ts';

const options = { intervalMs: 60_000, graceMs: 300_000 };
const allow = { kind: 'allow', reason: '' } as const;
const refuse = { kind: 'noOpinion', reason: '' } as const;

/** Lets promises settle that wait for nothing but each other. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function start(first: Authorizer = () => allow) {
  const clock = createFakeClock();
  const told: string[] = [];
  const rechecks = createRechecks({ clock, log: createKeptLog(), onChecked: (result) => told.push(result) });
  rechecks.use(first, options);
  /** Begins a stream of bob's, or of somebody else. */
  const stream = (name = 'bob', receivedAt = clock.now()) => {
    const lifetime = new Lifetime();
    const { promise, resolve } = Promise.withResolvers<string>();
    const exchange = { ...createResolved({ user: createUser(name) }), lifetime, receivedAt };
    const done = rechecks.during(exchange, () => promise);
    return {
      lifetime,
      finish: async () => {
        resolve('done');
        return done;
      },
    };
  };
  return { clock, told, rechecks, stream };
}

describe('the right to what runs', () => {
  it('is asked for no more when the work has failed, also at once, and the failure is told as it is', async () => {
    const { clock, told, rechecks } = start();
    const exchange = createResolved({ user: createUser('bob') });
    for (const failure of [new TypeError('unforeseen'), new Fault('BadGateway', 'foreseen')]) {
      const fail = (): Promise<never> => {
        throw failure;
      };
      const isFailure = (error: unknown): boolean => error === failure;
      await assert.rejects(rechecks.during(exchange, fail), isFailure);
      await assert.rejects(
        rechecks.during(exchange, () => Promise.reject(failure)),
        isFailure,
      );
    }
    assert.equal(rechecks.running, 0);
    clock.advance(600_000);
    await settle();
    assert.deepEqual(told, []);
  });

  it('is asked for again at the interval, and not before', async () => {
    const { clock, told, rechecks, stream } = start();
    clock.advance(120_000);
    const { lifetime, finish } = stream();
    clock.advance(59_999);
    assert.deepEqual(told, []);
    clock.advance(6_001);
    await settle();
    assert.deepEqual(told, ['allowed']);
    clock.advance(66_000);
    await settle();
    assert.deepEqual(told, ['allowed', 'allowed']);
    assert.equal(lifetime.ended, false);
    assert.equal(await finish(), 'done');
    assert.equal(rechecks.running, 0);
    clock.advance(600_000);
    assert.equal(clock.pending, 0);
    assert.equal(told.length, 2);
  });

  it('ends it when it is gone', async () => {
    let decision: typeof allow | typeof refuse = allow;
    const { clock, told, stream } = start(() => decision);
    const { lifetime } = stream();
    decision = refuse;
    clock.advance(66_000);
    await settle();
    assert.equal(lifetime.reason, 'rightRevoked');
    assert.deepEqual(told, ['revoked']);
  });

  it('is asked for at once about those whom a change may concern', async () => {
    const { clock, told, rechecks, stream } = start((user) => (user.name === 'bob' ? refuse : allow));
    clock.advance(120_000);
    const [bob, ann] = [stream('bob'), stream('ann')];
    rechecks.affected({ kind: 'subjects', users: new Set(['bob']), groups: new Set() });
    await settle();
    assert.equal(bob.lifetime.reason, 'rightRevoked');
    assert.equal(ann.lifetime.ended, false);
    assert.deepEqual(told, ['revoked']);
    rechecks.affected(EVERYONE);
    await settle();
    assert.deepEqual(told, ['revoked', 'allowed'], 'what has ended is not asked about again');
  });

  it('is asked of the new authorizer as soon as there is one', async () => {
    const { rechecks, stream } = start();
    const { lifetime } = stream();
    rechecks.use(() => refuse, options);
    await settle();
    assert.equal(lifetime.reason, 'rightRevoked');
  });

  it('is asked for again when a change comes while the answer is on its way', async () => {
    const { promise, resolve } = Promise.withResolvers<typeof allow>();
    let asked = 0;
    const { rechecks, stream } = start(() => ((asked += 1) === 1 ? promise : refuse));
    const { lifetime } = stream();
    rechecks.affected(EVERYONE);
    rechecks.affected(EVERYONE);
    resolve(allow);
    await settle();
    await settle();
    assert.equal(asked, 2);
    assert.equal(lifetime.reason, 'rightRevoked');
  });

  it('is asked for when a change came between the decision and the first byte', async () => {
    const { clock, rechecks, stream } = start(() => refuse);
    clock.advance(120_000);
    const receivedAt = clock.now();
    clock.advance(10);
    rechecks.affected({ kind: 'subjects', users: new Set(['bob']), groups: new Set() });
    clock.advance(10);
    const [late, other, after] = [stream('bob', receivedAt), stream('ann', receivedAt), stream('bob')];
    await settle();
    assert.equal(late.lifetime.reason, 'rightRevoked');
    assert.deepEqual([other.lifetime.ended, after.lifetime.ended], [false, false]);
  });

  it('may stay unanswered until the grace is over', async () => {
    const { clock, told, stream } = start(() => {
      throw new Fault('InternalError', 'away');
    });
    clock.advance(120_000);
    const { lifetime } = stream();
    clock.advance(299_000);
    await settle();
    assert.equal(lifetime.ended, false);
    assert.ok(told.length >= 1 && told.every((result) => result === 'unanswered'));
    for (let i = 0; i < 12; i += 1) {
      clock.advance(6_000);
      await settle();
    }
    assert.equal(lifetime.reason, 'rightUnconfirmed');
  });

  it('gets its grace anew with every answer', async () => {
    let isAway = true;
    const { clock, stream } = start(() => {
      if (isAway) throw new Fault('InternalError', 'away');
      return allow;
    });
    const { lifetime } = stream();
    for (let i = 0; i < 100; i += 1) {
      isAway = i % 30 !== 29;
      clock.advance(6_000);
      await settle();
    }
    assert.equal(lifetime.ended, false);
  });

  it('is not asked for of what has failed', async () => {
    const { rechecks } = start();
    const failing = rechecks.during(createResolved(), () => Promise.reject(new Error('broken')));
    await assert.rejects(failing, /broken/);
    assert.equal(rechecks.running, 0);
  });
});
