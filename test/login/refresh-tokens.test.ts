// Refresh tokens that are not needed any more: given back to the provider, the newest of a session, and none that takes the
// tokens of another with it. At a real OpenID provider, which revokes a whole grant with one of its tokens (RFC 7009 §2.1).

import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import type { Scenario } from '../support/scenario.ts';
import type { WebClient } from '../support/web-client.ts';
import { closeAll } from '../support/close-all.ts';
import { eventually, startScenario } from '../support/scenario.ts';
import { createBrowser, hastenSession, originOf, readSession, signIn } from './people.ts';

const METRICS = '/nodes/node-1/metrics';

let scenario: Scenario;
let origin: string;
before(async () => {
  scenario = await startScenario();
  origin = originOf(scenario);
});
after(() => closeAll(scenario));

const isBack = (token: string | undefined): boolean =>
  token !== undefined && scenario.environment.handedBack().includes(token);

/** A use of the session that renews it. */
async function renew(browser: WebClient) {
  const before = scenario.environment.renewals();
  await hastenSession(scenario, browser);
  assert.equal((await browser.open(`${origin}${METRICS}`)).status, 200);
  assert.equal(scenario.environment.renewals(), before + 1);
  return readSession(scenario, browser);
}

const signOut = async (browser: WebClient): Promise<void> => {
  const answer = await browser.open(`${origin}/-/logout`, { form: {}, site: 'same-origin' });
  assert.equal(answer.status, 200);
};

it('signing out gives back the newest, and no other', async () => {
  const { browser } = await signIn(scenario, 'alice');
  const first = await readSession(scenario, browser);
  const { refreshToken } = await renew(browser);
  assert.notEqual(refreshToken, first.refreshToken);
  await signOut(browser);
  await eventually('the token', () => (isBack(refreshToken) ? true : undefined));
  assert.ok(!isBack(first.refreshToken), 'that would have been a second use of it');
});

it('signing out with the cookie of before a renewal gives back what the renewal has brought', async () => {
  const { browser } = await signIn(scenario, 'alice');
  await hastenSession(scenario, browser);
  const old = createBrowser(scenario);
  for (const [name, value] of browser.cookies('localhost')) old.cookies('localhost').set(name, value);
  assert.equal((await browser.open(`${origin}${METRICS}`)).status, 200);
  const { refreshToken } = await readSession(scenario, browser);
  await signOut(old);
  await eventually('the token', () => (isBack(refreshToken) ? true : undefined));
});

it('signing out whose session is renewed by that gives back the token that it has then', async () => {
  const { browser } = await signIn(scenario, 'alice');
  const { refreshToken } = await readSession(scenario, browser);
  await hastenSession(scenario, browser);
  const count = scenario.environment.handedBack().length;
  await signOut(browser);
  await eventually('a token', () => scenario.environment.handedBack().length > count || undefined);
  assert.ok(!isBack(refreshToken));
});

it('signing in again at the same provider leaves the new session one that can be renewed', async () => {
  const { browser } = await signIn(scenario, 'alice');
  const first = await readSession(scenario, browser);
  const again = await browser.follow(`${origin}/-/login/demo?return=%2F-%2Fhome`, { site: 'same-origin' });
  assert.equal(again.url.pathname, '/-/home', again.hops.map(String).join(' '));
  const second = await readSession(scenario, browser);
  assert.notEqual(second.id, first.id);
  const renewed = await renew(browser);
  assert.equal(renewed.id, second.id);
  assert.ok(!isBack(first.refreshToken), 'the grant of both would have ended with it');
  await signOut(browser);
  await eventually('the token', () => (isBack(renewed.refreshToken) ? true : undefined));
});

it('signing in as somebody else gives back the token of who was there', async () => {
  const { browser } = await signIn(scenario, 'alice');
  const { refreshToken } = await readSession(scenario, browser);
  // Nobody knows them any more at the provider.
  browser.cookies('127.0.0.1').clear();
  const asked = await browser.follow(`${origin}/-/login/demo?return=%2F-%2Fhome`, { site: 'same-origin' });
  await browser.follow(asked.url, { form: { login: 'bob' }, site: 'same-origin' });
  const { subject } = await readSession(scenario, browser);
  assert.equal(subject, 'bob');
  await eventually('the token', () => (isBack(refreshToken) ? true : undefined));
  await renew(browser);
});
