// Many things that run, and a change that concerns them all: what reaches the API server, and whose turn it is.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { EVERYONE } from '../../src/authorize/affected.ts';
import { createRechecks } from '../../src/authorize/recheck.ts';
import { createSarAuthorizer } from '../../src/authorize/sar.ts';
import { Lifetime } from '../../src/core/lifetime.ts';
import { systemClock } from '../../src/core/ports.ts';
import { createKubeClient } from '../../src/kube/client.ts';
import { startApiServer } from '../support/api-server.ts';
import { createKeptLog } from '../support/kept-log.ts';
import { createResolved, createUser } from '../support/resolved.ts';
import { eventually } from '../support/eventually.ts';

const SETTINGS = {
  authorizedTtlMs: 300_000,
  unauthorizedTtlMs: 30_000,
  maxEntries: 10_000,
  timeoutMs: 10_000,
  maxInFlightPerUser: 50,
  staleAllowMs: 0,
};

/** An API server that takes its time, and `running` of each user, each on a node of its own. */
async function start(
  t: TestContext,
  running: Readonly<Record<string, number>>,
  settings: Partial<typeof SETTINGS> = {},
) {
  let open = 0;
  const seen = { most: 0, order: [] as string[] };
  /** Questions about these nodes are answered only then. */
  const held = { nodes: new Set<string>(), until: Promise.resolve() as Promise<unknown> };
  const server = await startApiServer({
    decide: async (spec) => {
      const { user } = spec;
      const node = 'resourceAttributes' in spec ? spec.resourceAttributes.name : '';
      if (held.nodes.has(node)) await held.until;
      seen.order.push(user);
      seen.most = Math.max(seen.most, (open += 1));
      await delay(20);
      open -= 1;
      return { allowed: user !== 'mallory' };
    },
  });
  const client = createKubeClient({ clock: systemClock }, server.connection);
  t.after(async () => {
    client.close();
    await server.close();
  });
  const told: string[] = [];
  const log = createKeptLog();
  const rechecks = createRechecks({ clock: systemClock, log, onChecked: (result) => told.push(result) });
  const { maxInFlightPerUser } = { ...SETTINGS, ...settings };
  const authorizer = createSarAuthorizer(
    { reviews: (...question) => client.createSubjectAccessReview(...question), clock: systemClock, log },
    { ...SETTINGS, ...settings },
  );
  rechecks.use(authorizer.again, {
    ...{ intervalMs: 3_600_000, graceMs: 3_600_000 },
    maxOfOneUser: maxInFlightPerUser,
  });
  const lifetimes: Lifetime[] = [];
  const over = Promise.withResolvers<undefined>();
  t.after(() => over.resolve(undefined));
  for (const [name, count] of Object.entries(running)) {
    for (let index = 0; index < count; index += 1) {
      const lifetime = new Lifetime();
      lifetimes.push(lifetime);
      const exchange = { ...createResolved({ user: createUser(name), node: `node-${index}` }), lifetime };
      void rechecks.during({ ...exchange, receivedAt: Date.now() + 60_000 }, () => over.promise);
    }
  }
  return { rechecks, told, seen, held, lifetimes, authorizer };
}

it('all are asked about, and few at a time', async (t) => {
  const { rechecks, told, seen, lifetimes } = await start(t, { mallory: 120, bob: 120, carol: 120 });
  rechecks.affected(EVERYONE);
  await eventually('answers about all', () => (told.length >= 360 ? true : undefined));
  // None was refused a question because too many of the same user were on their way.
  assert.deepEqual([told.filter((result) => result === 'unanswered'), told.length], [[], 360]);
  assert.equal(lifetimes.filter(({ reason }) => reason === 'rightRevoked').length, 120);
  assert.ok(seen.most <= 32, `${seen.most} at a time`);
});

it('who runs much does not keep others waiting', async (t) => {
  const { rechecks, told, seen } = await start(t, { bob: 200, mallory: 1 });
  // Of bob's eight are on their way; what comes over several connections may overtake.
  rechecks.affected(EVERYONE);
  await eventually('answers about all', () => (told.length >= 201 ? true : undefined));
  assert.ok(seen.order.indexOf('mallory') <= 16, `asked about as number ${seen.order.indexOf('mallory')}`);
});

it('all of one user are asked about where the authorizer takes few of their questions at a time', async (t) => {
  for (const maxInFlightPerUser of [1, 3]) {
    const { rechecks, told, seen, lifetimes } = await start(t, { mallory: 20 }, { maxInFlightPerUser });
    rechecks.affected(EVERYONE);
    await eventually('answers about all', () => (told.length >= 20 ? true : undefined));
    assert.deepEqual(new Set(told), new Set(['revoked']));
    assert.ok(lifetimes.every(({ reason }) => reason === 'rightRevoked'));
    assert.ok(seen.most <= maxInFlightPerUser, `${seen.most} at a time`);
  }
});

it('who keeps as many questions open as they may is asked about all the same', async (t) => {
  const { rechecks, told, held, lifetimes, authorizer } = await start(
    t,
    { mallory: 3 },
    { maxInFlightPerUser: 2 },
  );
  const { promise, resolve } = Promise.withResolvers<undefined>();
  held.until = promise;
  const flood = ['slow-1', 'slow-2'].map((node) => {
    held.nodes.add(node);
    const { requirement, authentication } = createResolved({ user: createUser('mallory'), node });
    return Promise.resolve(authorizer(authentication.user, requirement[0]));
  });
  assert.throws(
    () => authorizer(createUser('mallory'), createResolved({ node: 'other' }).requirement[0]),
    { reason: 'TooManyRequests' },
    'the flood takes all that a request may',
  );
  rechecks.affected(EVERYONE);
  await eventually('answers about all', () => (told.length >= 3 ? true : undefined));
  assert.deepEqual(told, ['revoked', 'revoked', 'revoked']);
  assert.ok(lifetimes.every(({ reason }) => reason === 'rightRevoked'));
  resolve(undefined);
  await Promise.all(flood);
});

it('what else is asked in turn waits for it, and is answered', async (t) => {
  const { rechecks, seen, lifetimes } = await start(t, { bob: 5, mallory: 1 }, { maxInFlightPerUser: 4 });
  rechecks.affected(EVERYONE);
  const ask = (name: string, index: number) =>
    rechecks.ask(createResolved({ user: createUser(name), node: `other-${index}` }));
  const asked = Array.from({ length: 40 }, (_, index) => ask('bob', index));
  await assert.rejects(ask('mallory', 0), { reason: 'Forbidden' });
  for (const { grant } of await Promise.all(asked)) assert.ok(grant);
  assert.ok(seen.most <= 8, `${seen.most} at a time, of two users`);
  assert.equal(lifetimes.filter(({ ended }) => ended).length, 1);
});
