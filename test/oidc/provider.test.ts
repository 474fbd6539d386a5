// The gateway as a client of a provider that misbehaves, over real TLS: what anybody can make up is bounded, and whatever the
// provider says ends as a problem that has a page, with its own words kept out.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { ClosableFetch } from '../../src/outbound/fetch.ts';
import type { OidcProvider } from '../../src/oidc/provider.ts';
import type { RogueIssuer } from '../support/identity-provider.ts';
import { SignInFailure } from '../../src/oidc/problem.ts';
import { Secret } from '../../src/core/secret.ts';
import { createOidcProvider } from '../../src/oidc/provider.ts';
import { createFetch } from '../../src/outbound/fetch.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { startRogueIssuer } from '../support/identity-provider.ts';

const proofs = {
  state: 's'.repeat(43),
  nonce: 'n'.repeat(43),
  verifier: randomBytes(32).toString('base64url'),
};
const REDIRECT = 'https://gateway.example.org/-/callback/company';

let issuer: RogueIssuer;
let client: ClosableFetch;
before(async () => {
  issuer = await startRogueIssuer();
  client = createFetch({ certificateAuthority: issuer.certificateAuthority });
});
after(async () => {
  await issuer.close();
  await client.close();
});

describe('a provider that misbehaves', () => {
  let provider: OidcProvider;
  beforeEach(() => {
    issuer.behave('json');
    issuer.describe({
      issuer: issuer.url,
      authorization_endpoint: `${issuer.url}/authorize`,
      token_endpoint: `${issuer.url}/token`,
    });
    const settings = {
      name: 'company',
      displayName: 'Company',
      issuer: issuer.url,
      clientID: 'gateway',
      scopes: ['openid'],
      rotatesRefreshTokens: true,
    };
    provider = createOidcProvider({ clock: createFakeClock(), fetch: client.fetch }, settings, {
      clockSkewMs: 0,
    });
  });

  const exchange = (query: Readonly<Record<string, string>>) => {
    const url = new URL(REDIRECT);
    url.search = new URLSearchParams({ state: proofs.state, ...query }).toString();
    return provider.exchange(url, proofs);
  };
  const begin = (silentFor?: string) => provider.authorizationURL(REDIRECT, proofs, { silentFor });
  const is = (problem: string) => (error: unknown) =>
    error instanceof SignInFailure && error.problem === problem && !error.message.includes('secret words');

  it('is asked about 50 answers at once and no more, and about others when those have ended', async () => {
    await begin();
    issuer.behave('silent');
    const before = issuer.hits.discovery;
    const waiting = Array.from({ length: 50 }, () =>
      exchange({ code: 'made-up' }).catch((error: unknown) => error),
    );
    const tooMany = await exchange({ code: 'one-more' }).catch((error: unknown) => error);
    assert.ok(tooMany instanceof SignInFailure);
    assert.equal(tooMany.problem, 'unavailable');
    assert.match(tooMany.message, /too many sign-ins at once/);
    // Each of the 50 is at the token endpoint before it is cut off.
    while (issuer.hits.discovery < before + 50) await new Promise((resolve) => setImmediate(resolve));
    issuer.drop();
    for (const error of await Promise.all(waiting)) assert.ok(is('unavailable')(error));
    assert.equal(issuer.hits.discovery, before + 50, 'the one more was never sent');
    issuer.behave('error');
    await assert.rejects(exchange({ code: 'later' }), (error) => {
      assert.ok(error instanceof SignInFailure);
      return !error.message.includes('too many');
    });
  });

  for (const [code, problem] of [
    ['access_denied', 'denied'],
    ['login_required', 'needsPerson'],
    ['interaction_required', 'needsPerson'],
    ['server_error', 'unavailable'],
    ['temporarily_unavailable', 'unavailable'],
    ['invalid_scope', 'misconfigured'],
    ['unauthorized_client', 'misconfigured'],
    ['<script>', 'misconfigured'],
  ] as const) {
    it(`that answers ${code} is ${problem}, and its words stay out`, async () => {
      await assert.rejects(exchange({ error: code, error_description: 'secret words' }), is(problem));
    });
  }

  it('that answers a state of another sign-in is refused', async () => {
    await assert.rejects(exchange({ state: 'other', code: 'x' }), is('refused'));
  });

  for (const how of ['down', 'error', 'redirect', 'huge', 'html'] as const) {
    it(`is unavailable when its discovery is ${how}, and is asked again`, async () => {
      issuer.behave(how);
      await assert.rejects(begin(), is('unavailable'));
      await assert.rejects(provider.renew('refresh'), is('unavailable'));
      issuer.behave('json');
      assert.equal((await begin()).origin, issuer.url);
    });
    it(`does not sign anybody in when its token endpoint is ${how}`, async () => {
      await begin();
      issuer.behave(how);
      await assert.rejects(exchange({ code: 'x' }), SignInFailure);
      // What is final would end the session: a page of whoever stands in for the provider is not.
      await assert.rejects(provider.renew('refresh'), how === 'html' ? is('unavailable') : SignInFailure);
    });
  }

  it('is told for whom it is asked without a person, unless that would be too long for an address', async () => {
    const shown = async (idToken: string | undefined) => {
      const { searchParams: query } = await begin(idToken);
      return [query.get('prompt'), query.get('id_token_hint')];
    };
    assert.deepEqual(await shown(undefined), [null, null]);
    assert.deepEqual(await shown('a.b.c'), ['none', 'a.b.c']);
    assert.deepEqual(await shown('x'.repeat(5_000)), ['none', null]);
  });

  for (const status of [400, 401]) {
    it(`that refuses a renewal with ${status} and no words is not asked again with the same token`, async () => {
      await begin();
      issuer.grant({ status, body: '' });
      await assert.rejects(provider.renew('refresh'), is('expired'));
    });
  }
  for (const status of [403, 404, 500, 502]) {
    it(`is no provider that says no with ${status} and no words`, async () => {
      await begin();
      issuer.grant({ status, body: '' });
      await assert.rejects(provider.renew('refresh'), is('unavailable'));
    });
  }

  for (const [what, document] of [
    ['of another issuer', { issuer: 'https://evil.example' }],
    ['with an endpoint that is not https', { authorization_endpoint: 'http://evil.example' }],
    ['without endpoints', { token_endpoint: undefined }],
  ] as const) {
    it(`is not followed by a discovery document ${what}`, async () => {
      issuer.describe({
        issuer: issuer.url,
        authorization_endpoint: `${issuer.url}/authorize`,
        token_endpoint: `${issuer.url}/token`,
        ...document,
      });
      await assert.rejects(begin(), is('unavailable'));
    });
  }
});

describe('the credentials of the gateway at a provider', () => {
  /** What is before and after the colon of RFC 7617, as it is on the wire. */
  async function sent(clientID: string, secret: string): Promise<string> {
    issuer.behave('json');
    issuer.describe({
      issuer: issuer.url,
      authorization_endpoint: `${issuer.url}/authorize`,
      token_endpoint: `${issuer.url}/token`,
      token_endpoint_auth_methods_supported: ['client_secret_post', 'client_secret_basic'],
    });
    issuer.grant({ status: 400, body: { error: 'invalid_grant' } });
    const provider = createOidcProvider(
      { clock: createFakeClock(), fetch: client.fetch },
      {
        name: 'company',
        displayName: 'Company',
        issuer: issuer.url,
        clientID,
        clientSecret: new Secret(secret),
        scopes: ['openid'],
        rotatesRefreshTokens: true,
      },
      { clockSkewMs: 0 },
    );
    await assert.rejects(provider.renew('refresh'), SignInFailure);
    const [scheme, credentials = ''] = (issuer.credentials ?? '').split(' ');
    assert.equal(scheme, 'Basic');
    return Buffer.from(credentials, 'base64').toString('latin1');
  }

  it('are the plain ones where nothing must be encoded: not every provider decodes them', async () => {
    assert.equal(await sent('kubelet-gateway', 'a_B-9.c*'), 'kubelet-gateway:a_B-9.c*');
  });

  it('are encoded as a form where RFC 6749 §2.3.1 needs it', async () => {
    assert.equal(await sent('a:b c', 'é+/=%&~'), 'a%3Ab+c:%C3%A9%2B%2F%3D%25%26%7E');
  });
});
