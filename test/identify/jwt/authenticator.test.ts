// The whole of JWT authentication against issuers over real TLS: a real OpenID provider, and one that changes its keys,
// falls over and floods.

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { systemClock } from '../../../src/core/ports.ts';
import { createJwtAuthenticator } from '../../../src/identify/jwt/authenticator.ts';
import type { JwtAuthenticator, KeySnapshot } from '../../../src/identify/jwt/authenticator.ts';
import { createGetJson } from '../../../src/outbound/http-get.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import type { FakeClock } from '../../support/fake-clock.ts';
import {
  createSigningKey,
  signToken,
  startProvider,
  startRogueIssuer,
} from '../../support/identity-provider.ts';
import type { Behaviour, RogueIssuer, SigningKey } from '../../support/identity-provider.ts';
import { createKeptLog } from '../../support/kept-log.ts';
import { createAuthority } from '../../support/pki.ts';
import { createJwtOptions, issuerOf } from './options.ts';

const getJson = createGetJson({ clock: systemClock });

describe('tokens of a real OpenID provider', () => {
  it('name the user and the groups', async (t) => {
    const provider = await startProvider({ audience: 'gateway', users: { alice: { groups: ['sre'] } } });
    t.after(() => provider.close());
    const authenticator = createJwtAuthenticator(
      { getJson, clock: systemClock, log: createKeptLog() },
      createJwtOptions({ issuers: { jwt: [issuerOf(provider)] } }),
    );
    t.after(() => authenticator.stop());
    await authenticator.start();
    assert.equal(authenticator.issuers[0]?.ready(), undefined);
    const token = await provider.issueToken('alice', 600);
    const { user, method, issuer, expiresAt } = await authenticator.authenticate(token);
    assert.deepEqual([user.name, user.groups, method], ['alice', ['sre', 'system:authenticated'], 'jwt']);
    assert.equal(issuer, issuerOf(provider).issuer.url);
    assert.match(user.extra['authentication.kubernetes.io/credential-id']?.[0] ?? '', /^JTI=.+/);
    assert(expiresAt > Date.now() && expiresAt <= Date.now() + 600_000);
    await assert.rejects(provider.issueToken('mallory'), /no token/);
  });

  it('are kept with their claims where a credential mapping looks at claims, and nowhere else', async (t) => {
    const provider = await startProvider({ audience: 'gateway', users: { alice: { groups: ['sre'] } } });
    t.after(() => provider.close());
    const token = await provider.issueToken('alice', 600);
    for (const keepClaims of [true, false]) {
      const authenticator = createJwtAuthenticator(
        { getJson, clock: systemClock, log: createKeptLog() },
        { ...createJwtOptions({ issuers: { jwt: [issuerOf(provider)] } }), keepClaims },
      );
      t.after(() => authenticator.stop());
      // The second time from the cache.
      for (const turn of ['first', 'cached']) {
        const { claims } = await authenticator.authenticate(token);
        assert.equal(claims?.()['sub'], keepClaims ? 'alice' : undefined, turn);
      }
    }
  });
});

describe('the time of a login (auth_time)', () => {
  let issuer: RogueIssuer;
  let key: SigningKey;
  let authenticator: JwtAuthenticator;
  before(async () => {
    [issuer, key] = await Promise.all([startRogueIssuer(), createSigningKey('one')]);
    issuer.publish([key.jwk]);
    authenticator = createJwtAuthenticator(
      { getJson, clock: systemClock, log: createKeptLog() },
      createJwtOptions({ issuers: { jwt: [issuerOf(issuer)] } }),
    );
  });
  after(async () => {
    authenticator.stop();
    await issuer.close();
  });
  const now = Math.floor(Date.now() / 1000);

  for (const [what, time, known] of [
    ['is the one that is said', now - 60, now - 60],
    ['is not known where it is not said', undefined, undefined],
    ['is not known where it is 0', 0, undefined],
    ['is not known where it is before all time', -1, undefined],
    ['is not known where it is no number', String(now), undefined],
  ] as const) {
    it(`${what}, and a logout counts what came before the token otherwise`, async () => {
      const claims = { iss: issuer.url, aud: 'gateway', sub: 'alice', iat: now, exp: now + 600 };
      const token = await signToken(key, { ...claims, ...(time === undefined ? {} : { auth_time: time }) });
      const { signIn } = await authenticator.authenticate(token);
      assert.equal(signIn?.authenticatedAt, known && known * 1000);
      assert.equal(signIn?.at, (known ?? now) * 1000);
    });
  }
});

describe('keys of an issuer', () => {
  let issuer: RogueIssuer;
  let one: SigningKey;
  let two: SigningKey;
  let clock: FakeClock;
  let authenticator: JwtAuthenticator;
  const build = (before?: KeySnapshot): JwtAuthenticator =>
    createJwtAuthenticator(
      { getJson, clock, log: createKeptLog() },
      createJwtOptions({ issuers: { jwt: [issuerOf(issuer)] } }),
      before,
    );
  const token = (key: SigningKey, sub = 'alice'): Promise<string> =>
    signToken(key, { iss: issuer.url, aud: 'gateway', sub, exp: clock.now() / 1000 + 7200 });

  before(async () => {
    [one, two] = await Promise.all([createSigningKey('one'), createSigningKey('two')]);
  });
  beforeEach(async () => {
    clock = createFakeClock();
    issuer = await startRogueIssuer();
    issuer.publish([one.jwk]);
    authenticator = build();
  });
  const closing = (): Promise<void> => issuer.close();

  it('change without a restart', async (t) => {
    t.after(closing);
    await authenticator.authenticate(await token(one));
    issuer.publish([two.jwk]);
    const newToken = await token(two);
    await assert.rejects(async () => authenticator.authenticate(newToken), /does not publish/);
    clock.advance(30_000);
    assert.equal((await authenticator.authenticate(newToken)).user.name, 'alice');
  });

  it('change under the same key id', async (t) => {
    t.after(closing);
    await authenticator.authenticate(await token(one));
    const successor = { ...two, kid: 'one', jwk: { ...two.jwk, kid: 'one' } };
    issuer.publish([successor.jwk]);
    clock.advance(30_000);
    await authenticator.authenticate(await token(successor));
    await assert.rejects(async () => authenticator.authenticate(await token(one)), /does not verify/);
  });

  it('take their cached tokens with them when they leave', async (t) => {
    t.after(closing);
    const old = await token(one);
    await authenticator.authenticate(old);
    assert(!(authenticator.authenticate(old) instanceof Promise), 'it is cached');
    clock.advance(30_000);
    issuer.publish([two.jwk]);
    await authenticator.authenticate(await token(two));
    await assert.rejects(async () => authenticator.authenticate(old), /does not publish/);
  });

  it('are not asked for once a token by a flood of unknown key ids', async (t) => {
    t.after(closing);
    await authenticator.authenticate(await token(one));
    clock.advance(30_000);
    const flood = await Promise.all(
      Array.from({ length: 200 }, (_, i) => token({ ...two, kid: `kid-${i}` }, `user-${i}`)),
    );
    const results = await Promise.allSettled(flood.map(async (text) => authenticator.authenticate(text)));
    assert(results.every(({ status }) => status === 'rejected'));
    assert.deepEqual(issuer.hits, { discovery: 2, keys: 2 });
    assert.equal((await authenticator.authenticate(await token(one))).user.name, 'alice');
  });

  it('are known while the issuer is down, and then no more', async (t) => {
    t.after(closing);
    await authenticator.authenticate(await token(one));
    issuer.behave('down');
    clock.advance(3_599_999);
    assert.equal((await authenticator.authenticate(await token(one, 'bob'))).user.name, 'bob');
    clock.advance(1);
    await assert.rejects(async () => authenticator.authenticate(await token(one)), {
      reason: 'ServiceUnavailable',
      message: 'the keys of the identity provider could not be fetched',
    });
  });

  it('survive a reload while the issuer is down, but not cached tokens', async (t) => {
    t.after(closing);
    const text = await token(one);
    await authenticator.authenticate(text);
    issuer.behave('down');
    const next = build(authenticator.snapshot());
    const answer = next.authenticate(text);
    assert(answer instanceof Promise, 'a new instance has verified nothing');
    assert.equal((await answer).user.name, 'alice');
  });

  it('of the same id are all tried, as are all for a token without one', async (t) => {
    t.after(closing);
    issuer.publish([{ ...two.jwk, kid: 'one' }, one.jwk]);
    await authenticator.authenticate(await token(one));
    await authenticator.authenticate(await token({ ...one, kid: '' }));
    const stranger = await createSigningKey('');
    await assert.rejects(async () => authenticator.authenticate(await token(stranger)), /does not verify/);
  });

  const failures: readonly (readonly [Behaviour, RegExp])[] = [
    ['down', /./],
    ['error', /500 instead of 200/],
    ['redirect', /302 instead of 200/],
    ['huge', /longer than/],
    ['html', /not answer with JSON/],
  ];
  for (const [behaviour, problem] of failures) {
    it(`are not had from an issuer that answers: ${behaviour}`, async (t) => {
      t.after(closing);
      issuer.behave(behaviour);
      await authenticator.start();
      t.after(() => authenticator.stop());
      assert.match(authenticator.issuers[0]?.ready() ?? '', problem);
      await assert.rejects(async () => authenticator.authenticate(await token(one)), {
        reason: 'ServiceUnavailable',
      });
    });
  }

  const documents: readonly (readonly [string, (url: string) => unknown, RegExp])[] = [
    [
      'of another issuer',
      (url) => ({ issuer: 'https://other.example', jwks_uri: `${url}/keys` }),
      /another issuer/,
    ],
    [
      'of the issuer and a slash',
      (url) => ({ issuer: `${url}/`, jwks_uri: `${url}/keys` }),
      /another issuer/,
    ],
    ['without an issuer', (url) => ({ jwks_uri: `${url}/keys` }), /another issuer/],
    ['without jwks_uri', (url) => ({ issuer: url }), /no https jwks_uri/],
    ['with keys over plain HTTP', (url) => ({ issuer: url, jwks_uri: 'http://127.0.0.1/keys' }), /no https/],
    ['with keys in a file', (url) => ({ issuer: url, jwks_uri: 'file:///etc/passwd' }), /no https/],
    ['that is a list', () => [], /another issuer/],
    ['that is null', () => null, /not an object/],
  ];
  for (const [what, describeIt, problem] of documents) {
    it(`are not had by a discovery document ${what}`, async (t) => {
      t.after(closing);
      issuer.describe(describeIt(issuer.url));
      await authenticator.start();
      t.after(() => authenticator.stop());
      assert.match(authenticator.issuers[0]?.ready() ?? '', problem);
      assert.equal(issuer.hits.keys, 0);
    });
  }

  it('are not had under another certificate authority', async (t) => {
    t.after(closing);
    const { certificate } = await createAuthority('other');
    const strict = createJwtAuthenticator(
      { getJson, clock, log: createKeptLog() },
      createJwtOptions({
        issuers: { jwt: [issuerOf({ url: issuer.url, certificateAuthority: certificate })] },
      }),
    );
    t.after(() => strict.stop());
    await strict.start();
    assert.notEqual(strict.issuers[0]?.ready(), undefined);
    assert.deepEqual(issuer.hits, { discovery: 0, keys: 0 });
  });

  it('are found by discoveryURL where there is one', async (t) => {
    t.after(closing);
    const { issuer: about, ...rest } = issuerOf(issuer);
    const url = 'https://issuer.example';
    issuer.describe({ issuer: url, jwks_uri: `${issuer.url}/keys` });
    const elsewhere = createJwtAuthenticator(
      { getJson, clock, log: createKeptLog() },
      createJwtOptions({
        issuers: { jwt: [{ ...rest, issuer: { ...about, url, discoveryURL: `${issuer.url}/somewhere` } }] },
      }),
    );
    const text = await signToken(one, {
      iss: url,
      aud: 'gateway',
      sub: 'alice',
      exp: clock.now() / 1000 + 60,
    });
    assert.equal((await elsewhere.authenticate(text)).user.name, 'alice');
  });

  it('belong to one configured issuer each', (t) => {
    t.after(closing);
    const twice = createJwtOptions({ issuers: { jwt: [issuerOf(issuer), issuerOf(issuer)] } });
    assert.throws(() => createJwtAuthenticator({ getJson, clock, log: createKeptLog() }, twice), /twice/);
  });
});

describe('no issuer', () => {
  it('means no token', async () => {
    const none = createJwtAuthenticator(
      { getJson, clock: systemClock, log: createKeptLog() },
      createJwtOptions({ issuers: { jwt: [] } }),
    );
    const text = await signToken(await createSigningKey('k'), { iss: 'https://x.example' });
    await assert.rejects(async () => none.authenticate(text), {
      reason: 'Unauthorized',
      message: /issuer is not/,
    });
    await none.start();
    none.stop();
  });
});
