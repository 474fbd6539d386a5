// What a page of another site makes a browser ask for uses nothing of its session: not the refresh token either. A provider
// takes that once, and the answer with the new one would be lost: whoever came next with the old one would be a thief.

import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import type { WebAnswer } from '../support/web-client.ts';
import type { Scenario } from '../support/scenario.ts';
import { closeAll } from '../support/close-all.ts';
import { eventually, startScenario } from '../support/scenario.ts';
import { RawClient, WEBSOCKET } from '../support/raw-client.ts';
import { cookieLine, originOf, readSession, signIn } from '../login/people.ts';

const METRICS = '/nodes/node-1/metrics';
const EXEC = '/nodes/node-1/exec/default/shell/shell?command=id&output=1';
const EVIL = 'https://evil.example';

let scenario: Scenario;
let origin: string;
before(async () => {
  scenario = await startScenario({ idTokenSeconds: 3 });
  origin = originOf(scenario);
});
after(() => closeAll(scenario));

/** Somebody whose ID token is over, and whose refresh token was not used yet. */
async function signedIn() {
  const { browser } = await signIn(scenario, 'alice', { path: METRICS });
  const session = await readSession(scenario, browser);
  assert.ok(session.refreshToken !== undefined);
  await eventually('the end of the ID token', () =>
    Date.now() > session.tokenExpiresAt + 500 ? true : undefined,
  );
  return { browser, session };
}

type Browser = Awaited<ReturnType<typeof signedIn>>['browser'];

const code = ({ status }: WebAnswer): number => status;

/** By an image, a script, a form, a link or a socket of another site, and by what does not say where it comes from. */
const ATTACKS: Readonly<Record<string, (browser: Browser) => Promise<number>>> = {
  'an image': async (browser) =>
    code(
      await browser.open(`${origin}${METRICS}`, {
        site: 'cross-site',
        headers: { 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image', accept: 'image/*' },
      }),
    ),
  'a script of a neighbour': async (browser) =>
    code(
      await browser.open(`${origin}${METRICS}`, {
        site: 'same-site',
        headers: { 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty', origin: 'https://a.localhost' },
      }),
    ),
  'a form': async (browser) =>
    code(
      await browser.open(`${origin}/nodes/node-1/run/default/shell/shell?cmd=id`, {
        form: {},
        site: 'cross-site',
        headers: { origin: EVIL },
      }),
    ),
  'a link': async (browser) => code(await browser.open(`${origin}${METRICS}`, { site: 'cross-site' })),
  'a link that is followed': async (browser) =>
    code(
      await browser.open(`${origin}/-/login?return=${encodeURIComponent(METRICS)}`, { site: 'cross-site' }),
    ),
  'a link to a page': async (browser) => code(await browser.open(`${origin}/-/home`, { site: 'cross-site' })),
  'a script that asks who it is': async (browser) =>
    code(
      await browser.open(`${origin}/-/whoami`, {
        site: 'cross-site',
        headers: { 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty', accept: 'application/json' },
      }),
    ),
  'a form that ends something': async (browser) =>
    code(
      await browser.open(`${origin}/-/sessions/end`, {
        form: { id: 'x' },
        site: 'cross-site',
        headers: { origin: EVIL },
      }),
    ),
  'a form that signs out': async (browser) =>
    code(
      await browser.open(`${origin}/-/logout`, { form: {}, site: 'cross-site', headers: { origin: EVIL } }),
    ),
  'a socket': async (browser) => {
    const client = await RawClient.open(scenario);
    const host = `Host: localhost:${scenario.environment.port}`;
    const lines = [host, cookieLine(browser), ...WEBSOCKET, `Origin: ${EVIL}`];
    client.send([`GET ${EXEC} HTTP/1.1`, ...lines, '', ''].join('\r\n'));
    const answer = await client.readHead();
    client.destroy();
    return answer.code;
  },
  'what does not say': async (browser) => {
    const client = await RawClient.open(scenario);
    const lines = [`Host: localhost:${scenario.environment.port}`, cookieLine(browser)];
    client.send([`GET ${METRICS} HTTP/1.1`, ...lines, '', ''].join('\r\n'));
    const answer = await client.readHead();
    client.destroy();
    return answer.code;
  },
};

it('nothing of another site renews a session, or ends it', async () => {
  const { browser, session } = await signedIn();
  const before = scenario.environment.renewals();
  for (const [what, attack] of Object.entries(ATTACKS)) {
    const status = await attack(browser);
    // A page that asks for a click, and no more.
    const isLink = what === 'a link that is followed' || what === 'a link to a page';
    assert.ok(![101, 200].includes(status) || isLink, `${what}: ${status}`);
    assert.equal(scenario.environment.renewals(), before, what);
  }
  assert.equal((await readSession(scenario, browser)).refreshToken, session.refreshToken);
  // The person's own use is what renews it, and it is the session of before.
  assert.equal((await browser.open(`${origin}${METRICS}`)).status, 200);
  assert.equal(scenario.environment.renewals(), before + 1);
  assert.equal((await readSession(scenario, browser)).id, session.id);
});

it('a link of another site is opened with a click, which renews it', async () => {
  const { browser, session } = await signedIn();
  const before = scenario.environment.renewals();
  const asked = await browser.follow(`${origin}${METRICS}`, { site: 'cross-site' });
  assert.equal(asked.url.pathname, '/-/login');
  assert.match(asked.body, /Another site has sent you to this page/);
  assert.equal(scenario.environment.renewals(), before);
  const opened = await browser.open(`${origin}${METRICS}`, { site: 'same-origin' });
  assert.equal(opened.status, 200);
  assert.equal((await readSession(scenario, browser)).id, session.id);
});
