// People in browsers, for tests: they sign in at the demo's provider, and what their cookies hold can be looked at.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DemoUser } from '../../demo/environment.ts';
import type { Session } from '../../src/browser-session/session.ts';
import type { Scenario } from '../support/scenario.ts';
import type { WebAnswer } from '../support/web-client.ts';
import { SESSION_COOKIE } from '../../src/browser-session/cookies.ts';
import { createSessionSealer } from '../../src/browser-session/session-cookie.ts';
import { Secret } from '../../src/core/secret.ts';
import { WebClient } from '../support/web-client.ts';

export const originOf = ({ environment }: Scenario): string => `https://localhost:${environment.port}`;

export const createBrowser = ({ environment }: Scenario): WebClient =>
  new WebClient(environment.certificateAuthority);

/** From an address of the gateway to the provider, and back again. `hops` are those after the person has chosen. */
export async function signIn(
  scenario: Scenario,
  user: DemoUser | '',
  { browser = createBrowser(scenario), path = '/-/home' }: { browser?: WebClient; path?: string } = {},
): Promise<{ readonly browser: WebClient; readonly answer: WebAnswer & { readonly hops: readonly URL[] } }> {
  const asked = await browser.follow(`${originOf(scenario)}${path}`);
  assert.match(asked.body, /Who are you\?/, asked.hops.map(String).join(' '));
  const answer = await browser.follow(asked.url, { form: { login: user }, site: 'same-origin' });
  return { browser, answer };
}

/** What the browser sends to the gateway. */
export const cookieLine = (browser: WebClient): string =>
  `Cookie: ${[...browser.cookies('localhost')].map(([name, value]) => `${name}=${value}`).join('; ')}`;

/** What the session's cookie holds, for those who have the key. */
export async function readSession({ environment }: Scenario, browser: WebClient): Promise<Session> {
  const key = new Secret(await readFile(join(environment.directory, 'cookie.key'), 'utf8'));
  const sealer = createSessionSealer([key], { idleMs: 1, absoluteMs: 1 });
  const session = await sealer.open(browser.cookies('localhost'));
  assert.ok(session !== undefined, 'the browser has no session');
  return session;
}

/** As if the session had not been used for so long. */
export const ageSession = (scenario: Scenario, browser: WebClient, ms: number): Promise<void> =>
  changeSession(scenario, browser, ({ seenAt }) => ({ seenAt: seenAt - ms }));

/** As if the ID token was over in a moment: the next use renews it. */
export const hastenSession = (scenario: Scenario, browser: WebClient): Promise<void> =>
  changeSession(scenario, browser, () => ({ tokenExpiresAt: Date.now() + 10_000 }));

async function changeSession(
  scenario: Scenario,
  browser: WebClient,
  change: (session: Session) => Partial<Session>,
): Promise<void> {
  const session = await readSession(scenario, browser);
  const key = new Secret(await readFile(join(scenario.environment.directory, 'cookie.key'), 'utf8'));
  const sealer = createSessionSealer([key], { idleMs: 3_600_000, absoluteMs: 3_600_000 });
  const jar = browser.cookies('localhost');
  for (const line of await sealer.set({ ...session, ...change(session) }, jar, Date.now())) {
    const [name = '', value = ''] = line.split(/[=;]/, 2);
    jar.set(name, value);
  }
}

export const hasSession = (browser: WebClient): boolean => browser.cookies('localhost').has(SESSION_COOKIE);
