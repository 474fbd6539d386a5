// Signing in at a provider of another hand, Glewlwyd: in the browser and from the command line. It decodes no Basic
// credentials, renews without ID tokens, wants to know for whom it is asked without a question, and refuses without words.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { decodeJwt } from 'jose';
import { SESSION_COOKIE } from '../../src/browser-session/cookies.ts';
import { closeAll } from '../support/close-all.ts';
import type { Glewlwyd } from '../support/glewlwyd.ts';
import { CLI_CLIENT_ID, GLEWLWYD_MISSING, PERSON, findGlewlwyd, startGlewlwyd } from '../support/glewlwyd.ts';
import { RawClient, WEBSOCKET } from '../support/raw-client.ts';
import type { Scenario } from '../support/scenario.ts';
import { eventually, startScenario } from '../support/scenario.ts';
import { WebClient } from '../support/web-client.ts';
import { cookieLine, hasSession, hastenSession, originOf, readSession } from './people.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const CLIENT_ID = 'kubelet-gateway';
const CLIENT_SECRET = 'a-secret_of.the-gateway';
const METRICS = '/nodes/node-1/metrics';
const EXEC = '/nodes/node-1/exec/default/shell/shell?command=cat&input=1&output=1';

const { isInstalled, required } = findGlewlwyd(process.env);

it('there is a Glewlwyd', { skip: !isInstalled && !required ? GLEWLWYD_MISSING : false }, () => {
  assert.ok(isInstalled, GLEWLWYD_MISSING);
});

describe('Glewlwyd', { skip: !isInstalled }, () => {
  let provider: Glewlwyd;
  let scenario: Scenario;
  let origin: string;
  let backChannel: Server;
  before(async () => {
    provider = await startGlewlwyd();
    scenario = await startGatewayFor(provider);
    origin = originOf(scenario);
    backChannel = await startBackChannel(scenario);
    await provider.register({
      id: CLIENT_ID,
      secret: CLIENT_SECRET,
      redirectURI: `${origin}/-/callback/glewlwyd`,
      postLogoutURI: `${origin}/-/logged-out`,
      backChannelLogoutURI: `http://localhost:${(backChannel.address() as AddressInfo).port}/`,
    });
  });
  after(async () => {
    backChannel.close();
    await closeAll(scenario, provider);
  });

  /** From an address of the gateway to the provider, whose pages need JavaScript, and back. */
  async function signIn() {
    const browser = new WebClient(scenario.environment.certificateAuthority + provider.certificateAuthority);
    const asked = await browser.follow(`${origin}${METRICS}`);
    const authorization = asked.hops.find(({ pathname }) => pathname === '/api/oidc/auth');
    assert.ok(authorization !== undefined, asked.hops.map(String).join(' '));
    await provider.signIn(browser, CLIENT_ID);
    authorization.searchParams.set('g_continue', '');
    const answer = await browser.follow(authorization, { site: 'cross-site' });
    return { browser, answer };
  }

  async function startExec(browser: WebClient): Promise<RawClient> {
    const client = await RawClient.open(scenario);
    const host = `Host: localhost:${scenario.environment.port}`;
    const lines = [host, `Origin: ${origin}`, cookieLine(browser), ...WEBSOCKET];
    client.send([`GET ${EXEC} HTTP/1.1`, ...lines, '', ''].join('\r\n'));
    assert.equal((await client.readHead()).code, 101);
    return client;
  }

  it('signs a person in', async () => {
    const { browser, answer } = await signIn();
    assert.deepEqual([answer.status, answer.url.pathname], [200, METRICS], answer.body.slice(0, 2000));
    const who = await browser.open(`${origin}/-/whoami`, { headers: { accept: 'application/json' } });
    assert.match(who.body, new RegExp(`"${PERSON.username}"`));
    assert.ok((await readSession(scenario, browser)).refreshToken !== undefined);
  });

  it('is gone back to without a question where it renews without an ID token, and what runs goes on', async () => {
    const { browser } = await signIn();
    const session = await readSession(scenario, browser);
    const client = await startExec(browser);
    await hastenSession(scenario, browser);
    browser.cookies('localhost').delete(`${SESSION_COOKIE}-attempt`);
    const back = await browser.follow(`${origin}${METRICS}`);
    assert.deepEqual([back.status, back.url.pathname], [200, METRICS], back.hops.map(String).join(' '));
    assert.ok(back.hops.some((hop) => hop.searchParams.get('prompt') === 'none'));
    const now = await readSession(scenario, browser);
    assert.deepEqual([now.id, now.sid, now.subject], [session.id, session.sid, session.subject]);
    assert.notEqual(now.idToken, session.idToken);
    const sent = client.received.length;
    client.send(Buffer.concat([Buffer.from([0x82, 0x83, 0, 0, 0, 0, 0]), Buffer.from('a\n')]));
    await client.until((bytes) => bytes.includes('a\n', sent));
    client.destroy();
  });

  it('ends a session and what runs in it by the back channel, and whoever signs in anew is in', async () => {
    const { browser } = await signIn();
    const { sid = '' } = await readSession(scenario, browser);
    const client = await startExec(browser);
    await provider.endSession(browser, sid);
    await client.closed;
    assert.equal((await browser.open(`${origin}${METRICS}`)).status, 303);
    // Its logout tokens name the person alone, and count in seconds.
    const endedAt = Math.ceil(Date.now() / 1000) * 1000;
    await eventually('another second', () => (Date.now() > endedAt ? true : undefined));
    assert.equal((await signIn()).answer.url.pathname, METRICS);
  });

  it('is where a logout goes on, and knows the way back', async () => {
    const { browser } = await signIn();
    const out = await browser.open(`${origin}/-/logout`, { form: {}, site: 'same-origin' });
    assert.equal(hasSession(browser), false);
    const [, link = ''] = /href="(https:[^"]+)"/.exec(out.body) ?? [];
    const at = await browser.follow(link.replaceAll('&amp;', '&'), { site: 'cross-site' });
    assert.equal(at.url.searchParams.get('prompt'), 'end_session');
    assert.equal(at.url.searchParams.get('callback_url'), `${origin}/-/logged-out`);
  });

  it('signs in at the command line with a device code, and again when its refresh token is refused', async () => {
    const browser = new WebClient(provider.certificateAuthority);
    await provider.signIn(browser, CLI_CLIENT_ID);
    const authority = join(scenario.environment.directory, 'glewlwyd.crt');
    const cache = join(scenario.environment.directory, 'cli-tokens');
    await writeFile(authority, provider.certificateAuthority);
    const args = [
      ...[`--issuer-url=${provider.issuer}`, `--client-id=${CLI_CLIENT_ID}`, '--scope=openid'],
      ...[`--certificate-authority=${authority}`, `--cache-dir=${cache}`, '--flow=device', '--output=token'],
    ];
    const login = () =>
      loginWithCode(args, async (code) => {
        await browser.open(`${provider.issuer}/device?code=${code}&g_continue`);
      });
    const first = await login();
    assert.equal(first.code, 0, first.err);
    assert.equal(decodeJwt(first.out.trim())['name'], PERSON.username);
    assert.equal(first.wasAsked, true);
    // Due, and with a refresh token that the provider has never given.
    const [name = ''] = await readdir(cache);
    const kept = JSON.parse(await readFile(join(cache, name), 'utf8')) as Record<string, unknown>;
    await writeFile(join(cache, name), JSON.stringify({ ...kept, expiresAt: Date.now(), refreshToken: 'x' }));
    const second = await login();
    assert.equal(second.code, 0, second.err);
    assert.equal(second.wasAsked, true);
    assert.notEqual(second.out, first.out);
  });
});

async function startGatewayFor({ issuer, certificateAuthority }: Glewlwyd): Promise<Scenario> {
  const provider = `{ name: glewlwyd, issuer: "${issuer}", clientID: ${CLIENT_ID}, clientSecretFile: glewlwyd.secret }`;
  const authentication = `apiVersion: apiserver.config.k8s.io/v1
kind: AuthenticationConfiguration
jwt:
  - issuer:
      url: ${issuer}
      certificateAuthority: ${JSON.stringify(certificateAuthority)}
      audiences: [${CLIENT_ID}]
    claimMappings: { username: { claim: name, prefix: "" } }
`;
  return startScenario({
    files: { 'glewlwyd.yaml': authentication, 'glewlwyd.secret': CLIENT_SECRET },
    configure: (yaml) =>
      yaml
        .replace('configurationFile: authentication.yaml', 'configurationFile: glewlwyd.yaml')
        .replace(/ {4}- \{ name: demo, .*\}/, `    - ${provider}`),
  });
}

/** `kubelet-gateway login`, with a person who enters the codes that it shows. */
async function loginWithCode(args: readonly string[], enter: (code: string) => Promise<void>) {
  const child = spawn(process.execPath, [MAIN, 'login', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const out = text(child.stdout);
  let err = '';
  let entered: Promise<void> | undefined;
  child.stderr.setEncoding('utf8').on('data', (said: string) => {
    err += said;
    const [, code] = /enter the code (\S+)\n/.exec(err) ?? [];
    if (code !== undefined) entered ??= enter(code);
  });
  const [code] = (await once(child, 'close')) as [number | null];
  await entered;
  return { code, out: await out, err, wasAsked: entered !== undefined };
}

/** Glewlwyd trusts the system's authorities alone: what it says by the back channel is passed on over TLS. */
async function startBackChannel(scenario: Scenario): Promise<Server> {
  const gateway = new WebClient(scenario.environment.certificateAuthority);
  const server = createServer((request, response) => {
    void text(request).then(async (body) => {
      const form = Object.fromEntries(new URLSearchParams(body));
      const { status } = await gateway.open(`${originOf(scenario)}/-/backchannel-logout/glewlwyd`, { form });
      response.writeHead(status).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}
