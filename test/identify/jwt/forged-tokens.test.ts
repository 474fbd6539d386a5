// S11 of the security cases: a table of tokens that an attacker, another issuer or a careless one could make, against
// a real issuer over real TLS.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, beforeEach, describe, it } from 'node:test';
import { CompactEncrypt, CompactSign, exportSPKI } from 'jose';
import type { JWTPayload } from 'jose';
import type { Fault } from '../../../src/core/fault.ts';
import { systemClock } from '../../../src/core/ports.ts';
import { createJwtAuthenticator } from '../../../src/identify/jwt/authenticator.ts';
import type { JwtAuthenticator } from '../../../src/identify/jwt/authenticator.ts';
import { createGetJson } from '../../../src/outbound/http-get.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { createSigningKey, signToken, startRogueIssuer } from '../../support/identity-provider.ts';
import type { RogueIssuer, SigningKey } from '../../support/identity-provider.ts';
import { createKeptLog } from '../../support/kept-log.ts';
import { createJwtOptions, issuerOf } from './options.ts';

const NOW = Date.UTC(2026, 5, 1);
const NOW_S = NOW / 1000;

const base64url = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

describe('forged tokens', () => {
  let issuer: RogueIssuer;
  let other: RogueIssuer;
  let key: SigningKey;
  let rsa: SigningKey;
  let otherKey: SigningKey;
  let attacker: SigningKey;
  let authenticator: JwtAuthenticator;
  const getJson = createGetJson({ clock: systemClock });

  before(async () => {
    [issuer, other] = await Promise.all([startRogueIssuer(), startRogueIssuer()]);
    [key, rsa, otherKey, attacker] = await Promise.all([
      createSigningKey('k1'),
      createSigningKey('r1', 'RS256'),
      createSigningKey('k1'),
      createSigningKey('k1'),
    ]);
    issuer.publish([key.jwk, rsa.jwk]);
    other.publish([otherKey.jwk]);
  });
  after(() => Promise.all([issuer.close(), other.close()]));
  beforeEach(() => {
    authenticator = createJwtAuthenticator(
      { getJson, clock: createFakeClock(NOW), log: createKeptLog() },
      createJwtOptions({ issuers: { jwt: [issuerOf(issuer), issuerOf(other)] } }),
    );
  });

  const claims = (more: JWTPayload = {}): JWTPayload => ({
    iss: issuer.url,
    aud: 'gateway',
    sub: 'alice',
    iat: NOW_S - 60,
    exp: NOW_S + 600,
    ...more,
  });
  const without = (name: string): JWTPayload =>
    Object.fromEntries(Object.entries(claims()).filter(([claim]) => claim !== name));
  const unsigned = (header: object, payload: unknown = claims()): string =>
    `${base64url(header)}.${base64url(payload)}.`;

  const accepted: readonly (readonly [string, () => Promise<string>])[] = [
    ['a plain one', () => signToken(key, claims())],
    ['one of a second key', () => signToken(rsa, claims())],
    ['one of several audiences', () => signToken(key, claims({ aud: ['x', 'gateway'] }))],
    ['typ at+jwt', () => signToken(key, claims(), { typ: 'at+jwt' })],
    ['typ JWT', () => signToken(key, claims(), { typ: 'JWT' })],
    ['no key id', () => signToken({ ...key, kid: '' }, claims())],
    ['no iat', () => signToken(key, without('iat'))],
    ['exp within the clock skew', () => signToken(key, claims({ exp: NOW_S - 29 }))],
    ['nbf within the clock skew', () => signToken(key, claims({ nbf: NOW_S + 30 }))],
    ['iat within the clock skew', () => signToken(key, claims({ iat: NOW_S + 30 }))],
    ['azp of another client, as Kubernetes does', () => signToken(key, claims({ azp: 'somebody' }))],
    ['the second issuer', () => signToken(otherKey, claims({ iss: other.url }))],
  ];
  for (const [what, make] of accepted) {
    it(`accepts ${what}`, async () => {
      assert.equal((await authenticator.authenticate(await make())).user.name, 'alice');
    });
  }

  const refused: readonly (readonly [string, () => string | Promise<string>, RegExp])[] = [
    ['alg none', () => unsigned({ alg: 'none' }), /algorithm is not accepted/],
    ['alg None', () => unsigned({ alg: 'None' }), /algorithm is not accepted/],
    ['alg missing', () => unsigned({}), /algorithm is not accepted/],
    ['alg of another type', () => unsigned({ alg: ['ES256'] }), /algorithm is not accepted/],
    ['an empty signature', () => unsigned({ alg: 'ES256', kid: 'k1' }), /not signed/],
    ['HS256 with the public key as the secret', () => hmacToken(), /algorithm is not accepted/],
    [
      'EdDSA, which is not listed',
      async () => signToken(await createSigningKey('e', 'EdDSA'), claims()),
      /algorithm/,
    ],
    ['an attacker under the same key id', () => signToken(attacker, claims()), /signature does not verify/],
    ['the key of another accepted issuer', () => signToken(otherKey, claims()), /signature does not verify/],
    ['a key id of nobody', () => signToken({ ...key, kid: 'nobody' }, claims()), /does not publish/],
    ['a path as a key id', () => signToken({ ...key, kid: '../../k1' }, claims()), /does not publish/],
    [
      'a very long key id',
      () => signToken({ ...key, kid: 'k'.repeat(257) }, claims()),
      /key id is malformed/,
    ],
    ['a number as a key id', () => unsigned({ alg: 'ES256', kid: 1 }) + 'AA', /key id is malformed/],
    [
      'an embedded key',
      () => signToken(attacker, claims(), { jwk: attacker.jwk }),
      /signature does not verify/,
    ],
    [
      'jku of the attacker',
      () => signToken(attacker, claims(), { jku: `${other.url}/keys` }),
      /signature does/,
    ],
    [
      'x5u of the attacker',
      () => signToken(attacker, claims(), { x5u: `${other.url}/keys` }),
      /signature does/,
    ],
    [
      'crit',
      () => `${base64url({ alg: 'ES256', kid: 'k1', crit: ['x'], x: 1 })}.${base64url(claims())}.AA`,
      /critical/,
    ],
    [
      'crit b64',
      () => `${base64url({ alg: 'ES256', crit: ['b64'], b64: false })}.${base64url(claims())}.AA`,
      /critical/,
    ],
    ['another algorithm than the key is for', () => ps256(), /does not publish/],
    ['a logout token', () => signToken(key, claims(), { typ: 'logout+jwt' }), /not for signing in/],
    ['a DPoP proof', () => signToken(key, claims(), { typ: 'dpop+jwt' }), /not for signing in/],
    ['a sender-constrained token', () => signToken(key, claims({ cnf: { jkt: 'x' } })), /bound to a key/],
    ['another audience', () => signToken(key, claims({ aud: 'other' })), /another audience/],
    ['other audiences', () => signToken(key, claims({ aud: ['a', 'b'] })), /another audience/],
    ['an audience that begins alike', () => signToken(key, claims({ aud: 'gateway2' })), /another audience/],
    ['an object as an audience', () => rawClaims({ aud: { gateway: 1 } }), /another audience/],
    ['no audience', () => signToken(key, without('aud')), /no aud claim/],
    [
      'another issuer',
      () => signToken(key, claims({ iss: 'https://evil.example' })),
      /issuer is not accepted/,
    ],
    [
      'the issuer and a slash',
      () => signToken(key, claims({ iss: `${issuer.url}/` })),
      /issuer is not accepted/,
    ],
    [
      'the issuer in capitals',
      () => signToken(key, claims({ iss: issuer.url.toUpperCase() })),
      /issuer is not/,
    ],
    ['a list of issuers', () => rawClaims({ iss: [issuer.url] }), /names no issuer/],
    ['no issuer', () => signToken(key, without('iss')), /names no issuer/],
    ['no expiry', () => signToken(key, without('exp')), /no exp claim/],
    ['an expiry in words', () => rawClaims({ exp: 'tomorrow' }), /exp is malformed/],
    [
      'an infinite expiry',
      () => signRaw(JSON.stringify(claims()).replace(/"exp":\d+/, '"exp":1e999')),
      /no date/,
    ],
    ['an absurd expiry', () => signToken(key, claims({ exp: 1e15 })), /no date/],
    ['an expired one', () => signToken(key, claims({ exp: NOW_S - 30 })), /has expired/],
    ['one that is not valid yet', () => signToken(key, claims({ nbf: NOW_S + 31 })), /not valid yet/],
    ['one from the future', () => signToken(key, claims({ iat: NOW_S + 31 })), /issued in the future/],
    ['iat in words', () => rawClaims({ iat: 'now' }), /iat is malformed/],
    ['two parts', () => 'a.b', /not a signed JWT/],
    ['one part', () => 'opaque', /not a signed JWT/],
    ['four parts', () => 'a.b.c.d', /not a signed JWT/],
    ['a JWE', () => encrypted(), /encrypted/],
    ['a header that is no JSON', () => `AAAA.${base64url(claims())}.AA`, /not a signed JWT/],
    [
      'a header that is a list',
      () => `${base64url(['ES256'])}.${base64url(claims())}.AA`,
      /not a signed JWT/,
    ],
    [
      'claims that are a list',
      () => `${base64url({ alg: 'ES256' })}.${base64url([1])}.AA`,
      /not a signed JWT/,
    ],
    ['claims changed after signing', () => tampered(), /signature does not verify/],
    [
      'a system: user, of the issuer itself',
      () => signToken(key, claims({ sub: 'system:admin' })),
      /reserved/,
    ],
  ];
  for (const [what, make, message] of refused) {
    it(`refuses ${what}`, async () => {
      const text = await make();
      await assert.rejects(
        async () => authenticator.authenticate(text),
        (fault: Fault) => {
          assert.match(fault.message, message);
          assert.equal(fault.reason, 'Unauthorized');
          assert(!fault.message.includes(text), 'the message holds the token');
          return true;
        },
      );
    });
  }

  it('does not ask a provider about what could not be right anyway', async () => {
    const hits = { ...issuer.hits };
    for (const text of ['opaque', unsigned({ alg: 'none' }), await encrypted(), unsigned({ alg: 'ES256' })]) {
      await assert.rejects(async () => authenticator.authenticate(text));
    }
    assert.deepEqual(issuer.hits, hits);
  });

  it('holds to the configured list of algorithms', async () => {
    const narrow = createJwtAuthenticator(
      { getJson, clock: createFakeClock(NOW), log: createKeptLog() },
      createJwtOptions({ issuers: { jwt: [issuerOf(issuer)] }, jwt: { algorithms: ['RS256'] } }),
    );
    assert.equal((await narrow.authenticate(await signToken(rsa, claims()))).user.name, 'alice');
    await assert.rejects(async () => narrow.authenticate(await signToken(key, claims())), /algorithm/);
  });

  const ps256 = (): string => `${base64url({ alg: 'PS256', kid: 'r1' })}.${base64url(claims())}.AAAA`;
  const signRaw = (payload: string): Promise<string> =>
    new CompactSign(Buffer.from(payload))
      .setProtectedHeader({ alg: key.alg, kid: key.kid })
      .sign(key.privateKey);
  const rawClaims = (more: object): Promise<string> => signRaw(JSON.stringify({ ...claims(), ...more }));
  const hmacToken = async (): Promise<string> => {
    const input = `${base64url({ alg: 'HS256', kid: 'r1' })}.${base64url(claims())}`;
    return `${input}.${createHmac('sha256', await exportSPKI(rsa.publicKey))
      .update(input)
      .digest('base64url')}`;
  };
  const encrypted = (): Promise<string> =>
    new CompactEncrypt(Buffer.alloc(100_000))
      .setProtectedHeader({ alg: 'RSA-OAEP-256', enc: 'A256GCM' })
      .encrypt({ ...rsa.jwk, alg: 'RSA-OAEP-256', use: 'enc' });
  const tampered = async (): Promise<string> => {
    const [header, , signature] = (await signToken(key, claims())).split('.');
    return `${header ?? ''}.${base64url(claims({ sub: 'root' }))}.${signature ?? ''}`;
  };
});
