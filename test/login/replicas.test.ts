// Two gateways behind one address, with a real Redis server between them: a session of one is a session of the other, a
// logout at one ends what runs at the other, a refresh token that is good once is used once; and without Redis no session
// counts at either.

import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { connect } from 'node:tls';
import type { RedisServer } from '../support/redis-server.ts';
import type { Scenario } from '../support/scenario.ts';
import { freePort } from '../../demo/free-port.ts';
import { SESSION_COOKIE } from '../../src/browser-session/cookies.ts';
import { startGatewayProcess } from '../../demo/gateway-process.ts';
import { WEBSOCKET, bearer } from '../support/raw-client.ts';
import { findRedis, startRedis } from '../support/redis-server.ts';
import { eventually, startScenario } from '../support/scenario.ts';
import { cookieLine, hastenSession, originOf, readSession, signIn } from './people.ts';

const { executable } = findRedis(process.env);

const METRICS = '/nodes/node-1/metrics';
const EXEC = '/nodes/node-1/exec/default/shell/shell?command=sleep&command=60&output=1';
const SAME = 'Sec-Fetch-Site: same-origin';

interface Pair {
  readonly scenario: Scenario;
  readonly redis: RedisServer;
  readonly secondPort: number;
  /** A request at the one or the other, in the name of the first: as a load balancer would hand it on. */
  readonly ask: (port: number, target: string, ...lines: readonly string[]) => ReturnType<typeof askAt>;
  readonly codeOf: (port: number, target: string, ...lines: readonly string[]) => Promise<number>;
  close(): Promise<void>;
}

/** `more`: YAML at the end of both configurations. */
async function startPair(idTokenSeconds: number, more = ''): Promise<Pair> {
  const redis = await startRedis(executable ?? '');
  const opened: (() => Promise<unknown>)[] = [() => redis.close()];
  const close = async (): Promise<void> => {
    for (let next = opened.pop(); next !== undefined; next = opened.pop()) await next();
  };
  try {
    const scenario = await startScenario({
      idTokenSeconds,
      files: { 'redis.password': redis.password, 'redis-ca.crt': redis.certificateAuthority },
      configure: (yaml) => `${yaml.replace('\nlogin:\n', `\nlogin:${toRedis(redis)}`)}${more}`,
    });
    opened.push(() => scenario.close());
    const { second, secondPort } = await startSecond(scenario);
    opened.push(() => {
      second.signal('SIGTERM');
      return second.ended;
    });
    const ask: Pair['ask'] = (...parts) => askAt(scenario, ...parts);
    const codeOf: Pair['codeOf'] = async (...parts) => {
      const { socket, code } = await ask(...parts);
      socket.destroy();
      return code;
    };
    return { scenario, redis, secondPort, ask, codeOf, close };
  } catch (error) {
    await close();
    throw error;
  }
}

const toRedis = ({ port }: RedisServer): string => `
  replicas: several
  redis:
    address: 127.0.0.1
    port: ${port}
    passwordFile: redis.password
    tls: { certificateAuthorityFile: redis-ca.crt, serverName: redis.test }
`;

async function startSecond({ environment }: Scenario) {
  const { directory, port, adminPort } = environment;
  const secondPort = await freePort();
  const otherAdmin = await freePort();
  const yaml = (await readFile(join(directory, 'gateway.yaml'), 'utf8'))
    .replace(`port: ${port}\n`, `port: ${secondPort}\n`)
    .replace(`port: ${adminPort}`, `port: ${otherAdmin}`)
    .replaceAll('audit.log', 'audit-2.log');
  await writeFile(join(directory, 'gateway-2.yaml'), yaml);
  const second = await startGatewayProcess({
    configurationFile: join(directory, 'gateway-2.yaml'),
    adminPort: otherAdmin,
    logFile: join(directory, 'gateway-2.log'),
  });
  return { second, secondPort };
}

/** `target`: after another method than GET and a space, or alone. */
async function askAt({ environment }: Scenario, port: number, target: string, ...lines: readonly string[]) {
  const { certificateAuthority: ca, port: known } = environment;
  const socket = connect({ host: '127.0.0.1', port, ca });
  socket.on('error', () => undefined);
  const request = target.startsWith('/') ? `GET ${target}` : target;
  socket.write([`${request} HTTP/1.1`, `Host: localhost:${known}`, ...lines, '', ''].join('\r\n'));
  const head = await new Promise<string>((resolve) => {
    let text = '';
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      if (text.includes('\r\n\r\n')) resolve(text);
    });
    socket.once('close', () => resolve(text));
  });
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  return { socket, closed, code: Number(head.split(' ')[1]), head };
}

describe('two gateways and a Redis server', { skip: executable === undefined }, () => {
  let pair: Pair;
  let redis: RedisServer;
  let scenario: Scenario;
  let secondPort: number;
  let ask: Pair['ask'];
  let codeOf: Pair['codeOf'];
  before(async () => {
    pair = await startPair(300);
    ({ redis, scenario, secondPort, ask, codeOf } = pair);
  });
  after(() => (pair as Pair | undefined)?.close());

  it('know each other’s sessions, and end each other’s streams', async () => {
    const { port } = scenario.environment;
    const { browser } = await signIn(scenario, 'alice');
    const cookie = cookieLine(browser);
    const { idToken } = await readSession(scenario, browser);
    assert.equal(await codeOf(secondPort, METRICS, cookie, SAME), 200);
    const stream = await ask(secondPort, EXEC, cookie, ...WEBSOCKET, `Origin: ${originOf(scenario)}`);
    assert.equal(stream.code, 101);
    const out = await browser.open(`${originOf(scenario)}/-/logout`, { form: {}, site: 'same-origin' });
    assert.equal(out.status, 200);
    await stream.closed;
    for (const at of [port, secondPort]) assert.equal(await codeOf(at, METRICS, cookie, SAME), 401);
    // The person has signed out at the gateway, and not yet at the provider.
    assert.equal(await codeOf(secondPort, METRICS, bearer(idToken)), 200);
  });

  it('hear both of a logout of which one is told', async () => {
    const { browser } = await signIn(scenario, 'alice');
    const { idToken, issuer } = await readSession(scenario, browser);
    const cookie = cookieLine(browser);
    // At the other gateway than the one that the provider tells: begun with a token of that sign-in, and in the browser.
    const streams = [
      await ask(secondPort, EXEC, bearer(idToken), ...WEBSOCKET),
      await ask(secondPort, EXEC, cookie, ...WEBSOCKET, `Origin: ${originOf(scenario)}`),
    ];
    for (const { code } of streams) assert.equal(code, 101);
    const asked = await browser.open(`${issuer}/session/end`);
    const xsrf = /name="xsrf" value="([^"]*)"/.exec(asked.body)?.[1] ?? '';
    await browser.open(`${issuer}/session/end/confirm`, {
      form: { xsrf, logout: 'yes' },
      site: 'same-origin',
    });
    for (const { closed } of streams) await closed;
    assert.equal(await codeOf(secondPort, METRICS, cookie, SAME), 401);
    assert.equal(await codeOf(secondPort, METRICS, bearer(idToken)), 401);
  });

  it('ask the provider once for all that both are asked, and each has the new token', async () => {
    const { port } = scenario.environment;
    const { browser } = await signIn(scenario, 'alice');
    const first = await readSession(scenario, browser);
    for (let round = 1; round <= 2; round += 1) {
      const before = scenario.environment.renewals();
      await hastenSession(scenario, browser);
      const cookie = cookieLine(browser);
      const answers = await Promise.all(
        [port, secondPort, secondPort, port, secondPort, port].map((at) => ask(at, METRICS, cookie, SAME)),
      );
      const tokens = new Set<string>();
      for (const { socket, code, head } of answers) {
        socket.destroy();
        assert.equal(code, 200);
        const [, value = ''] = /\r\nset-cookie: __Host-kubelet-gateway=([^;]*)/i.exec(head) ?? [];
        browser.cookies('localhost').set(SESSION_COOKIE, value);
        const session = await readSession(scenario, browser);
        assert.equal(session.id, first.id);
        assert.equal(session.refreshToken, undefined);
        tokens.add(session.idToken);
      }
      assert.equal(scenario.environment.renewals() - before, 1);
      assert.equal(tokens.size, 1);
      assert.ok(!tokens.has(first.idToken));
      // Who comes late with the old cookie does not look like a thief to the provider, which would end the grant.
      for (const at of [secondPort, port]) assert.equal(await codeOf(at, METRICS, cookie, SAME), 200);
      assert.equal(scenario.environment.renewals() - before, 1);
    }
  });

  it('end at both what is signed out at either, and give back the newest refresh token', async () => {
    const { port } = scenario.environment;
    const { browser } = await signIn(scenario, 'alice');
    const cookie = cookieLine(browser);
    const own = `Origin: ${originOf(scenario)}`;
    const stream = await ask(port, EXEC, cookie, ...WEBSOCKET, own);
    assert.equal(stream.code, 101);
    await hastenSession(scenario, browser);
    assert.equal(await codeOf(port, METRICS, cookieLine(browser), SAME), 200);
    const before = scenario.environment.handedBack().length;
    // At the other gateway, with the cookie of before the renewal.
    const out = await ask(secondPort, 'POST /-/logout', cookie, own, SAME, 'Content-Length: 0');
    assert.equal(out.code, 200);
    await stream.closed;
    for (const at of [port, secondPort]) assert.equal(await codeOf(at, METRICS, cookie, SAME), 401);
    await eventually('the token', () => scenario.environment.handedBack().length > before || undefined);
    // An older one would have been a second use, and the provider's own end of the grant gives back none.
    assert.equal(scenario.environment.handedBack().length, before + 1);
  });

  it('let nobody in by a cookie while the server is away, and everybody else', async () => {
    const { port } = scenario.environment;
    const { browser } = await signIn(scenario, 'alice');
    const cookie = cookieLine(browser);
    await redis.kill();
    const token = await scenario.environment.issueToken('alice');
    for (const at of [port, secondPort]) {
      await eventually('the refusal', async () =>
        (await codeOf(at, METRICS, cookie, SAME)) === 503 ? true : undefined,
      );
      assert.equal(await codeOf(at, METRICS, bearer(token)), 200);
    }
    const page = await browser.open(`${originOf(scenario)}/-/home`);
    assert.equal(page.status, 503);
    assert.match(page.body, /Sessions cannot be checked/);
    const out = await browser.open(`${originOf(scenario)}/-/logout`, { form: {}, site: 'same-origin' });
    assert.equal(out.status, 503);
    assert.match(out.body, /signed out here/);
    await redis.restart();
    for (const at of [port, secondPort]) {
      // What one was told while the server was away, the other hears as soon as it is back.
      await eventually('the logout', async () =>
        (await codeOf(at, METRICS, cookie, SAME)) === 401 ? true : undefined,
      );
    }
  });
});

describe('two gateways whose tokens are over in a moment', { skip: executable === undefined }, () => {
  let pair: Pair;
  before(async () => {
    pair = await startPair(4, 'sessions: { credentialExpiryGrace: 0s }\n');
  });
  after(() => (pair as Pair | undefined)?.close());

  it('keep each other’s streams going while the session is renewed at either, and no longer', async () => {
    const { scenario, secondPort, ask } = pair;
    const { browser } = await signIn(scenario, 'alice', { path: METRICS });
    const own = `Origin: ${originOf(scenario)}`;
    const stream = await ask(secondPort, EXEC, cookieLine(browser), ...WEBSOCKET, own);
    assert.equal(stream.code, 101);
    const overAt = Date.now() + 4_000;
    // Only the first gateway is asked.
    await eventually('a time after the end of its token', async () => {
      assert.equal((await browser.open(`${originOf(scenario)}${METRICS}`)).status, 200);
      return Date.now() > overAt + 1_000 ? true : undefined;
    });
    assert.equal(stream.socket.destroyed, false);
    await stream.closed;
  });
});
