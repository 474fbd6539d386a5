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
async function start(t: TestContext, running: Readonly<Record<string, number>>) {
  let open = 0;
  const seen = { most: 0, order: [] as string[] };
  const server = await startApiServer({
    decide: async ({ user }) => {
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
  rechecks.use(
    createSarAuthorizer(
      { reviews: (...question) => client.createSubjectAccessReview(...question), clock: systemClock, log },
      SETTINGS,
    ),
    { intervalMs: 3_600_000, graceMs: 3_600_000 },
  );
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
  return { rechecks, told, seen, lifetimes };
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
