// Sessions that outlive their ID tokens, with a provider that takes each refresh token once; several providers, one of
// which is away; keys that change while people are signed in.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Scenario } from '../support/scenario.ts';
import { SESSION_COOKIE } from '../../src/browser-session/cookies.ts';
import { closeAll } from '../support/close-all.ts';
import { eventually, startScenario } from '../support/scenario.ts';
import { RawClient, WEBSOCKET } from '../support/raw-client.ts';
import type { WebClient } from '../support/web-client.ts';
import { cookieLine, createBrowser, hasSession, originOf, readSession, signIn } from './people.ts';

const METRICS = '/nodes/node-1/metrics';

describe('an ID token that is over in a moment', () => {
  let scenario: Scenario;
  let origin: string;
  before(async () => {
    // Tokens are renewed half a minute before their end.
    scenario = await startScenario({ idTokenSeconds: 31 });
    origin = originOf(scenario);
  });
  after(() => closeAll(scenario));

  it('is renewed once for all that a page asks at once, and nobody notices', async () => {
    const { browser } = await signIn(scenario, 'alice', { path: METRICS });
    const first = await readSession(scenario, browser);
    // The old cookie, as it is in requests that are on their way already.
    const old = createBrowser(scenario);
    const before = [...browser.cookies('localhost')];
    const restore = (): void => {
      for (const [name, value] of before) old.cookies('localhost').set(name, value);
    };
    restore();
    const renewed = await eventually('another token', async () => {
      restore();
      const answers = await Promise.all([1, 2, 3, 4, 5].map(() => old.open(`${origin}${METRICS}`)));
      assert.deepEqual(
        answers.map(({ status }) => status),
        [200, 200, 200, 200, 200],
      );
      const session = await readSession(scenario, old);
      return session.idToken === first.idToken ? undefined : session;
    });
    assert.equal(renewed.id, first.id);
    assert.notEqual(renewed.refreshToken, first.refreshToken);
    assert.ok(renewed.tokenExpiresAt > first.tokenExpiresAt);
    // A request that comes late with the old cookie does not look like theft to the provider.
    assert.equal((await browser.open(`${origin}${METRICS}`)).status, 200);
    assert.equal((await old.open(`${origin}${METRICS}`)).status, 200);
  });
});

describe('a stream in a session whose tokens are over in a moment', () => {
  let scenario: Scenario;
  let origin: string;
  before(async () => {
    scenario = await startScenario({
      idTokenSeconds: 4,
      configure: (yaml) => `${yaml}sessions: { credentialExpiryGrace: 0s }\n`,
    });
    origin = originOf(scenario);
  });
  after(() => closeAll(scenario));

  const EXEC = '/nodes/node-1/exec/default/shell/shell?command=cat&input=1&output=1';
  const openStream = async (browser: WebClient) => {
    const client = await RawClient.open(scenario);
    const host = `Host: localhost:${scenario.environment.port}`;
    const lines = [host, cookieLine(browser), ...WEBSOCKET, `Origin: ${origin}`];
    client.send([`GET ${EXEC} HTTP/1.1`, ...lines, '', ''].join('\r\n'));
    return { client, answer: await client.readHead() };
  };
  const endOf = (auditId: string | undefined) =>
    eventually('the event of the stream', async () => {
      const events = await scenario.auditEvents();
      const one = events.find(({ auditID, stage }) => auditID === auditId && stage === 'ResponseComplete');
      return one?.annotations?.['kubelet-gateway.io/end-reason'];
    });

  it('ends with its token when nothing is heard of the session', async () => {
    const { browser } = await signIn(scenario, 'alice', { path: METRICS });
    const { client, answer } = await openStream(browser);
    assert.equal(answer.code, 101);
    await client.closed;
    assert.equal(await endOf(answer.headers.get('audit-id')), 'credentialExpired');
  });

  it('goes on while the session is renewed, and ends at once when the person signs out', async () => {
    const { browser } = await signIn(scenario, 'alice', { path: METRICS });
    const { client, answer } = await openStream(browser);
    assert.equal(answer.code, 101);
    const overAt = Date.now() + 4_000;
    await eventually('a time after the end of its token', async () => {
      assert.equal((await browser.open(`${origin}${METRICS}`)).status, 200);
      return Date.now() > overAt + 1_000 ? true : undefined;
    });
    assert.equal(client.socket.destroyed, false);
    const sent = client.received.length;
    // Channel 0 of v4.channel.k8s.io, masked with zeros: stdin.
    client.send(Buffer.concat([Buffer.from([0x82, 0x83, 0, 0, 0, 0, 0]), Buffer.from('a\n')]));
    await client.until((bytes) => bytes.includes('a\n', sent));
    await browser.open(`${origin}/-/logout`, { form: {}, site: 'same-origin' });
    await client.closed;
    assert.equal(await endOf(answer.headers.get('audit-id')), 'signedOut');
  });

  it('is where a session may be renewed too: the 101 brings the cookie, which the next request needs', async () => {
    const { browser } = await signIn(scenario, 'alice', { path: METRICS });
    const before = await readSession(scenario, browser);
    const { client, answer } = await openStream(browser);
    const [first = ''] = (answer.headers.get('set-cookie') ?? '').split(';');
    const at = first.indexOf('=');
    assert.equal(first.slice(0, at), SESSION_COOKIE);
    browser.cookies('localhost').set(SESSION_COOKIE, first.slice(at + 1));
    const after = await readSession(scenario, browser);
    assert.notEqual(after.refreshToken, before.refreshToken);
    assert.equal(after.id, before.id);
    client.destroy();
    const refused = await RawClient.open(scenario);
    const nowhere = EXEC.replace('/shell/shell', '/nothing/shell');
    const lines = [`Host: localhost:${scenario.environment.port}`, cookieLine(browser), ...WEBSOCKET];
    refused.send([`GET ${nowhere} HTTP/1.1`, ...lines, `Origin: ${origin}`, '', ''].join('\r\n'));
    const answered = await refused.readHead();
    assert.equal(answered.code, 404);
    assert.match(answered.headers.get('set-cookie') ?? '', /^__Host-kubelet-gateway=1\./);
    refused.destroy();
  });
});

describe('several gateways without a store', () => {
  let scenario: Scenario;
  let origin: string;
  before(async () => {
    scenario = await startScenario({
      idTokenSeconds: 2,
      configure: (yaml) => yaml.replace('\nlogin:\n', '\nlogin:\n  replicas: several\n'),
    });
    origin = originOf(scenario);
  });
  after(() => closeAll(scenario));

  it('keep no refresh token that is good once, and ask the provider silently instead', async () => {
    const { browser } = await signIn(scenario, 'alice', { path: METRICS });
    assert.equal((await readSession(scenario, browser)).refreshToken, undefined);
    browser.cookies('localhost').delete(`${SESSION_COOKIE}-attempt`);
    const answer = await eventually('the end of the token', async () => {
      const asked = await browser.open(`${origin}${METRICS}`);
      return asked.status === 303 ? asked : undefined;
    });
    const back = await browser.follow(new URL(answer.headers['location'] ?? '', origin));
    assert.equal(back.url.pathname, METRICS, back.hops.map(String).join(' '));
    assert.ok(back.hops.some((hop) => hop.searchParams.get('prompt') === 'none'));
    assert.ok(!back.hops.some(({ pathname }) => pathname.startsWith('/interaction/')), 'nobody was asked');
  });

  it('ask the person when the provider does not know them any more, and only once by themselves', async () => {
    const { browser } = await signIn(scenario, 'alice', { path: METRICS });
    browser.cookies('localhost').delete(`${SESSION_COOKIE}-attempt`);
    browser.cookies('127.0.0.1').clear();
    await eventually('the end of the token', async () =>
      (await browser.open(`${origin}${METRICS}`)).status === 303 ? true : undefined,
    );
    const answer = await browser.follow(`${origin}${METRICS}`);
    assert.equal(answer.url.pathname, '/-/login');
    assert.match(answer.body, /href="\/-\/login\/demo\?return=%2Fnodes%2Fnode-1%2Fmetrics"/);
  });
});

describe('a gateway whose configuration changes', () => {
  let scenario: Scenario;
  let origin: string;
  before(async () => {
    scenario = await startScenario();
    origin = originOf(scenario);
  });
  after(() => closeAll(scenario));

  const change = async (name: string, how: (text: string) => string): Promise<void> => {
    const file = join(scenario.environment.directory, name);
    await writeFile(file, how(await readFile(file, 'utf8')), { mode: 0o600 });
  };
  let reloads = 0;
  const reload = async (): Promise<void> => {
    reloads++;
    scenario.gateway.signal('SIGHUP');
    await eventually('the reload', async () => {
      const done = (await scenario.gatewayLog()).split('configuration reloaded').length - 1;
      return done >= reloads ? true : undefined;
    });
    reloads = (await scenario.gatewayLog()).split('configuration reloaded').length - 1;
  };

  it('knows sessions of an old key until that is gone, and those who were signed out stay out', async () => {
    const { browser } = await signIn(scenario, 'alice');
    const left = await signIn(scenario, 'bob');
    const copy = [...left.browser.cookies('localhost')];
    await left.browser.open(`${origin}/-/logout`, { form: {}, site: 'same-origin' });
    await writeFile(join(scenario.environment.directory, 'new.key'), randomBytes(32).toString('base64'));
    await change('gateway.yaml', (yaml) =>
      yaml.replace('cookieKeyFiles: [cookie.key]', 'cookieKeyFiles: [new.key, cookie.key]'),
    );
    await reload();
    assert.equal((await browser.open(`${origin}${METRICS}`)).status, 200);
    const thief = createBrowser(scenario);
    for (const [name, value] of copy) thief.cookies('localhost').set(name, value);
    assert.equal((await thief.open(`${origin}${METRICS}`)).status, 303);
    const later = await signIn(scenario, 'alice');
    await assert.rejects(readSession(scenario, later.browser), /no session/, 'it is sealed with the new key');
    await change('gateway.yaml', (yaml) => yaml.replace('[new.key, cookie.key]', '[new.key]'));
    await reload();
    assert.equal((await browser.open(`${origin}${METRICS}`)).status, 303);
    assert.equal(hasSession(browser), false);
    assert.equal((await later.browser.open(`${origin}${METRICS}`)).status, 200);
  });

  it('refuses to be without its key', async () => {
    await change('new.key', () => 'short');
    scenario.gateway.signal('SIGHUP');
    await eventually('the refusal', async () =>
      (await scenario.gatewayLog()).includes('must hold base64 of at least 32 random bytes')
        ? true
        : undefined,
    );
    const { browser } = await signIn(scenario, 'alice');
    assert.equal((await browser.open(`${origin}${METRICS}`)).status, 200, 'the last good one stays');
    await change('new.key', () => randomBytes(32).toString('base64'));
    await reload();
  });

  it('lets people choose between providers, and says so when one is away', async () => {
    await change('gateway.yaml', (yaml) =>
      yaml.replace(
        '\n  providers:\n',
        '\n  providers:\n    - { name: away, displayName: "<b>Away & gone</b>", issuer: "https://127.0.0.1:1", clientID: kubelet-gateway }\n',
      ),
    );
    await change(
      'authentication.yaml',
      (yaml) => `${yaml}  - issuer: { url: "https://127.0.0.1:1", audiences: [kubelet-gateway] }
    claimMappings: { username: { claim: sub, prefix: "away:" } }
`,
    );
    await reload();
    const browser = createBrowser(scenario);
    const chooser = await browser.follow(`${origin}${METRICS}`);
    assert.equal(chooser.url.pathname, '/-/login');
    assert.match(chooser.body, /&lt;b&gt;Away &amp; gone&lt;\/b&gt;/);
    assert.match(chooser.body, /Demo identity provider/);
    const away = await browser.open(`${origin}/-/login/away?return=%2F`, { site: 'same-origin' });
    assert.equal(away.status, 503);
    assert.match(away.body, /cannot be reached/);
    assert.doesNotMatch(away.body, /ECONNREFUSED|127\.0\.0\.1:1\b/);
    const asked = await browser.follow(`${origin}/-/login/demo?return=%2F-%2Fhome`, { site: 'same-origin' });
    assert.match(asked.body, /Who are you/);
  });
});
