// The login of the command line at a provider, or whoever stands in for it, that means harm or says no: over real TLS.

import assert from 'node:assert/strict';
import { createServer } from 'node:https';
import type { Server } from 'node:https';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { ClosableFetch } from '../../src/outbound/fetch.ts';
import type { Provider } from '../../src/sign-in/provider.ts';
import { createFetch } from '../../src/outbound/fetch.ts';
import { connectProvider } from '../../src/sign-in/provider.ts';
import { SignInError } from '../../src/sign-in/sign-in-error.ts';
import { createAuthority } from '../support/pki.ts';

describe('the login of the command line at a provider that means harm', () => {
  let server: Server;
  let url: string;
  let client: ClosableFetch;
  let document: Record<string, unknown> = {};
  let offer: Record<string, unknown> = {};
  /** What the token endpoint says, one after the other; the last again and again. Undefined: nothing but 400. */
  let answers: (Record<string, unknown> | undefined)[] = [];
  let asked = 0;
  let status = 400;

  before(async () => {
    const authority = await createAuthority('hostile provider CA');
    const pair = await authority.issue({
      commonName: 'hostile provider',
      ipAddresses: ['127.0.0.1'],
      usages: ['server'],
    });
    server = createServer({ cert: pair.certificate, key: pair.key }, (request, response) => {
      response.setHeader('content-type', 'application/json');
      if (request.url === '/device') response.end(JSON.stringify(offer));
      else if (request.url === '/token') {
        const answer = answers[Math.min(asked++, answers.length - 1)];
        if (answer === undefined) response.removeHeader('content-type');
        response.writeHead(status).end(answer && JSON.stringify(answer));
      } else response.end(JSON.stringify(document));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    assert.ok(address !== null && typeof address === 'object');
    url = `https://127.0.0.1:${address.port}`;
    client = createFetch({ certificateAuthority: authority.certificate });
  });
  after(async () => {
    await client.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  beforeEach(() => {
    asked = 0;
    status = 400;
    document = {
      issuer: url,
      authorization_endpoint: `${url}/authorize`,
      token_endpoint: `${url}/token`,
      device_authorization_endpoint: `${url}/device`,
    };
    offer = {
      device_code: 'device',
      user_code: 'ABCD',
      verification_uri: `${url}/activate`,
      expires_in: 60,
      interval: 0.01,
    };
  });

  const connect = (): Promise<Provider> =>
    connectProvider(client.fetch, { issuer: url, clientId: 'cli', scopes: ['openid'], token: 'id' });
  const wait = async (): Promise<unknown> =>
    (await (await connect()).beginDevice({})).wait(AbortSignal.timeout(20_000));
  const isCalm = (words: RegExp) => (error: unknown) => {
    assert.ok(error instanceof SignInError, String(error));
    assert.match(error.message, words);
    assert.doesNotMatch(error.message, /[\u0000-\u001f\u007f-\u009f]/);
    return true;
  };

  for (const endpoint of [
    'file:///bin/sh',
    'http://evil.example/authorize',
    'ms-msdt:/id',
    'javascript:alert(1)',
  ]) {
    it(`opens no browser at ${endpoint}`, async () => {
      document = { ...document, authorization_endpoint: endpoint };
      const provider = await connect();
      await assert.rejects(provider.beginCode('http://127.0.0.1:1/callback', {}), isCalm(/https/));
    });
  }

  it('waits while nobody has entered the code, and says what to do when it is too late', async () => {
    answers = [
      { error: 'authorization_pending' },
      { error: 'authorization_pending' },
      { error: 'expired_token' },
    ];
    await assert.rejects(wait(), isCalm(/the code was not entered in time; run the command again/));
    assert.equal(asked, 3);
  });

  it('asks less often when it is told to (RFC 8628 §3.5: five seconds more)', async () => {
    answers = [{ error: 'slow_down' }, { error: 'access_denied' }];
    const startedAt = performance.now();
    await assert.rejects(wait(), isCalm(/refused or cancelled at the provider/));
    assert.equal(asked, 2);
    assert.ok(performance.now() - startedAt >= 5_000);
  });

  it('is told when the person says no', async () => {
    answers = [{ error: 'access_denied' }];
    await assert.rejects(wait(), isCalm(/refused or cancelled at the provider/));
    assert.equal(asked, 1);
  });

  it('is asked for a new login where a refresh token is refused, with words or without', async () => {
    answers = [{ error: 'invalid_grant' }, undefined];
    const provider = await connect();
    assert.equal(await provider.refresh('old'), undefined);
    assert.equal(await provider.refresh('old'), undefined);
    assert.equal(asked, 2);
  });

  it('is not asked for a new login where it only has trouble', async () => {
    const provider = await connect();
    for (const [code, error, words] of [
      [400, 'temporarily_unavailable', /answered temporarily_unavailable/],
      [400, 'server_error', /answered server_error/],
      [503, 'temporarily_unavailable', /unexpected HTTP response status code/],
      [502, 'invalid_grant', /unexpected HTTP response status code/],
    ] as const) {
      status = code;
      answers = [{ error }];
      await assert.rejects(provider.refresh('old'), isCalm(words));
    }
  });

  it('shows no control character of what the provider says', async () => {
    answers = [{ error: 'weird', error_description: 'look \u001b]52;c;cm0gLXJm\u0007\u001b[2J here' }];
    await assert.rejects(wait(), isCalm(/answered weird/));
  });

  it('shows no code or address with control characters', async () => {
    offer = { ...offer, user_code: 'AB\u001b[2JCD', verification_uri: `${url}/\u001b]0;x\u0007` };
    const { userCode, verificationUri } = await (await connect()).beginDevice({});
    assert.equal(userCode, 'AB[2JCD');
    assert.equal(verificationUri, `${url}/]0;x`);
  });
});
