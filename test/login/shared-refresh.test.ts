// Refresh tokens in a store that two gateways share, a real Redis or Valkey server: one of them renews, the other reads, and what a
// logout gives back is the newest, also while a renewal is on its way. The provider is a hand-made one that can be held up.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import type { LoginProviderSettings } from '../../src/core/login.ts';
import type { OidcProvider, ProviderTokens } from '../../src/oidc/provider.ts';
import type { RedisStore } from '../../src/login-store/redis.ts';
import type { Session } from '../../src/browser-session/session.ts';
import type { RedisServer } from '../support/redis-server.ts';
import { createSealer } from '../../src/browser-session/seal.ts';
import { systemClock } from '../../src/core/ports.ts';
import { Secret } from '../../src/core/secret.ts';
import { createRefreshTokens } from '../../src/login/refresh-tokens.ts';
import { createRedisStore } from '../../src/login-store/redis.ts';
import { SignInFailure } from '../../src/oidc/problem.ts';
import { createKeptLog } from '../support/kept-log.ts';
import { findStores, startRedis } from '../support/redis-server.ts';

const SETTINGS: LoginProviderSettings = {
  name: 'company',
  displayName: 'Company',
  issuer: 'https://idp.example',
  clientID: 'gateway',
  scopes: ['openid'],
  rotatesRefreshTokens: true,
};

const inAnHour = (): number => Math.floor(Date.now() / 1000) + 3600;
const toIdToken = (count: number): string =>
  ['e30', Buffer.from(JSON.stringify({ exp: inAnHour(), count })).toString('base64url'), 'x'].join('.');

/** Takes each refresh token once; a second use ends the grant (RFC 9700 §4.14.2). */
function createProvider() {
  const state = { current: 'r0', used: [] as string[], back: [] as string[], isEnded: false };
  let held: Promise<undefined> | undefined;
  const renew = async (token: string): Promise<ProviderTokens> => {
    state.used.push(token);
    const isGood = token === state.current && !state.isEnded;
    if (!isGood) state.isEnded = true;
    else state.current = `r${state.used.length}`;
    const answer = { idToken: toIdToken(state.used.length), refreshToken: state.current };
    await held;
    if (!isGood) throw new SignInFailure('expired', 'invalid_grant');
    return answer;
  };
  const absent = (): never => {
    throw new Error('not asked for here');
  };
  const provider: OidcProvider = {
    settings: SETTINGS,
    authorizationURL: absent,
    exchange: absent,
    endSessionURL: absent,
    renew,
    forget: (token) => Promise.resolve(void state.back.push(token)),
  };
  const hold = (): (() => void) => {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    held = promise;
    return () => resolve(undefined);
  };
  return { provider, state, hold };
}

for (const { name, executable, skip } of findStores(process.env)) {
  describe(`two gateways that share refresh tokens in ${name}`, { skip }, () => {
    let server: RedisServer;
    const stores: RedisStore[] = [];
    const log = createKeptLog();
    const key = new Secret(randomBytes(32).toString('base64'));
    before(async () => {
      server = await startRedis(executable);
    });
    after(async () => {
      for (const store of stores) store.stop();
      await (server as RedisServer | undefined)?.close();
    });

    async function setUp() {
      const made = createProvider();
      const open = async () => {
        const redis = {
          address: '127.0.0.1',
          port: server.port,
          password: new Secret(server.password),
          tls: { certificateAuthority: server.certificateAuthority, serverName: 'redis.test' },
          keyPrefix: 'test:',
        };
        const store = createRedisStore({ clock: systemClock, log }, redis, { rememberMs: 60_000 });
        stores.push(store);
        await store.start();
        const ports = {
          ...{ clock: systemClock, log, store },
          sealer: createSealer([key], 'tokens'),
          providers: new Map([[SETTINGS.name, made.provider]]),
        };
        const tokens = createRefreshTokens(ports, { replicas: 'several', redis, absoluteMs: 3_600_000 });
        return { store, tokens };
      };
      const [one, other] = [await open(), await open()];
      const session = await one.tokens.keep(toSession(randomBytes(12).toString('hex')), 'r0');
      assert.equal(session.refreshToken, undefined);
      return { ...made, one, other, session };
    }

    const toSession = (id: string): Session => ({
      ...{ id, provider: SETTINGS.name, issuer: SETTINGS.issuer, subject: 'alice' },
      ...{ idToken: toIdToken(0), tokenExpiresAt: Date.now() + 10_000 },
      ...{ signedInAt: Date.now(), startedAt: Date.now(), seenAt: Date.now() },
    });
    const renewAt = async ({ tokens }: Awaited<ReturnType<typeof setUp>>['one'], session: Session) => {
      const renew = tokens.renew(session);
      assert.ok(renew !== undefined);
      return renew();
    };

    it('renew at one, read at the other', async () => {
      const { one, other, session, state } = await setUp();
      const [first, second] = await Promise.all([renewAt(one, session), renewAt(other, session)]);
      assert.deepEqual(state.used, ['r0']);
      assert.equal(first.idToken, second.idToken);
      // Nobody but the store has the refresh token.
      assert.deepEqual([first.refreshToken, second.refreshToken], [undefined, undefined]);
      await renewAt(other, { ...session, idToken: first.idToken });
      assert.deepEqual(state.used, ['r0', 'r1']);
      assert.equal(state.isEnded, false);
    });

    it('give back the newest when a logout comes in the middle of a renewal, and keep none', async () => {
      const { one, other, session, state, hold } = await setUp();
      const goOn = hold();
      const renewal = renewAt(one, session);
      while (state.used.length === 0) await new Promise((resolve) => setImmediate(resolve));
      const dropped = other.tokens.drop(session);
      goOn();
      await Promise.all([renewal, dropped]);
      assert.deepEqual(state.back, ['r1']);
      assert.equal(await one.store.tokens.read(session.id), undefined);
      await assert.rejects(renewAt(one, session), { reason: 'Unauthorized' });
      assert.deepEqual(state.used, ['r0']);
    });

    it('give back nothing that the session after it may live of, and what is another’s', async () => {
      const { one, other, session, state } = await setUp();
      await one.tokens.drop(session, { ...session, id: 'next' });
      assert.deepEqual(state.back, []);
      assert.equal(await other.store.tokens.read(session.id), undefined);
      for (const [successor, isBack] of [
        [{ sid: 's1' }, false],
        [{ sid: 's2' }, true],
        [{ subject: 'bob', sid: 's1' }, true],
        [{ provider: 'another', sid: 's1' }, true],
      ] as const) {
        const former = { ...session, sid: 's1' };
        await one.tokens.keep(former, 'r0');
        state.back.length = 0;
        await one.tokens.drop(former, { ...session, id: 'next', ...successor });
        assert.deepEqual(state.back, isBack ? ['r0'] : [], JSON.stringify(successor));
      }
    });
  });
}
