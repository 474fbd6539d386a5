// Tokens that an API server knows, over real TLS; S29 and S31 of the security cases as far as they are about tokens.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { inspect } from 'node:util';
import type { Fault } from '../../src/core/fault.ts';
import type { TokenReviewOptions } from '../../src/identify/token-review.ts';
import { createTokenReviewAuthenticator } from '../../src/identify/token-review.ts';
import { createKubeClient } from '../../src/kube/client.ts';
import type { ApiServerOptions, SentTokenReview } from '../support/api-server.ts';
import { startApiServer } from '../support/api-server.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const OPTIONS: TokenReviewOptions = {
  audiences: ['gateway'],
  authenticatedTtlMs: 120_000,
  unauthenticatedTtlMs: 30_000,
  maxEntries: 100,
  timeoutMs: 10_000,
  maxInFlight: 5,
  maxInFlightPerSource: 2,
};

const SERVICE_ACCOUNT = {
  username: 'system:serviceaccount:shop:scraper',
  uid: 'u-1',
  groups: ['system:serviceaccounts', 'system:serviceaccounts:shop', 'system:authenticated'],
  extra: { 'authentication.kubernetes.io/pod-name': ['p-1'] },
};

/** Knows every token that begins with `good`. */
const knows = ({ token, audiences }: SentTokenReview): object =>
  token.startsWith('good') || token.startsWith('eyJ')
    ? { authenticated: true, user: SERVICE_ACCOUNT, audiences }
    : {};

async function start(
  t: TestContext,
  authenticate: NonNullable<ApiServerOptions['authenticate']> = knows,
  options: Partial<TokenReviewOptions> = {},
) {
  const server = await startApiServer({ decide: () => ({ allowed: false }), authenticate });
  t.after(() => server.close());
  const clock = createFakeClock();
  const client = createKubeClient({ clock }, server.connection, { attempts: 1 });
  t.after(() => client.close());
  const logged: unknown[] = [];
  const note = (...line: unknown[]): void => void logged.push(line);
  const log = { debug: note, info: note, warn: note, error: note };
  const authenticator = createTokenReviewAuthenticator(
    { reviews: (spec, signal) => client.createTokenReview(spec, signal), clock, log },
    { ...OPTIONS, ...options },
  );
  const authenticate1 = async (token: string, source = '192.0.2.1') => authenticator(token, source);
  return { server, clock, logged, authenticator, authenticate: authenticate1 };
}

const refused = (code: number, message: RegExp) => (fault: Fault) => {
  assert.equal(fault.code, code);
  assert.match(fault.message, message);
  return true;
};

const jwt = (claims: object): string =>
  [{ alg: 'RS256' }, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.') + '.c2ln';

describe('a token that the API server knows', () => {
  it('names whom the API server says, system:serviceaccount: included, and is asked about with the audiences', async (t) => {
    const { server, authenticate } = await start(t);
    assert.deepEqual(await authenticate('good'), {
      user: {
        name: SERVICE_ACCOUNT.username,
        uid: 'u-1',
        groups: SERVICE_ACCOUNT.groups,
        extra: SERVICE_ACCOUNT.extra,
      },
      method: 'tokenReview',
      expiresAt: Number.MAX_SAFE_INTEGER,
    });
    assert.deepEqual(server.tokenReviews, [{ token: 'good', audiences: ['gateway'] }]);
  });

  it('is remembered for its time, and so is one that is not known', async (t) => {
    const { server, clock, authenticate, authenticator } = await start(t);
    await authenticate('good');
    await assert.rejects(authenticate('bad'), refused(401, /does not accept it/));
    clock.advance(29_999);
    assert.ok(!(authenticator('good', 'x') instanceof Promise));
    assert.throws(() => authenticator('bad', 'x'), refused(401, /does not accept it/));
    assert.equal(server.tokenReviews.length, 2);
    clock.advance(1);
    await assert.rejects(authenticate('bad'));
    assert.equal(server.tokenReviews.length, 3);
    clock.advance(90_000);
    await authenticate('good');
    assert.equal(server.tokenReviews.length, 4);
  });

  it('is never remembered past its own exp, and a stream of it ends then', async (t) => {
    const { server, clock, authenticate } = await start(t);
    const exp = Math.floor(clock.now() / 1000) + 10;
    const token = jwt({ iss: 'https://kubernetes.default.svc', exp });
    assert.equal((await authenticate(token)).expiresAt, exp * 1000);
    clock.advance(exp * 1000 - clock.now() - 1);
    await authenticate(token);
    assert.equal(server.tokenReviews.length, 1);
    clock.advance(1);
    await authenticate(token);
    assert.equal(server.tokenReviews.length, 2);
  });

  it('is asked about anew after a flush, and so is one that was being asked about then', async (t) => {
    const { server, authenticator, authenticate } = await start(t);
    await authenticate('good-1');
    const before = authenticate('good-2');
    authenticator.flush();
    await before;
    await Promise.all([authenticate('good-1'), authenticate('good-2')]);
    assert.equal(server.tokenReviews.length, 4);
  });

  it('is asked about once however many show it at once', async (t) => {
    const { server, authenticate } = await start(t);
    await Promise.all(Array.from({ length: 20 }, (_, i) => authenticate('good', `192.0.2.${i}`)));
    assert.equal(server.tokenReviews.length, 1);
  });

  it('is not another one: each token has its own answer', async (t) => {
    const { authenticate } = await start(t, ({ token, audiences }) => ({
      authenticated: true,
      user: { username: token },
      audiences,
    }));
    for (const token of ['a', 'b', 'a', 'ab', 'b'])
      assert.equal((await authenticate(token)).user.name, token);
  });
});

describe('audiences', () => {
  for (const [what, audiences, isAccepted] of [
    ['one of those asked for', ['other', 'gateway'], true],
    ['none, as of an authenticator that does not know of them', undefined, false],
    ['an empty list', [], false],
    ['only others', ['https://kubernetes.default.svc'], false],
  ] as const) {
    it(`${what}: ${isAccepted ? 'accepted' : 'refused'}`, async (t) => {
      const { authenticate } = await start(t, () => ({
        authenticated: true,
        user: SERVICE_ACCOUNT,
        audiences,
      }));
      if (isAccepted) await authenticate('good');
      else
        await assert.rejects(
          authenticate('good'),
          refused(401, /does not confirm that it is for an audience/),
        );
    });
  }
});

describe('what goes wrong', () => {
  it('with the token: 401, and an error in the answer is not remembered', async (t) => {
    const { server, authenticate } = await start(t, () => ({ error: 'invalid bearer token, secret detail' }));
    for (let i = 1; i <= 2; i++) {
      await assert.rejects(authenticate('bad'), (fault: Fault) => {
        assert.doesNotMatch(fault.message, /secret detail/);
        return refused(401, /does not accept it/)(fault);
      });
      assert.equal(server.tokenReviews.length, i);
    }
  });

  it('with names that no log could show', async (t) => {
    const { authenticate } = await start(t, ({ audiences }) => ({
      authenticated: true,
      user: { username: 'a\nb' },
      audiences,
    }));
    await assert.rejects(authenticate('good'), refused(401, /control or invisible/));
  });

  it('with the API server: 503, not remembered, and no log line holds the token', async (t) => {
    const { server, authenticate, logged } = await start(t);
    const token = 'good-secret-token';
    server.interrupt(
      { kind: 'status', code: 500 },
      { kind: 'status', code: 403 },
      { kind: 'body', body: `{"spec":{"token":"${token}"}` },
      {
        kind: 'body',
        body: '{"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview","status":{"authenticated":"yes"}}',
      },
      { kind: 'reset' },
    );
    for (let i = 0; i < 5; i++) {
      await assert.rejects(authenticate(token), refused(503, /the bearer token could not be checked/));
    }
    assert.equal((await authenticate(token)).user.name, SERVICE_ACCOUNT.username);
    assert.equal(logged.length, 5);
    assert.doesNotMatch(inspect(logged, { depth: 20, showHidden: true }), /secret-token/);
  });

  it('with the time: 503 at the deadline', async (t) => {
    const { server, clock, authenticate } = await start(t);
    server.interrupt({ kind: 'silence' });
    const answer = authenticate('good');
    await server.received(1);
    clock.advance(10_000);
    await assert.rejects(answer, refused(503, /could not be checked/));
  });
});

describe('made-up tokens', () => {
  it('wait in bounded number, overall and for each source, and known tokens go on meanwhile', async (t) => {
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    const { server, authenticate, authenticator } = await start(t, async (spec) => {
      if (spec.token !== 'good') await gate;
      return knows(spec);
    });
    await authenticate('good');
    const waiting = ['1', '2', '3', '4', '5'].map((n, i) => authenticate(`bad-${n}`, `192.0.2.${i >> 1}`));
    const settled = Promise.allSettled(waiting);
    // The third of one source, and the sixth of all.
    await assert.rejects(authenticate('bad-x', '192.0.2.0'), (fault: Fault) => {
      assert.equal(fault.headers['retry-after'], '1');
      return refused(429, /too many bearer tokens/)(fault);
    });
    await assert.rejects(authenticate('bad-y', '192.0.2.9'), refused(429, /too many bearer tokens/));
    assert.ok(!(authenticator('good', '192.0.2.0') instanceof Promise));
    await server.received(6);
    release();
    await settled;
    assert.equal(server.tokenReviews.length, 6);
    await assert.rejects(authenticate('bad-x', '192.0.2.0'), refused(401, /does not accept/));
  });

  it('do not push real ones out of the cache', async (t) => {
    const { server, authenticate } = await start(t, knows, { maxEntries: 3 });
    await authenticate('good');
    for (let i = 0; i < 10; i++) await assert.rejects(authenticate(`bad-${i}`));
    await authenticate('good');
    assert.equal(server.tokenReviews.length, 11);
  });
});
