// A watch of the fleet that a page of a browser has opened, with the cookie of its session: a plain GET that lasts. It lives
// as long as the session does, and no page of another site has one.

import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import type { Scenario } from '../support/scenario.ts';
import type { WebClient } from '../support/web-client.ts';
import { closeAll } from '../support/close-all.ts';
import { RawClient } from '../support/raw-client.ts';
import { eventually, startScenario } from '../support/scenario.ts';
import { cookieLine, originOf, signIn } from './people.ts';

const METRICS = '/nodes/node-1/metrics';
const WATCH = '/api/v1/namespaces/kube-system/pods?watch=true&resourceVersion=0';
const TOKEN_MS = 4_000;

let scenario: Scenario;
let origin: string;
before(async () => {
  scenario = await startScenario({
    idTokenSeconds: TOKEN_MS / 1000,
    configure: (yaml) => `${yaml}sessions: { credentialExpiryGrace: 0s }\n`,
  });
  origin = originOf(scenario);
});
after(() => closeAll(scenario));

/** As a script of a page asks, by fetch. */
async function open(browser: WebClient, site: string | undefined) {
  const client = await RawClient.open(scenario);
  const lines = [
    ...[`GET ${WATCH} HTTP/1.1`, `Host: localhost:${scenario.environment.port}`, cookieLine(browser)],
    ...['Accept: application/json', 'Sec-Fetch-Mode: cors', 'Sec-Fetch-Dest: empty'],
    ...(site === undefined ? [] : [`Sec-Fetch-Site: ${site}`]),
  ];
  client.send([...lines, '', ''].join('\r\n'));
  return { client, answer: await client.readHead() };
}

const endOf = (auditId: string | undefined): Promise<string | undefined> =>
  eventually('the event of the watch', async () => {
    const events = await scenario.auditEvents();
    const one = events.find(({ auditID, stage }) => auditID === auditId && stage === 'ResponseComplete');
    return one?.annotations?.['kubelet-gateway.io/end-reason'];
  });

it('ends with its token, in words, when nothing is heard of the session', async () => {
  const { browser } = await signIn(scenario, 'alice', { path: METRICS });
  const { client, answer } = await open(browser, 'same-origin');
  assert.equal(answer.code, 200);
  await client.until((bytes) => bytes.includes('static-node-1'));
  const text = (await client.until((bytes) => bytes.includes('\r\n0\r\n'))).toString();
  assert.match(text, /"type":"ERROR".*the credential that the watch began with is no longer good/);
  assert.equal(await endOf(answer.headers.get('audit-id')), 'credentialExpired');
  client.destroy();
});

it('goes on while the session is used and renewed, and ends at once when the person signs out', async () => {
  const { browser } = await signIn(scenario, 'alice', { path: METRICS });
  const { client, answer } = await open(browser, 'same-origin');
  await client.until((bytes) => bytes.includes('static-node-1'));
  const overAt = Date.now() + 2 * TOKEN_MS;
  await eventually('a time after the end of its token', async () => {
    assert.equal((await browser.open(`${origin}${METRICS}`, { site: 'same-origin' })).status, 200);
    return Date.now() > overAt ? true : undefined;
  });
  assert.equal(client.received.includes('"ERROR"'), false);
  assert.equal(client.socket.destroyed, false);
  await browser.open(`${origin}/-/logout`, { form: {}, site: 'same-origin' });
  const text = (await client.until((bytes) => bytes.includes('\r\n0\r\n'))).toString();
  assert.match(text, /"type":"ERROR".*"code":401/);
  assert.equal(await endOf(answer.headers.get('audit-id')), 'signedOut');
  client.destroy();
});

it('is opened by no page of another site, and by none that does not say where it is', async () => {
  const { browser } = await signIn(scenario, 'alice', { path: METRICS });
  for (const site of ['cross-site', 'same-site', undefined]) {
    const { client, answer } = await open(browser, site);
    assert.equal(answer.code, 403, site);
    client.destroy();
  }
  const { client, answer } = await open(browser, 'none');
  assert.equal(answer.code, 200, 'typed into the address bar');
  client.destroy();
});
