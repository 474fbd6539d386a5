// What authorization costs: many equal questions that nobody has asked before, at a real gateway and counted where they
// arrive, and one decision that is remembered, by the gateway's own code in a loop.

import { Agent, request } from 'node:https';
import { setTimeout as wait } from 'node:timers/promises';
import { createSarAuthorizer } from '../src/authorize/sar.ts';
import type { Attributes } from '../src/core/attributes.ts';
import type { User } from '../src/core/user.ts';
import { systemClock } from '../src/core/ports.ts';
import { toSpread } from './load/statistics.ts';
import type { GatewayUnderTest } from './proxies/gateway.ts';
import { startGateway } from './proxies/gateway.ts';
import type { Ground } from './proxies/ground.ts';
import { BODIES } from './proxies/ground.ts';
import type { Identity } from './proxies/identity.ts';
import type { StreamFigure } from './report/results.ts';

/** Questions at once. */
export const EQUAL_QUESTIONS = 1000;
/** How long the API server thinks: until all questions are there, on any machine that is not on its knees. */
const REVIEW_MS = 3000;
const ROUNDS = 9;
const DECISIONS_A_ROUND = 200_000;

const ATTRIBUTES: Attributes = {
  verb: 'get',
  apiGroup: '',
  version: 'v1',
  resource: 'nodes',
  subresource: 'metrics',
  namespace: '',
  name: 'node-1',
};

const quiet = (): void => undefined;

export async function measureDecisions(
  ground: Ground,
  startIdentity: (reviewMs: number) => Promise<Identity>,
): Promise<readonly StreamFigure[]> {
  const identity = await startIdentity(REVIEW_MS);
  try {
    const gateway = await startGateway(ground, identity, { name: 'gateway-decisions' });
    try {
      await untilRightsAreWatched(gateway);
      const reviews = await countReviews(ground, identity, gateway);
      return [
        {
          what: `reviews for ${EQUAL_QUESTIONS} equal questions`,
          way: 'gateway',
          value: reviews,
          unit: 'requests',
        },
        { what: 'a remembered decision', way: 'gateway', value: await timeRemembered(), unit: 'ns' },
      ];
    } finally {
      await gateway.stop();
    }
  } finally {
    await identity.stop();
  }
}

/** What a change of rights touches is forgotten again so long after it (src/authorize/batch.ts), with some to spare. */
const CHANGE_MS = 6000;

/**
 * The gateway's first hearing of all rights counts as a change of them: what runs at that moment is asked about once
 * more, which is a second question and not the one that is counted here.
 */
async function untilRightsAreWatched({ adminPort }: GatewayUnderTest): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (performance.now() < deadline) {
    const answer = await fetch(`http://127.0.0.1:${adminPort}/metrics`);
    if (/^kubelet_gateway_rights_watched 1$/m.test(await answer.text())) return wait(CHANGE_MS);
    await wait(100);
  }
  throw new Error('the gateway does not hear of rights');
}

/** All questions are one user's, about one node, and none has been asked before. Rejects unless all are allowed. */
async function countReviews(ground: Ground, identity: Identity, gateway: GatewayUnderTest): Promise<number> {
  const before = identity.api.requests.length;
  const agent = new Agent({ keepAlive: true, maxSockets: EQUAL_QUESTIONS, ca: ground.servers.certificate });
  const ask = (): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      const headers = { authorization: `Bearer ${gateway.token}` };
      request(gateway.url + BODIES['30 kB'].path, { agent, headers, servername: 'localhost' }, (response) => {
        response.resume().once('end', () => resolve(response.statusCode));
      })
        .once('error', reject)
        .end();
    });
  try {
    const codes = await Promise.all(Array.from({ length: EQUAL_QUESTIONS }, ask));
    const refused = codes.filter((code) => code !== 200);
    if (refused.length > 0)
      throw new Error(`${refused.length} questions were answered ${String(refused[0])}`);
    return identity.api.requests.length - before;
  } finally {
    agent.destroy();
  }
}

/** Nanoseconds of the authorizer from a user and attributes to a decision: key, look-up, age. Median of rounds. */
async function timeRemembered(): Promise<number> {
  const authorizer = createSarAuthorizer(
    {
      reviews: () => Promise.resolve({ allowed: true, reason: 'allowed by the bench' }),
      clock: systemClock,
      log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
    },
    {
      authorizedTtlMs: 300_000,
      unauthorizedTtlMs: 30_000,
      maxEntries: 10_000,
      timeoutMs: 10_000,
      maxInFlightPerUser: 50,
    },
  );
  const user: User = {
    name: 'alice',
    uid: '',
    groups: ['sre', 'monitoring', 'developers', 'system:authenticated'],
    extra: {},
  };
  await authorizer(user, ATTRIBUTES);
  const rounds: number[] = [];
  for (let round = -2; round < ROUNDS; round += 1) {
    const from = process.hrtime.bigint();
    for (let i = 0; i < DECISIONS_A_ROUND; i += 1) {
      if (authorizer(user, ATTRIBUTES) instanceof Promise) throw new Error('a decision was forgotten');
    }
    const took = Number(process.hrtime.bigint() - from) / DECISIONS_A_ROUND;
    if (round >= 0) rounds.push(took);
  }
  return toSpread(rounds).median;
}
