// A provider that accepts connections and never answers, when somebody signs in with a browser: a page that says what to do,
// after a while, and nobody else is kept waiting for it.

import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import type { RogueIssuer } from '../support/identity-provider.ts';
import type { Scenario } from '../support/scenario.ts';
import type { WebAnswer } from '../support/web-client.ts';
import { closeAll } from '../support/close-all.ts';
import { startRogueIssuer } from '../support/identity-provider.ts';
import { eventually, startScenario } from '../support/scenario.ts';
import { createBrowser, hasSession, originOf } from './people.ts';

/** Longer than the gateway waits for a provider. */
const LIMIT_MS = 25_000;

const sockets = new Set<Socket>();
let silent: Server;
/** Answers for discovery, and is silent where tokens are. */
let halfSilent: RogueIssuer;
let scenario: Scenario;
before(async () => {
  silent = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const address = silent.address();
  assert.ok(address !== null && typeof address === 'object');
  const silentURL = `https://127.0.0.1:${address.port}`;
  halfSilent = await startRogueIssuer();
  halfSilent.describe({
    issuer: halfSilent.url,
    jwks_uri: `${halfSilent.url}/keys`,
    authorization_endpoint: `${halfSilent.url}/authorize`,
    token_endpoint: `${silentURL}/token`,
  });
  scenario = await startScenario();
  const change = async (name: string, how: (text: string) => string): Promise<void> => {
    const file = join(scenario.environment.directory, name);
    await writeFile(file, how(await readFile(file, 'utf8')), { mode: 0o600 });
  };
  const { certificateAuthority } = halfSilent;
  const entry = (url: string): string =>
    `  - issuer: { url: "${url}", audiences: [x], certificateAuthority: ${JSON.stringify(certificateAuthority)} }\n    claimMappings: { username: { claim: sub, prefix: "x:" } }\n`;
  await change('authentication.yaml', (yaml) => yaml + entry(silentURL) + entry(halfSilent.url));
  const provider = (name: string, url: string): string =>
    `    - { name: ${name}, issuer: "${url}", clientID: x }\n`;
  await change('gateway.yaml', (yaml) =>
    yaml.replace(
      '\n  providers:\n',
      `\n  providers:\n${provider('silent', silentURL)}${provider('half', halfSilent.url)}`,
    ),
  );
  scenario.gateway.signal('SIGHUP');
  await eventually('the reload', async () =>
    (await scenario.gatewayLog()).includes('configuration reloaded') ? true : undefined,
  );
});
after(async () => {
  await closeAll(scenario, halfSilent);
  for (const socket of sockets) socket.destroy();
  silent.close();
});

async function assertUnavailable(answer: WebAnswer, beganAt: number): Promise<void> {
  assert.ok(Date.now() - beganAt < LIMIT_MS, `after ${Date.now() - beganAt} ms`);
  assert.equal(answer.status, 503, answer.body);
  assert.match(answer.body, /cannot be reached/);
  assert.doesNotMatch(answer.body, /http-equiv="refresh"|\.ts:\d/, 'no loop, no stack');
  const event = await eventually('the event', async () =>
    (await scenario.auditEvents()).find(
      ({ auditID, stage }) => auditID === answer.headers['audit-id'] && stage === 'ResponseComplete',
    ),
  );
  assert.equal(event.annotations?.['kubelet-gateway.io/login-problem'], 'unavailable');
}

it('who begins or ends a sign-in there gets a page, and others sign in meanwhile', async () => {
  const origin = originOf(scenario);
  const beganAt = Date.now();
  const [one, other] = [createBrowser(scenario), createBrowser(scenario)];
  const beginning = one.open(`${origin}/-/login/silent`, { site: 'same-origin' });
  const sent = await other.open(`${origin}/-/login/half`, { site: 'same-origin' });
  const state = new URL(sent.headers['location'] ?? '').searchParams.get('state') ?? '';
  const ending = other.open(`${origin}/-/callback/half?state=${state}&code=x`, { site: 'cross-site' });
  const choosing = createBrowser(scenario);
  const asked = await choosing.follow(`${origin}/-/login/demo?return=%2F-%2Fhome`, { site: 'same-origin' });
  assert.match(asked.body, /Who are you/);
  const home = await choosing.follow(asked.url, { form: { login: 'alice' }, site: 'same-origin' });
  assert.equal(home.status, 200);
  assert.ok(hasSession(choosing) && Date.now() - beganAt < 10_000, 'nobody else waits');
  await assertUnavailable(await beginning, beganAt);
  await assertUnavailable(await ending, beganAt);
  assert.equal(hasSession(other), false);
});
