// Logout tokens of an identity provider, each rule of OpenID Connect Back-Channel Logout 1.0 §2.6 broken once.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { JWTPayload } from 'jose';
import type { RogueIssuer, SigningKey } from '../support/identity-provider.ts';
import type { JwtAuthenticator } from '../../src/identify/jwt/authenticator.ts';
import { systemClock } from '../../src/core/ports.ts';
import { createJwtAuthenticator } from '../../src/identify/jwt/authenticator.ts';
import { createGetJson } from '../../src/outbound/http-get.ts';
import { createSigningKey, signToken, startRogueIssuer } from '../support/identity-provider.ts';
import { createKeptLog } from '../support/kept-log.ts';

const EVENT = 'http://schemas.openid.net/event/backchannel-logout';

let issuer: RogueIssuer;
let key: SigningKey;
let authenticator: JwtAuthenticator;
before(async () => {
  issuer = await startRogueIssuer();
  key = await createSigningKey('k1');
  issuer.publish([key.jwk]);
  authenticator = createJwtAuthenticator(
    {
      getJson: createGetJson({ clock: systemClock }),
      clock: systemClock,
      log: createKeptLog(),
      onRefresh: () => undefined,
    },
    {
      algorithms: ['ES256'],
      clockSkewMs: 30_000,
      jwksMaxAgeMs: 600_000,
      jwksCooldownMs: 30_000,
      jwksMaxStaleMs: 600_000,
      allowSystemNames: false,
      cache: { ttlMs: 60_000, maxEntries: 100 },
      issuers: [
        {
          issuer: {
            url: issuer.url,
            certificateAuthority: issuer.certificateAuthority,
            audiences: ['gateway', 'other'],
          },
          claimValidationRules: [],
          claimMappings: { username: { claim: 'sub', prefix: '' } },
        },
      ],
    },
  );
  await authenticator.start();
});
after(async () => {
  authenticator.stop();
  await issuer.close();
});

const seconds = (): number => Math.floor(Date.now() / 1000);
const claims = (changed: JWTPayload = {}): JWTPayload => ({
  iss: issuer.url,
  aud: 'gateway',
  iat: seconds(),
  exp: seconds() + 120,
  jti: 'one',
  sub: 'alice',
  sid: 's1',
  events: { [EVENT]: {} },
  ...changed,
});
const without = (name: string): JWTPayload =>
  Object.fromEntries(Object.entries(claims()).filter(([claim]) => claim !== name));
const read = (token: string) => authenticator.readLogout(issuer.url, 'gateway', token);

describe('a logout token', () => {
  it('says who has signed out, and when', async () => {
    const token = await signToken(key, claims(), { typ: 'logout+jwt' });
    const { id, sid, subject, at, issuer: of } = await read(token);
    assert.deepEqual({ id, sid, subject, of }, { id: 'one', sid: 's1', subject: 'alice', of: issuer.url });
    assert.ok(Math.abs(at - Date.now()) < 5_000);
  });

  it('names the session or the person, or both, and may leave out its end and its type', async () => {
    assert.equal((await read(await signToken(key, without('sid')))).sid, undefined);
    assert.equal((await read(await signToken(key, without('sub')))).subject, undefined);
    assert.ok((await read(await signToken(key, without('exp')))).expiresAt > Date.now());
    assert.equal((await read(await signToken(key, claims({ aud: ['x', 'gateway'] })))).id, 'one');
  });

  const rows: readonly (readonly [string, () => JWTPayload, RegExp])[] = [
    ['for another client', () => claims({ aud: 'other' }), /another audience/],
    ['for nobody', () => without('aud'), /aud/],
    ['of another issuer', () => claims({ iss: 'https://evil.example' }), /another issuer/],
    ['of a slash more', () => claims({ iss: `${issuer.url}/` }), /another issuer/],
    ['without a time', () => without('iat'), /no iat claim/],
    ['of the future', () => claims({ iat: seconds() + 3600, exp: seconds() + 7200 }), /future/],
    ['of long ago', () => claims({ iat: seconds() - 3600 }), /too old/],
    ['that has expired', () => claims({ iat: seconds() - 120, exp: seconds() - 60 }), /expired/],
    ['without a name', () => without('jti'), /no jti claim/],
    ['with an empty name', () => claims({ jti: '' }), /jti/],
    ['with a nonce', () => claims({ nonce: 'n' }), /nonce/],
    ['without events', () => without('events'), /no events claim/],
    ['of another event', () => claims({ events: { 'http://example.org/other': {} } }), /no logout/],
    ['of a list of events', () => claims({ events: [EVENT] }), /no logout/],
    ['of an event that is no object', () => claims({ events: { [EVENT]: true } }), /no logout/],
    [
      'of nobody',
      () => Object.fromEntries(Object.entries(without('sub')).filter(([name]) => name !== 'sid')),
      /neither/,
    ],
    ['of a sid that is no text', () => claims({ sid: 7 }), /sid/],
    ['of an empty person', () => claims({ sub: '' }), /sub/],
  ];
  for (const [what, payload, rule] of rows) {
    it(`${what} is refused`, async () => {
      const token = await signToken(key, payload(), { typ: 'logout+jwt' });
      await assert.rejects(read(token), { reason: 'Unauthorized', message: rule });
    });
  }

  it('that another key has signed, or none, is refused', async () => {
    const forged = await createSigningKey('k1');
    await assert.rejects(read(await signToken(forged, claims())), { reason: 'Unauthorized' });
    const [, payload = ''] = (await signToken(key, claims())).split('.');
    const none = Buffer.from('{"alg":"none"}').toString('base64url');
    await assert.rejects(read(`${none}.${payload}.`), { reason: 'Unauthorized' });
    for (const text of ['', 'x', 'x.y.z', 'x'.repeat(20_000)]) {
      await assert.rejects(read(text), { reason: 'Unauthorized' });
    }
  });

  it('signs nobody in, whatever type it says that it has', async () => {
    for (const header of [{ typ: 'logout+jwt' }, { typ: 'JWT' }, {}]) {
      const token = await signToken(key, claims(), header);
      await assert.rejects(
        Promise.resolve().then(() => authenticator.authenticate(token)),
        { reason: 'Unauthorized' },
      );
    }
  });

  it('is not what signs somebody in', async () => {
    const token = await signToken(key, without('events'));
    assert.equal((await authenticator.authenticate(token)).signIn?.sid, 's1');
    await assert.rejects(read(token), { reason: 'Unauthorized' });
  });
});
