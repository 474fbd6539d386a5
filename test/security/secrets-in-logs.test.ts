// S30: tokens in logs. A set of requests of every kind, failures included, with the log at its most talkative; then the
// log, the audit log, the metrics and the answers are searched for every token, key, cookie and certificate that took part.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile, readdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { HostileKubelet } from '../support/hostile-kubelet.ts';
import type { RawAnswer } from '../support/raw-client.ts';
import type { Scenario } from '../support/scenario.ts';
import { closeAll } from '../support/close-all.ts';
import { answer, startHostileKubelet } from '../support/hostile-kubelet.ts';
import { RawClient, SPDY, WEBSOCKET, ask, bearer, head } from '../support/raw-client.ts';
import { originOf, readSession, signIn } from '../login/people.ts';
import { startScenario } from '../support/scenario.ts';

const COOKIE = 'cookie-value-0123456789';
const BASIC = Buffer.from('alice:basic-password').toString('base64');
const OPAQUE = 'opaque-token-abcdefghijklmnop';
const NODE_TOKEN = 'token-that-the-gateway-shows-to-a-node';
const IN_QUERY = 'token-in-the-query-0123456789';

let scenario: Scenario;
let node: HostileKubelet;
let tokens: readonly string[];
before(async () => {
  node = await startHostileKubelet('node-3');
  scenario = await startScenario({
    configure: (yaml) =>
      `${node
        .takePlaceOf(yaml, 'node-3')
        .replace(
          'credentialMappings:',
          '  - { name: token, bearerTokenFile: tokens/kubelet }\ncredentialMappings:\n  - { credential: token, nodes: [node-3] }',
        )}log: { level: debug }\n`,
    files: { 'tokens/kubelet': NODE_TOKEN },
  });
  const { environment } = scenario;
  tokens = [
    ...(await Promise.all((['alice', 'bob', 'carol'] as const).map((user) => environment.issueToken(user)))),
    await environment.issueToken('alice', 1),
  ];
});
after(() => closeAll(scenario, node));

describe('a secret', () => {
  it('is in no log, no metric and no answer, whatever was done with it', async () => {
    const [alice = '', bob = '', carol = '', short = ''] = tokens;
    const answers: RawAnswer[] = [];
    const send = async (...parts: Parameters<typeof head>): Promise<void> => {
      answers.push(await ask(scenario, head(...parts)));
    };
    const exec = '/nodes/node-1/exec/default/shell/shell?command=id&output=1';
    const cookie = `Cookie: session=${COOKIE}`;
    await send('GET', '/nodes/node-1/pods', bearer(alice), cookie);
    await send('GET', '/nodes/node-1/configz', bearer(bob), cookie);
    await send('GET', '/nodes/node-2/pods', bearer(carol));
    await send('GET', '/nodes/nowhere/pods', bearer(alice));
    await send('GET', '/nodes/node-1//pods', bearer(alice));
    await send('GET', '/nodes/node-1/pods', bearer(alice), bearer(bob));
    await send('GET', '/nodes/node-1/pods', `${bearer(alice)} trailing`);
    await send('GET', '/nodes/node-1/pods', bearer(`${alice}x`));
    await send('GET', '/nodes/node-1/pods', bearer(OPAQUE));
    await send('GET', '/nodes/node-1/pods', `Authorization: Basic ${BASIC}`);
    await send('GET', '/nodes/node-1/pods', bearer(short));
    await send('GET', `/nodes/node-1/pods?access_token=${IN_QUERY}`, bearer(alice));
    await send('GET', '/nodes/node-1/pods', bearer(alice), 'Impersonate-User: x', cookie);
    await send('GET', '/nodes/node-1/pods', bearer(alice), `X-Bad : ${COOKIE}`);
    await send('GET', exec, bearer(carol), ...WEBSOCKET);
    await send('POST', exec, bearer(alice), ...SPDY, 'X-Stream-Protocol-Version: bad"');
    const protocol = (token: string): readonly string[] =>
      WEBSOCKET.map((line) =>
        line.startsWith('Sec-WebSocket-Protocol')
          ? `Sec-WebSocket-Protocol: base64url.bearer.authorization.k8s.io.${Buffer.from(token).toString('base64url')}, v5.channel.k8s.io`
          : line,
      );
    await send('GET', exec, ...protocol(bob));
    await send('GET', exec, ...protocol(OPAQUE));
    await send('GET', exec, bearer(alice), ...protocol(bob));
    for (const script of [
      answer('401 Unauthorized', `no, ${NODE_TOKEN} is bad`),
      answer('403 Forbidden', `Forbidden (user=${NODE_TOKEN})`),
      answer('302 Found', '', `Location: https://x/?${NODE_TOKEN}`),
      `HTTP/1.1 200 OK\r\nX: ${NODE_TOKEN}\0\r\n\r\n`,
    ]) {
      node.script = (_head, on) => on.write(script);
      for (const path of ['/nodes/node-3/pods', '/nodes/node-3/api/v1/pods'])
        await send('GET', path, bearer(alice));
      await send('GET', exec.replace('node-1', 'node-3'), bearer(alice), ...WEBSOCKET);
    }
    // No TLS at all: the handshake fails, with a token in what was to be its first bytes.
    const plain = connect(scenario.environment.port, '127.0.0.1');
    plain.write(head('GET', '/nodes/node-1/pods', bearer(alice)));
    await once(plain.resume(), 'close');
    const seeded = await signInAndOut();
    const client = await RawClient.open(scenario);
    client.send(head('GET', exec, ...protocol(alice)));
    answers.push(await client.readHead());
    client.destroy();
    assert.ok(
      node.connections.some(({ heads }) => heads.join('').includes(NODE_TOKEN)),
      'the node is shown it',
    );
    for (const code of [101, 200, 400, 401, 403, 404, 502]) {
      assert.ok(
        answers.some((one) => one.code === code),
        `no answer was ${code}`,
      );
    }

    const metrics = await (await fetch(`http://127.0.0.1:${scenario.environment.adminPort}/metrics`)).text();
    scenario.gateway.signal('SIGTERM');
    assert.equal(await scenario.gateway.ended, 0);
    const places = {
      log: await scenario.gatewayLog(),
      audit: JSON.stringify(await scenario.auditEvents()),
      metrics,
      answers: JSON.stringify(answers),
    };
    assert.ok(places.log.includes('"level":"debug"'), 'the log is at its most talkative');
    for (const [what, secret] of [...(await secrets()), ...seeded]) {
      for (const [place, content] of Object.entries(places)) {
        assert.ok(!content.includes(secret), `${what} is in the ${place}`);
      }
    }
    // What a client puts into a target is in the audit log by its nature, but with known names taken out.
    assert.ok(!places.log.includes(IN_QUERY), 'a token in the query is in the log');
    assert.ok(!places.audit.includes(IN_QUERY), 'a token in the query is in the audit log');
  });
});

/** A person in a browser, with all that passes between it, the gateway and the provider, and what goes wrong there. */
async function signInAndOut(): Promise<readonly (readonly [what: string, secret: string])[]> {
  const origin = originOf(scenario);
  const { browser, answer } = await signIn(scenario, 'alice');
  const session = await readSession(scenario, browser);
  const callback = answer.hops.find(({ pathname }) => pathname === '/-/callback/demo');
  assert.ok(callback !== undefined);
  const cookies = [...browser.cookies('localhost')].filter(([, value]) => value.length > 20);
  await browser.open(callback, { site: 'cross-site' });
  await browser.open(`${origin}/nodes/node-1/metrics`);
  await browser.open(`${origin}/nodes/node-1/metrics`, { site: 'cross-site' });
  await browser.open(`${origin}/-/backchannel-logout/demo`, { form: { logout_token: session.idToken } });
  await browser.open(`${origin}/-/logout`, { form: {}, site: 'same-origin' });
  await browser.open(`${origin}/-/home`);
  const read = (name: string) => readFile(join(scenario.environment.directory, name), 'utf8');
  return [
    ...cookies.map(([name, value]) => [`the cookie ${name}`, value.slice(-60)] as const),
    ['a session id', session.id],
    ['an ID token', session.idToken.split('.')[2] ?? ''],
    ['the claims of an ID token', session.idToken.split('.')[1] ?? ''],
    ['a refresh token', session.refreshToken ?? ''],
    ['a code', callback.searchParams.get('code') ?? ''],
    ['a state', callback.searchParams.get('state') ?? ''],
    ['the client secret', await read('login-client.secret')],
    ['the cookie key', await read('cookie.key')],
  ];
}

/** Every form in which a secret could turn up: a token's signature, as it is and in base64 again, a key's lines. */
async function secrets(): Promise<readonly (readonly [what: string, secret: string])[]> {
  const { directory } = scenario.environment;
  const found: [string, string][] = [
    ['a cookie', COOKIE],
    ['a basic password', BASIC],
    ['an opaque token', OPAQUE],
    ['an opaque token in base64', Buffer.from(OPAQUE).toString('base64url')],
    ["the gateway's token", NODE_TOKEN],
  ];
  for (const token of tokens) {
    found.push(['a token', token.split('.')[2] ?? '']);
    found.push(['the claims of a token', token.split('.')[1] ?? '']);
    found.push(['a token in base64', Buffer.from(token).toString('base64url').slice(-60)]);
  }
  for (const name of await readdir(join(directory, 'pki'))) {
    if (!name.endsWith('.key')) continue;
    const [, line = ''] = (await readFile(join(directory, 'pki', name), 'utf8')).split('\n');
    assert.ok(line.length > 30);
    found.push([name, line]);
  }
  return found;
}
