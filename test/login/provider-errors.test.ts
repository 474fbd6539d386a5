// What a provider answers, or does not, when somebody signs in: each ends in a page that says what to do and in an audit
// event that says what it was, never in a stack trace, in the provider's own words, or in a loop. The provider is made up,
// over real TLS; the gateway is a whole one.

import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { RogueIssuer, SigningKey } from '../support/identity-provider.ts';
import type { Scenario } from '../support/scenario.ts';
import { SESSION_COOKIE } from '../../src/browser-session/cookies.ts';
import { closeAll } from '../support/close-all.ts';
import { createSigningKey, signToken, startRogueIssuer } from '../support/identity-provider.ts';
import { eventually, startScenario } from '../support/scenario.ts';
import { createBrowser, hasSession, originOf } from './people.ts';

const CLIENT_ID = 'gateway-at-rogue';
const SECRET_WORDS = 'secret words of the provider';

let scenario: Scenario;
let issuer: RogueIssuer;
/** Its keys cannot be had. */
let keyless: RogueIssuer;
let key: SigningKey;

before(async () => {
  key = await createSigningKey('rogue-1');
  [issuer, keyless] = await Promise.all([startRogueIssuer(), startRogueIssuer()]);
  issuer.publish([key.jwk]);
  keyless.hideKeys();
  for (const one of [issuer, keyless]) {
    one.describe({
      issuer: one.url,
      jwks_uri: `${one.url}/keys`,
      authorization_endpoint: `${one.url}/authorize`,
      token_endpoint: `${one.url}/token`,
      authorization_response_iss_parameter_supported: true,
      id_token_signing_alg_values_supported: ['ES256'],
    });
  }
  scenario = await startScenario();
  await addProviders(scenario, { rogue: issuer, keyless });
});
after(() => closeAll(scenario, issuer, keyless));

async function addProviders(
  scenario: Scenario,
  rogues: Readonly<Record<string, RogueIssuer>>,
): Promise<void> {
  const { environment, gateway } = scenario;
  const change = async (name: string, how: (text: string) => string): Promise<void> => {
    const file = join(environment.directory, name);
    await writeFile(file, how(await readFile(file, 'utf8')), { mode: 0o600 });
  };
  await change('authentication.yaml', (yaml) =>
    Object.values(rogues).reduce(
      (text, { url, certificateAuthority }) => `${text}  - issuer:
      url: ${url}
      audiences: [${CLIENT_ID}]
      certificateAuthority: ${JSON.stringify(certificateAuthority)}
    claimMappings: { username: { claim: sub, prefix: "rogue:" } }
`,
      yaml,
    ),
  );
  const providers = Object.entries(rogues).map(
    ([name, { url }]) => `    - { name: ${name}, issuer: "${url}", clientID: ${CLIENT_ID} }\n`,
  );
  await change('gateway.yaml', (yaml) =>
    yaml.replace('\n  providers:\n', `\n  providers:\n${providers.join('')}`),
  );
  gateway.signal('SIGHUP');
  await eventually('the reload', async () =>
    (await scenario.gatewayLog()).includes('configuration reloaded') ? true : undefined,
  );
}

/** A browser that was sent to the provider, and what the provider was told. */
async function begin(name = 'rogue') {
  const browser = createBrowser(scenario);
  const sent = await browser.open(`${originOf(scenario)}/-/login/${name}`, { site: 'same-origin' });
  assert.equal(sent.status, 303, sent.body);
  const asked = new URL(sent.headers['location'] ?? '').searchParams;
  const comeBack = (query: Readonly<Record<string, string>>) => {
    const iss = name === 'rogue' ? issuer.url : keyless.url;
    const search = new URLSearchParams({ state: asked.get('state') ?? '', iss, ...query });
    return browser.open(`${originOf(scenario)}/-/callback/${name}?${search.toString()}`, {
      site: 'cross-site',
    });
  };
  return { browser, nonce: asked.get('nonce') ?? '', comeBack };
}

type Answer = Awaited<ReturnType<Awaited<ReturnType<typeof begin>>['comeBack']>>;

/** The page, the event and the log of a sign-in that came to nothing. */
async function assertFailed(
  answer: Answer,
  { status, title, problem }: { status: number; title: RegExp; problem: string },
): Promise<void> {
  assert.equal(answer.status, status, answer.body);
  assert.match(answer.body, title);
  assert.match(answer.body, /<a class="button" href="\/-\/login\?choose/, 'it says where to go on');
  assert.doesNotMatch(answer.body, /http-equiv="refresh"/, 'it does not go on by itself');
  assert.doesNotMatch(answer.body, /secret words|\.ts:\d|node:internal/);
  const auditId = answer.headers['audit-id'];
  const event = await eventually('the event', async () =>
    (await scenario.auditEvents()).find(
      ({ auditID, stage }) => auditID === auditId && stage === 'ResponseComplete',
    ),
  );
  assert.equal(event.responseStatus?.code, status);
  assert.equal(event.annotations?.['kubelet-gateway.io/login-problem'], problem);
  assert.ok(!(await scenario.gatewayLog()).includes(SECRET_WORDS));
}

describe('a token endpoint that gives no tokens', () => {
  const refusal = (status: number, error: string) => ({
    status,
    body: { error, error_description: SECRET_WORDS },
  });
  const unavailable = { status: 503, title: /cannot be reached/, problem: 'unavailable' };
  const misconfigured = { status: 500, title: /not set up right/, problem: 'misconfigured' };
  for (const [what, granted, ending] of [
    [
      'invalid_grant',
      refusal(400, 'invalid_grant'),
      { status: 400, title: /no longer good/, problem: 'expired' },
    ],
    ['invalid_client', refusal(401, 'invalid_client'), misconfigured],
    ['unauthorized_client', refusal(400, 'unauthorized_client'), misconfigured],
    ['temporarily_unavailable', refusal(400, 'temporarily_unavailable'), unavailable],
    ['server_error with 500', refusal(500, 'server_error'), unavailable],
    ['a page with 502', { status: 502, body: `<h1>${SECRET_WORDS}</h1>` }, unavailable],
    ['a page with 200', { status: 200, body: `<h1>${SECRET_WORDS}</h1>` }, unavailable],
    ['a page with 400', { status: 400, body: `<h1>${SECRET_WORDS}</h1>` }, misconfigured],
    ['a page with 401', { status: 401, body: `<h1>${SECRET_WORDS}</h1>` }, misconfigured],
    ['a page with 404', { status: 404, body: `<h1>${SECRET_WORDS}</h1>` }, unavailable],
    ['nothing', undefined, unavailable],
  ] as const) {
    it(`${what}: ${ending.problem}`, async () => {
      issuer.grant(granted);
      const { browser, comeBack } = await begin();
      await assertFailed(await comeBack({ code: 'x' }), ending);
      assert.equal(hasSession(browser), false);
    });
  }
});

describe('a provider that does not answer without a person', () => {
  for (const error of ['login_required', 'invalid_request', 'access_denied', 'unknown_to_everybody']) {
    it(`asks the person, and sends nobody around in circles: ${error}`, async () => {
      const { browser, nonce, comeBack } = await begin();
      const at = Math.floor(Date.now() / 1000);
      // Over in a moment, and no refresh token beside it.
      const claims = { iss: issuer.url, aud: CLIENT_ID, sub: 'eve', iat: at - 100, exp: at + 2, nonce };
      issuer.grant({ status: 200, body: tokens(await signToken(key, claims)) });
      assert.equal((await comeBack({ code: 'x' })).status, 200);
      await eventually('the end of the ID token', () => (Date.now() > (at + 3) * 1000 ? true : undefined));
      browser.cookies('localhost').delete(`${SESSION_COOKIE}-attempt`);
      const sent = await browser.open(`${originOf(scenario)}/-/login`);
      const asked = new URL(sent.headers['location'] ?? '').searchParams;
      assert.equal(asked.get('prompt'), 'none');
      const back = new URLSearchParams({ error, state: asked.get('state') ?? '', iss: issuer.url });
      const answer = await browser.follow(`${originOf(scenario)}/-/callback/rogue?${back.toString()}`, {
        site: 'cross-site',
      });
      assert.equal(answer.status, 200, answer.body);
      assert.match(answer.body, /Choose who knows you/);
    });
  }
});

describe('an ID token that does not hold', () => {
  const now = (): number => Math.floor(Date.now() / 1000);
  const refused = { status: 403, title: /could not be trusted/, problem: 'refused' };
  const clock = { status: 500, title: /A clock is wrong/, problem: 'clock' };
  const unsigned = (claims: object): string =>
    [{ alg: 'none' }, claims]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .concat('')
      .join('.');
  for (const [what, changed, ending] of [
    ['another nonce', { nonce: 'n'.repeat(43) }, refused],
    ['no nonce', { nonce: undefined }, refused],
    ['another audience', { aud: 'somebody-else' }, refused],
    ['another issuer', { iss: 'https://evil.example' }, refused],
    ['expired at birth', { iat: now() - 7_200, exp: now() - 3_600 }, clock],
    ['from the future (iat)', { iat: now() + 3_600, exp: now() + 7_200 }, clock],
    ['from the future (nbf)', { nbf: now() + 3_600, exp: now() + 7_200 }, clock],
  ] as const) {
    it(`${what}: ${ending.problem}`, async () => {
      const { browser, nonce, comeBack } = await begin();
      const claims = {
        ...{ iss: issuer.url, aud: CLIENT_ID, sub: 'eve', iat: now(), exp: now() + 3_600, nonce },
        ...changed,
      };
      issuer.grant({ status: 200, body: tokens(await signToken(key, claims)) });
      await assertFailed(await comeBack({ code: 'x' }), ending);
      assert.equal(hasSession(browser), false);
    });
  }

  it('without a signature (alg none): refused', async () => {
    const { browser, nonce, comeBack } = await begin();
    const claims = { iss: issuer.url, aud: CLIENT_ID, sub: 'eve', iat: now(), exp: now() + 3_600, nonce };
    issuer.grant({ status: 200, body: tokens(unsigned(claims)) });
    await assertFailed(await comeBack({ code: 'x' }), refused);
    assert.equal(hasSession(browser), false);
  });

  it('of another key: not accepted, and one that holds is', async () => {
    const other = await createSigningKey('rogue-1');
    const claims = { iss: issuer.url, aud: CLIENT_ID, sub: 'eve', iat: now(), exp: now() + 3_600 };
    const forged = await begin();
    issuer.grant({
      status: 200,
      body: tokens(await signToken(other, { ...claims, nonce: forged.nonce })),
    });
    await assertFailed(await forged.comeBack({ code: 'x' }), {
      ...{ status: 403, title: /This account is not let in/, problem: 'notAccepted' },
    });
    const right = await begin();
    issuer.grant({ status: 200, body: tokens(await signToken(key, { ...claims, nonce: right.nonce })) });
    const answer = await right.comeBack({ code: 'x' });
    assert.equal(answer.status, 200);
    assert.match(answer.body, /You are signed in[^]*rogue:eve/);
    assert.equal(hasSession(right.browser), true);
  });

  it('whose keys cannot be had: unavailable', async () => {
    const { browser, nonce, comeBack } = await begin('keyless');
    const claims = { iss: keyless.url, aud: CLIENT_ID, sub: 'eve', iat: now(), exp: now() + 3_600, nonce };
    keyless.grant({ status: 200, body: tokens(await signToken(key, claims)) });
    await assertFailed(await comeBack({ code: 'x' }), {
      ...{ status: 503, title: /cannot be reached/, problem: 'unavailable' },
    });
    assert.ok(keyless.hits.keys > 0);
    assert.equal(hasSession(browser), false);
  });
});

describe('an answer of another provider than the one that was asked (RFC 9207)', () => {
  it('is refused, and the code is shown to nobody', async () => {
    issuer.grant(undefined);
    const { comeBack } = await begin();
    await assertFailed(await comeBack({ code: 'x', iss: 'https://evil.example' }), {
      ...{ status: 403, title: /could not be trusted/, problem: 'refused' },
    });
  });
});

const tokens = (idToken: string) => ({ access_token: 'a', token_type: 'Bearer', id_token: idToken });
