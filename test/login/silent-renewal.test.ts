// Sessions without a refresh token go to the provider and back without a question (prompt=none). What runs in them goes on
// where the provider says that it is the very sign-in that it was, and ends where it does not.

import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import type { Scenario } from '../support/scenario.ts';
import type { WebClient } from '../support/web-client.ts';
import { SESSION_COOKIE } from '../../src/browser-session/cookies.ts';
import { closeAll } from '../support/close-all.ts';
import { RawClient, WEBSOCKET } from '../support/raw-client.ts';
import { eventually, startScenario } from '../support/scenario.ts';
import { cookieLine, createBrowser, originOf, readSession, signIn } from './people.ts';

const METRICS = '/nodes/node-1/metrics';
const EXEC = '/nodes/node-1/exec/default/shell/shell?command=cat&input=1&output=1';
const TOKEN_MS = 4_000;
const GRACE_MS = 3_000;

let scenario: Scenario;
let origin: string;
before(async () => {
  scenario = await startScenario({
    idTokenSeconds: TOKEN_MS / 1000,
    configure: (yaml) =>
      `${yaml.replace('\nlogin:\n', '\nlogin:\n  replicas: several\n')}sessions: { credentialExpiryGrace: ${GRACE_MS / 1000}s }\n`,
  });
  origin = originOf(scenario);
});
after(() => closeAll(scenario));

/** Somebody who has signed in, and runs something. */
async function begin() {
  const { browser } = await signIn(scenario, 'alice', { path: METRICS });
  const session = await readSession(scenario, browser);
  assert.ok(session.sid !== undefined && session.refreshToken === undefined);
  const client = await RawClient.open(scenario);
  const host = `Host: localhost:${scenario.environment.port}`;
  const lines = [host, cookieLine(browser), ...WEBSOCKET, `Origin: ${origin}`];
  client.send([`GET ${EXEC} HTTP/1.1`, ...lines, '', ''].join('\r\n'));
  const answer = await client.readHead();
  assert.equal(answer.code, 101);
  return { browser, session, client, auditId: answer.headers.get('audit-id') };
}

/** Opens an address after the end of the ID token: to the provider, which is told for whom, and back. */
async function comeBack(browser: WebClient) {
  const { tokenExpiresAt, idToken } = await readSession(scenario, browser);
  await eventually('the end of the ID token', () => (Date.now() > tokenExpiresAt ? true : undefined));
  browser.cookies('localhost').delete(`${SESSION_COOKIE}-attempt`);
  const back = await browser.follow(`${origin}${METRICS}`);
  const asked = back.hops.find((hop) => hop.searchParams.get('prompt') === 'none');
  assert.equal(asked?.searchParams.get('id_token_hint'), idToken);
  return back;
}

async function goBack(browser: WebClient): Promise<void> {
  const back = await comeBack(browser);
  assert.equal(back.url.pathname, METRICS, back.hops.map(String).join(' '));
}

const endOf = (auditId: string | undefined): Promise<string | undefined> =>
  eventually('the event of the stream', async () => {
    const events = await scenario.auditEvents();
    const one = events.find(({ auditID, stage }) => auditID === auditId && stage === 'ResponseComplete');
    return one?.annotations?.['kubelet-gateway.io/end-reason'];
  });

/** As if the person had signed in at the provider anew, in another way than by the gateway. */
async function signInElsewhere(browser: WebClient, user: 'alice' | 'bob'): Promise<void> {
  const other = await signIn(scenario, user);
  const jar = browser.cookies('127.0.0.1');
  jar.clear();
  for (const [name, value] of other.browser.cookies('127.0.0.1')) jar.set(name, value);
}

it('the same sign-in is the same session, and what runs in it goes on until the person signs out', async () => {
  const { browser, session, client, auditId } = await begin();
  const overAt = session.tokenExpiresAt + GRACE_MS;
  while (Date.now() < overAt + 1_000) await goBack(browser);
  const now = await readSession(scenario, browser);
  assert.deepEqual([now.id, now.sid, now.startedAt], [session.id, session.sid, session.startedAt]);
  assert.notEqual(now.idToken, session.idToken);
  assert.equal(client.socket.destroyed, false);
  const sent = client.received.length;
  client.send(Buffer.concat([Buffer.from([0x82, 0x83, 0, 0, 0, 0, 0]), Buffer.from('a\n')]));
  await client.until((bytes) => bytes.includes('a\n', sent));
  const events = await scenario.auditEvents();
  const renewals = events.filter(
    ({ annotations }) => annotations?.['kubelet-gateway.io/login'] === 'renewed by the provider',
  );
  assert.ok(renewals.length >= 1);
  await browser.open(`${origin}/-/logout`, { form: {}, site: 'same-origin' });
  await client.closed;
  assert.equal(await endOf(auditId), 'signedOut');
});

it('another sign-in of the same person is another session, and ends what runs', async () => {
  const { browser, session, client, auditId } = await begin();
  await signInElsewhere(browser, 'alice');
  await goBack(browser);
  await client.closed;
  assert.equal(await endOf(auditId), 'signedOut');
  const now = await readSession(scenario, browser);
  assert.notEqual(now.sid, session.sid);
  assert.notEqual(now.id, session.id);
});

it('nobody becomes another person without a question, and who says so ends what runs', async () => {
  const { browser, session, client, auditId } = await begin();
  await signInElsewhere(browser, 'bob');
  const asked = await comeBack(browser);
  assert.equal(asked.url.pathname, '/-/login', asked.hops.map(String).join(' '));
  assert.match(asked.body, /href="\/-\/login\/demo\?/);
  assert.equal((await readSession(scenario, browser)).subject, 'alice');
  await browser.follow(`${origin}/-/login/demo?return=${METRICS}`, { site: 'same-origin' });
  await client.closed;
  assert.equal(await endOf(auditId), 'signedOut');
  const now = await readSession(scenario, browser);
  assert.deepEqual([now.subject, now.id === session.id], ['bob', false]);
});

it('a session that is signed out on the way comes back as another one', async () => {
  const { browser, session, client, auditId } = await begin();
  await eventually('the end of the ID token', () => (Date.now() > session.tokenExpiresAt ? true : undefined));
  browser.cookies('localhost').delete(`${SESSION_COOKIE}-attempt`);
  const refused = await browser.open(`${origin}${METRICS}`);
  const sent = await browser.open(new URL(refused.headers['location'] ?? '', origin));
  const provider = new URL(sent.headers['location'] ?? '');
  assert.equal(provider.searchParams.get('prompt'), 'none');
  // In another window, with the same cookie, at the gateway alone.
  const other = createBrowser(scenario);
  for (const [name, value] of browser.cookies('localhost')) other.cookies('localhost').set(name, value);
  await other.open(`${origin}/-/logout`, { form: {}, site: 'same-origin' });
  await client.closed;
  assert.equal(await endOf(auditId), 'signedOut');
  await browser.follow(provider, { site: 'cross-site' });
  const now = await readSession(scenario, browser);
  assert.deepEqual([now.sid === session.sid, now.id === session.id], [true, false]);
});
