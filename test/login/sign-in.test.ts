// Signing in with a browser, through the whole gateway and at a real OpenID provider: the way there and back, what the
// session is worth, what ends it, and what is written down.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Scenario } from '../support/scenario.ts';
import { SESSION_COOKIE } from '../../src/browser-session/cookies.ts';
import { closeAll } from '../support/close-all.ts';
import { RawClient, WEBSOCKET, bearer } from '../support/raw-client.ts';
import { eventually, startScenario } from '../support/scenario.ts';
import {
  ageSession,
  cookieLine,
  createBrowser,
  hasSession,
  originOf,
  readSession,
  signIn,
} from './people.ts';

const METRICS = '/nodes/node-1/metrics';
const EXEC = '/nodes/node-1/exec/default/shell/shell?command=sleep&command=60&output=1';

let scenario: Scenario;
let origin: string;
before(async () => {
  scenario = await startScenario({ configure: (yaml) => `${yaml}log: { level: debug }\n` });
  origin = originOf(scenario);
});
after(() => closeAll(scenario));

/** A request as it stands, at the gateway's own address. */
async function send(method: string, target: string, ...lines: readonly string[]) {
  const client = await RawClient.open(scenario);
  const host = `Host: localhost:${scenario.environment.port}`;
  client.send([`${method} ${target} HTTP/1.1`, host, ...lines, '', ''].join('\r\n'));
  return { client, answer: await client.readHead() };
}
async function codeOf(...parts: Parameters<typeof send>): Promise<number> {
  const { client, answer } = await send(...parts);
  client.destroy();
  return answer.code;
}

const SAME = 'Sec-Fetch-Site: same-origin';

describe('a person with a browser', () => {
  it('opens the metrics of a node, signs in on the way, and is there', async () => {
    const { answer, browser } = await signIn(scenario, 'alice', { path: METRICS });
    assert.equal(answer.url.pathname, METRICS);
    assert.equal(answer.status, 200);
    assert.match(answer.body, /^# HELP /);
    const again = await browser.open(`${origin}/nodes/node-2/pods`);
    assert.equal(again.status, 200);
  });

  it('is given a cookie that no script reads, no other host gets and no other site sends', async () => {
    const { answer, browser } = await signIn(scenario, 'alice');
    const session = await readSession(scenario, browser);
    assert.equal(session.subject, 'alice');
    assert.ok(session.refreshToken !== undefined && session.sid !== undefined);
    const last = await browser.open(answer.hops.at(-2) ?? '');
    assert.match(last.body, /not begun here/);
    const flow = createBrowser(scenario);
    const asked = await flow.follow(`${origin}/`);
    const back = await flow.open(asked.url, { form: { login: 'alice' } });
    const resumed = await flow.open(back.headers['location'] ?? '');
    const callback = await flow.open(resumed.headers['location'] ?? '', { site: 'cross-site' });
    const line = callback.setCookies.find((text) => text.startsWith(`${SESSION_COOKIE}=`)) ?? '';
    assert.match(
      line,
      /^__Host-kubelet-gateway=1\.[^;]+; Path=\/; Secure; HttpOnly; SameSite=Lax; Max-Age=3600$/,
    );
    // A page and no redirect: whatever follows is the gateway's own doing, and not the provider's.
    assert.equal(callback.status, 200);
    assert.match(callback.headers['content-security-policy'] ?? '', /^default-src 'none';style-src 'self'/);
    assert.equal(callback.headers['cache-control'], 'no-store');
    assert.equal(callback.headers['referrer-policy'], 'same-origin');
  });

  it('is told who they are, by claims and never by tokens', async () => {
    const { browser } = await signIn(scenario, 'bob');
    const session = await readSession(scenario, browser);
    const json = await browser.open(`${origin}/-/whoami`, { headers: { accept: 'application/json' } });
    const page = await browser.open(`${origin}/-/whoami`);
    const home = await browser.open(`${origin}/-/home`);
    const parsed = JSON.parse(json.body) as { user: { username: string; groups: string[] } };
    assert.deepEqual(Object.keys(parsed), ['user', 'session']);
    assert.equal(parsed.user.username, 'bob');
    assert.deepEqual(parsed.user.groups, ['monitoring', 'system:authenticated']);
    assert.match(page.body, /<strong>bob<\/strong>/);
    for (const { body } of [json, page, home]) {
      for (const secret of [session.idToken, session.refreshToken, session.id]) {
        assert.ok(secret !== undefined && !body.includes(secret));
      }
      assert.doesNotMatch(body, /eyJ/);
    }
  });

  it('sees the nodes that they may read, and those alone', async () => {
    const alice = await signIn(scenario, 'alice');
    assert.match(alice.answer.body, /3 nodes whose metrics/);
    assert.match(alice.answer.body, /<a href="\/nodes\/node-3\/metrics\/cadvisor"/);
    const carol = await signIn(scenario, 'carol');
    assert.match(carol.answer.body, /no node whose metrics you may read/);
    assert.doesNotMatch(carol.answer.body, /node-3/);
  });

  it('has the rights of their name and no others', async () => {
    const { browser } = await signIn(scenario, 'bob');
    assert.equal((await browser.open(`${origin}${METRICS}`)).status, 200);
    assert.equal((await browser.open(`${origin}/nodes/node-1/configz`)).status, 403);
  });

  it('reads in words what they may not see, where a program gets a Status', async () => {
    const { browser } = await signIn(scenario, 'bob');
    const refused = await browser.open(`${origin}/nodes/node-1/configz`);
    assert.equal(refused.status, 403);
    assert.match(refused.body, /<h1>This is not yours to see<\/h1>/);
    assert.match(refused.body, /User &quot;bob&quot; cannot get resource/);
    assert.ok(refused.body.includes(`Request <code>${refused.headers['audit-id'] ?? 'none'}</code>`));
    assert.match(refused.headers['content-type'] ?? '', /^text\/html/);
    const own = await browser.open(`${origin}/-/whoami`);
    for (const name of ['content-security-policy', 'cache-control', 'x-content-type-options'])
      assert.equal(refused.headers[name], own.headers[name], name);
    const odd = await browser.open(`${origin}/nodes/%3Cscript%3Ealert(1)%3C%2Fscript%3E/metrics`);
    assert.ok(odd.status >= 400);
    assert.doesNotMatch(odd.body, /<script/);
    for (const headers of [{ accept: 'application/json' }, { 'sec-fetch-dest': 'iframe' }]) {
      const program = await browser.open(`${origin}/nodes/node-1/configz`, { headers });
      assert.equal(program.status, 403);
      assert.equal((JSON.parse(program.body) as { kind: string }).kind, 'Status');
    }
  });

  it('is asked by no program: without a session those get 401', async () => {
    const browser = createBrowser(scenario);
    const fetching = { 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty', accept: '*/*' };
    for (const headers of [fetching, { accept: 'application/json' }, { 'sec-fetch-dest': 'iframe' }]) {
      assert.equal((await browser.open(`${origin}${METRICS}`, { headers })).status, 401);
    }
    const wrong = { headers: { authorization: 'Bearer x.y.z' } };
    assert.equal((await browser.open(`${origin}${METRICS}`, wrong)).status, 401);
    const posted = await browser.open(`${origin}${METRICS}`, { method: 'POST' });
    assert.equal(posted.status, 401);
    assert.equal((await browser.open(`${origin}/-/whoami`, { headers: { accept: '*/*' } })).status, 401);
  });
});

describe('a session in a browser (S28)', () => {
  it('reads for pages of the gateway and for people, and for no other page', async () => {
    const { browser } = await signIn(scenario, 'alice');
    const cookie = cookieLine(browser);
    assert.equal(await codeOf('GET', METRICS, cookie, SAME), 200);
    assert.equal(await codeOf('GET', METRICS, cookie, 'Sec-Fetch-Site: none'), 200);
    for (const lines of [
      [],
      ['Sec-Fetch-Site: cross-site'],
      ['Sec-Fetch-Site: same-site'],
      ['Sec-Fetch-Site: '],
      [SAME, 'Sec-Fetch-Site: cross-site'],
      [SAME, 'Origin: https://evil.example'],
      [SAME, 'Origin: null'],
    ]) {
      assert.equal(await codeOf('GET', METRICS, cookie, ...lines), 403, lines.join());
    }
  });

  it('is not used by what another site asks of the pages', async () => {
    const { browser } = await signIn(scenario, 'alice');
    await ageSession(scenario, browser, 5 * 60_000);
    const { seenAt } = await readSession(scenario, browser);
    for (const path of ['/-/whoami', '/-/home', '/-/login']) {
      for (const site of ['same-site', 'cross-site'] as const)
        assert.deepEqual((await browser.open(`${origin}${path}`, { site })).setCookies, [], path);
    }
    await browser.open(`${origin}/-/whoami`, { site: 'same-origin' });
    assert.ok((await readSession(scenario, browser)).seenAt > seenAt);
  });

  it('tells no other site’s page who is signed in or what they may see, and a link takes a click', async () => {
    const { browser } = await signIn(scenario, 'alice');
    const told = /alice|platform-admins|node-1|What you have running|signedInAt/;
    for (const path of ['/-/whoami', '/-/home']) {
      const own = await browser.open(`${origin}${path}`, { site: 'same-origin' });
      assert.match(own.body, told);
      for (const site of ['same-site', 'cross-site'] as const) {
        const link = await browser.open(`${origin}${path}`, { site });
        assert.equal(link.status, 200, path);
        assert.ok(link.body.includes(`<a class="button" href="${path}">Open it</a>`), link.body);
        assert.doesNotMatch(link.body, told, `${path} ${site}`);
        for (const headers of [
          { 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty', accept: 'application/json' },
          { 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image', accept: 'image/*' },
          { 'sec-fetch-dest': 'iframe' },
        ]) {
          const other = await browser.open(`${origin}${path}`, { site, headers });
          assert.equal(other.status, 403, `${path} ${site} ${JSON.stringify(headers)}`);
          assert.doesNotMatch(other.body, told);
        }
      }
      const lines = [cookieLine(browser), 'Accept: application/json'];
      assert.equal(await codeOf('GET', path, ...lines), 403, 'a browser that does not say');
      assert.equal(await codeOf('GET', path, ...lines, SAME, 'Origin: https://evil.example'), 403);
      assert.equal(await codeOf('HEAD', path, ...lines, 'Sec-Fetch-Site: cross-site'), 403);
      assert.equal(await codeOf('GET', path, ...lines, SAME), 200);
    }
    for (const user of [browser, createBrowser(scenario)]) {
      const headers = { 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'empty' };
      const probe = await user.open(`${origin}/-/login`, { site: 'same-site', headers });
      assert.equal(probe.status, 403, 'whether or not somebody is signed in');
    }
    const stranger = await createBrowser(scenario).follow(`${origin}/-/home`, { site: 'cross-site' });
    assert.match(stranger.body, /Who are you\?/, 'who is not signed in goes on to the provider at once');
  });

  it('does nothing but read without the Origin of the gateway', async () => {
    const { browser } = await signIn(scenario, 'alice');
    const cookie = cookieLine(browser);
    const run = '/nodes/node-1/run/default/shell/shell?cmd=id';
    const own = `Origin: ${origin}`;
    assert.equal(await codeOf('POST', run, cookie, 'Content-Length: 0', own), 200);
    assert.equal(await codeOf('GET', EXEC, cookie, ...WEBSOCKET, own), 101);
    for (const line of [
      'X-No: origin',
      SAME,
      'Origin: null',
      'Origin: https://evil.example',
      `Origin: ${origin}.evil.example`,
      `Origin: ${origin}/`,
      'Origin: https://localhost',
      `Origin: http://localhost:${scenario.environment.port}`,
      // One of the gateway's own, and not the one that was asked.
      `Origin: https://127.0.0.1:${scenario.environment.port}`,
      `${own}\r\n${own}`,
    ]) {
      assert.equal(await codeOf('POST', run, cookie, 'Content-Length: 0', line), 403, line);
      assert.equal(await codeOf('GET', EXEC, cookie, ...WEBSOCKET, line), 403, line);
      assert.equal(await codeOf('POST', '/-/logout', cookie, 'Content-Length: 0', line), 403, line);
    }
    assert.ok((await browser.open(`${origin}${METRICS}`)).status === 200, 'nobody was signed out');
  });

  it('counts at the addresses of the gateway alone', async () => {
    const { browser } = await signIn(scenario, 'alice');
    const client = await RawClient.open(scenario);
    client.send(
      [`GET ${METRICS} HTTP/1.1`, 'Host: other.example', cookieLine(browser), SAME, '', ''].join('\r\n'),
    );
    assert.equal((await client.readHead()).code, 403);
    client.destroy();
  });

  it('reaches no profile by a GET, which a token does', async () => {
    const { browser } = await signIn(scenario, 'alice');
    const profile = '/nodes/node-1/debug/pprof/goroutine';
    assert.equal(await codeOf('GET', profile, cookieLine(browser), SAME), 403);
    const token = await scenario.environment.issueToken('alice');
    assert.notEqual(await codeOf('GET', profile, bearer(token)), 403);
  });

  it('is not looked at beside a token', async () => {
    const { browser } = await signIn(scenario, 'alice');
    const bob = await scenario.environment.issueToken('bob');
    const cookie = cookieLine(browser);
    assert.equal(await codeOf('GET', '/nodes/node-1/configz', cookie, bearer(bob), SAME), 403);
    assert.equal(await codeOf('GET', '/nodes/node-1/configz', cookie, bearer('x'), SAME), 401);
    assert.equal(await codeOf('GET', METRICS, `Cookie: ${SESSION_COOKIE}=1.junk`, bearer(bob)), 200);
  });

  it('must not be of another person than a certificate beside it', async () => {
    const { browser } = await signIn(scenario, 'bob');
    const pair = await scenario.environment.issueClientCertificate('alice', []);
    const client = await RawClient.open(scenario, { cert: pair.certificate, key: pair.key });
    const host = `Host: localhost:${scenario.environment.port}`;
    client.send([`GET ${METRICS} HTTP/1.1`, host, cookieLine(browser), SAME, '', ''].join('\r\n'));
    assert.equal((await client.readHead()).code, 400);
    client.destroy();
  });

  it('never reaches a node, and neither does a token in a subprotocol', async () => {
    const { browser } = await signIn(scenario, 'alice');
    const kubelet = scenario.environment.kubelets.get('node-1');
    assert.ok(kubelet !== undefined);
    const seen = kubelet.requests.length;
    assert.equal(await codeOf('GET', METRICS, cookieLine(browser), SAME), 200);
    assert.equal(await codeOf('GET', EXEC, cookieLine(browser), ...WEBSOCKET, `Origin: ${origin}`), 101);
    const token = await scenario.environment.issueToken('alice');
    const encoded = Buffer.from(token).toString('base64url');
    const protocols = `Sec-WebSocket-Protocol: base64url.bearer.authorization.k8s.io.${encoded}, v5.channel.k8s.io`;
    const { client, answer } = await send('GET', EXEC, ...WEBSOCKET.slice(0, -1), protocols);
    client.destroy();
    assert.equal(answer.code, 101);
    assert.equal(answer.headers.get('sec-websocket-protocol'), 'v5.channel.k8s.io');
    assert.ok(!answer.head.includes(encoded.slice(0, 40)));
    const heads = JSON.stringify(kubelet.requests.slice(seen));
    assert.ok(kubelet.requests.length >= seen + 3);
    assert.doesNotMatch(heads, /cookie|kubelet-gateway=|base64url\.bearer/i);
  });

  it('is nothing after any change of its cookie', async () => {
    const { browser } = await signIn(scenario, 'alice');
    const jar = browser.cookies('localhost');
    const text = jar.get(SESSION_COOKIE) ?? '';
    jar.set(SESSION_COOKIE, `${text.slice(0, -2)}${text.endsWith('A') ? 'B' : 'A'}`);
    const answer = await browser.open(`${origin}${METRICS}`);
    assert.equal(answer.status, 303);
    assert.equal(hasSession(browser), false, 'it is taken away');
  });
});

describe('signing in again (S10)', () => {
  it('makes another session, and the old one is dead', async () => {
    const { browser } = await signIn(scenario, 'alice');
    const first = await readSession(scenario, browser);
    const before = cookieLine(browser);
    const answer = await browser.follow(`${origin}/-/login/demo?return=%2F-%2Fhome`, { site: 'same-origin' });
    assert.equal(answer.url.pathname, '/-/home');
    const second = await readSession(scenario, browser);
    assert.notEqual(second.id, first.id);
    assert.equal(await codeOf('GET', METRICS, before, SAME), 401);
    assert.equal(await codeOf('GET', METRICS, cookieLine(browser), SAME), 200);
  });

  it('refuses an answer that is not for this browser, not for this sign-in, or comes twice', async () => {
    const browser = createBrowser(scenario);
    const asked = await browser.follow(`${origin}/`);
    const resumed = await browser.open(
      (await browser.open(asked.url, { form: { login: 'alice' } })).headers['location'] ?? '',
    );
    const callback = new URL(resumed.headers['location'] ?? '');
    const jar = browser.cookies('localhost');
    const kept = [...jar];
    const refused = async (url: URL, who = browser) => {
      const answer = await who.open(url, { site: 'cross-site' });
      assert.equal(answer.status, 400);
      assert.match(answer.body, /This sign-in was not begun here/);
      assert.equal(hasSession(who), false);
    };
    await refused(callback, createBrowser(scenario));
    const other = new URL(callback);
    other.searchParams.set('state', 'x'.repeat(43));
    await refused(other);
    const doubled = new URL(callback);
    doubled.searchParams.append('state', 'x');
    await refused(doubled);
    const elsewhere = new URL(callback);
    elsewhere.hostname = '127.0.0.1';
    for (const [name, value] of kept) browser.cookies('127.0.0.1').set(name, value);
    await refused(elsewhere);
    assert.match((await browser.open(callback, { site: 'cross-site' })).body, /You are signed in/);
    // Somebody who has copied all of it: the cookies of before and the address.
    const thief = createBrowser(scenario);
    for (const [name, value] of kept) thief.cookies('localhost').set(name, value);
    await refused(callback, thief);
  });

  it('goes on to pages of the gateway and nowhere else', async () => {
    for (const bad of [
      '//evil.example',
      '/\\evil.example',
      'https:evil.example',
      '/%09/evil.example',
      '/-/logout',
      '/\t/x',
    ]) {
      for (const path of ['/-/login', '/-/login/demo']) {
        const answer = await createBrowser(scenario).open(
          `${origin}${path}?return=${encodeURIComponent(bad)}`,
        );
        assert.equal(answer.headers['location'], undefined, bad);
        assert.equal(answer.status, 400);
        assert.match(answer.body, /This link does not lead here/);
        assert.doesNotMatch(answer.body, /evil/);
      }
    }
    const twice = await createBrowser(scenario).open(`${origin}/-/login?return=%2F&return=%2F%2Fevil`);
    assert.equal(twice.status, 400);
  });

  it('takes a click where another site has begun it', async () => {
    const browser = createBrowser(scenario);
    const asked = await browser.follow(`${origin}${METRICS}`, { site: 'cross-site' });
    const answer = await browser.follow(asked.url, { form: { login: 'alice' }, site: 'same-origin' });
    assert.equal(answer.url.pathname, '/-/callback/demo', 'it does not go on by itself');
    assert.match(answer.body, /<a class="button" href="\/nodes\/node-1\/metrics">/);
    const link = await browser.follow(`${origin}${METRICS}`, { site: 'cross-site' });
    assert.equal(link.url.pathname, '/-/login');
    assert.match(link.body, /Another site has sent you/);
  });

  it('does not go in circles when the browser keeps no session', async () => {
    const { browser } = await signIn(scenario, 'alice', { path: METRICS });
    browser.cookies('localhost').delete(SESSION_COOKIE);
    const answer = await browser.follow(`${origin}${METRICS}`);
    assert.equal(answer.url.pathname, '/-/login');
    assert.match(answer.body, /came back without a session/);
    assert.match(answer.body, /href="\/-\/login\/demo\?return=%2Fnodes%2Fnode-1%2Fmetrics"/);
  });

  it('says what to do when the provider, or the person, says no', async () => {
    const { answer, browser } = await signIn(scenario, '');
    assert.equal(answer.status, 403);
    assert.match(answer.body, /The sign-in was declined/);
    assert.equal(hasSession(browser), false);
    for (const [error, status, title] of [
      ['server_error', 503, /cannot be reached/],
      ['temporarily_unavailable', 503, /cannot be reached/],
      ['unauthorized_client', 500, /not set up right/],
      ['<script>alert(1)</script>', 500, /not set up right/],
      ['login_required', 401, /Please sign in/],
    ] as const) {
      const someone = createBrowser(scenario);
      const sent = await someone.open(`${origin}/-/login/demo`, { site: 'same-origin' });
      const state = new URL(sent.headers['location'] ?? '').searchParams.get('state') ?? '';
      const iss = new URL(sent.headers['location'] ?? '').origin;
      const query = new URLSearchParams({
        error,
        error_description: 'secret-words-of-the-provider',
        state,
        iss,
      });
      const said = await someone.open(`${origin}/-/callback/demo?${query.toString()}`, {
        site: 'cross-site',
      });
      assert.equal(said.status, status, error);
      assert.match(said.body, title);
      assert.doesNotMatch(said.body, /<script>|secret-words|\bat .*\.ts/);
    }
  });

  it('refuses an answer that says it is of another issuer (RFC 9207)', async () => {
    const browser = createBrowser(scenario);
    const sent = await browser.open(`${origin}/-/login/demo`, { site: 'same-origin' });
    const state = new URL(sent.headers['location'] ?? '').searchParams.get('state') ?? '';
    const query = new URLSearchParams({ code: 'x', state, iss: 'https://evil.example' });
    const answer = await browser.open(`${origin}/-/callback/demo?${query.toString()}`, {
      site: 'cross-site',
    });
    assert.equal(answer.status, 403);
    assert.match(answer.body, /could not be trusted/);
  });

  it('has pages for what is not there', async () => {
    const browser = createBrowser(scenario);
    for (const path of [
      '/-/nothing',
      '/-/login/nobody',
      '/-/callback/nobody?code=1',
      '/-/',
      '/-/LOGIN',
      '/-/login/',
    ]) {
      const answer = await browser.open(`${origin}${path}`);
      assert.equal(answer.status, 404, path);
      assert.match(answer.headers['content-type'] ?? '', /^text\/html/);
    }
    assert.equal((await browser.open(`${origin}/-/login`, { method: 'PUT' })).status, 404);
    const host = await RawClient.open(scenario);
    host.send('GET /-/login/demo HTTP/1.1\r\nHost: other.example\r\n\r\n');
    assert.equal((await host.readHead()).code, 400);
    host.destroy();
  });
});

describe('signing out', () => {
  it('ends the session here and at the provider, and what runs in it', async () => {
    const { browser } = await signIn(scenario, 'alice');
    const session = await readSession(scenario, browser);
    const cookie = cookieLine(browser);
    const { client, answer } = await send('GET', EXEC, cookie, ...WEBSOCKET, `Origin: ${origin}`);
    assert.equal(answer.code, 101);
    const page = await browser.open(`${origin}/-/logout`);
    assert.match(page.body, /<form method="post" action="\/-\/logout">/);
    assert.equal(hasSession(browser), true, 'a link ends nothing');
    const out = await browser.open(`${origin}/-/logout`, { form: {}, site: 'same-origin' });
    assert.equal(out.status, 200);
    assert.equal(hasSession(browser), false);
    await client.closed;
    const auditId = answer.headers.get('audit-id');
    await eventually('the event of the stream', async () =>
      (await scenario.auditEvents()).find(
        ({ auditID, annotations }) =>
          auditID === auditId && annotations?.['kubelet-gateway.io/end-reason'] === 'signedOut',
      ),
    );
    // Somebody who has copied the cookie, and somebody who has its token.
    assert.equal(await codeOf('GET', METRICS, cookie, SAME), 401);
    const provider = /content="0;url=([^"]*)"/.exec(out.body)?.[1]?.replaceAll('&amp;', '&') ?? '';
    const asked = await browser.open(provider);
    const xsrf = /name="xsrf" value="([^"]*)"/.exec(asked.body)?.[1] ?? '';
    const confirm = new URL('/session/end/confirm', provider);
    const done = await browser.follow(confirm, { form: { xsrf, logout: 'yes' }, site: 'same-origin' });
    assert.equal(done.url.href, `${origin}/-/logged-out`);
    await eventually('the provider has told the gateway', async () =>
      (await codeOf('GET', METRICS, bearer(session.idToken))) === 401 ? true : undefined,
    );
  });

  it('at the provider ends sessions and streams of that sign-in, of cookies and of tokens alike', async () => {
    const { browser } = await signIn(scenario, 'alice');
    const session = await readSession(scenario, browser);
    const other = await signIn(scenario, 'alice');
    const own = `Origin: ${origin}`;
    const byCookie = await send('GET', EXEC, cookieLine(browser), ...WEBSOCKET, own);
    const byToken = await send('GET', EXEC, bearer(session.idToken), ...WEBSOCKET);
    const stays = await send('GET', EXEC, cookieLine(other.browser), ...WEBSOCKET, own);
    assert.deepEqual(
      [byCookie, byToken, stays].map(({ answer }) => answer.code),
      [101, 101, 101],
    );
    const { issuer } = session;
    const asked = await browser.open(`${issuer}/session/end`);
    const xsrf = /name="xsrf" value="([^"]*)"/.exec(asked.body)?.[1] ?? '';
    await browser.open(`${issuer}/session/end/confirm`, {
      form: { xsrf, logout: 'yes' },
      site: 'same-origin',
    });
    await Promise.all([byCookie.client.closed, byToken.client.closed]);
    assert.equal(await codeOf('GET', METRICS, cookieLine(browser), SAME), 401);
    assert.equal(await codeOf('GET', METRICS, bearer(session.idToken)), 401);
    assert.equal(await codeOf('GET', METRICS, cookieLine(other.browser), SAME), 200);
    assert.equal(stays.client.socket.destroyed, false);
    stays.client.destroy();
  });

  it('takes from nobody else that somebody has signed out', async () => {
    const { browser } = await signIn(scenario, 'alice');
    const { idToken } = await readSession(scenario, browser);
    const url = `${origin}/-/backchannel-logout/demo`;
    const anyone = createBrowser(scenario);
    const patient = { form: { logout_token: 'x.y.z' }, headers: { expect: '100-continue' } };
    assert.equal((await anyone.open(url, patient)).status, 400);
    for (const form of [{}, { logout_token: '' }, { logout_token: 'x.y.z' }, { logout_token: idToken }]) {
      const answer = await anyone.open(url, { form });
      assert.equal(answer.status, 400);
      assert.equal(answer.headers['cache-control'], 'no-store');
      assert.equal((JSON.parse(answer.body) as { error: string }).error, 'invalid_request');
    }
    assert.equal((await anyone.open(`${origin}/-/backchannel-logout/nobody`, { form: {} })).status, 404);
    const large = await anyone.open(url, { form: { logout_token: 'x'.repeat(40_000) } });
    assert.equal(large.status, 400);
    assert.equal((await browser.open(`${origin}${METRICS}`)).status, 200);
  });
});

describe('what is written down', () => {
  it('names who signed in and out, and holds no code, state, cookie or token', async () => {
    const { browser, answer } = await signIn(scenario, 'alice');
    const session = await readSession(scenario, browser);
    const callback = answer.hops.find(({ pathname }) => pathname === '/-/callback/demo');
    assert.ok(callback !== undefined);
    const cookies = [...browser.cookies('localhost').values()].filter((value) => value.length > 20);
    await browser.open(`${origin}/-/logout`, { form: {}, site: 'same-origin' });
    const events = await eventually('the logout', async () => {
      const all = await scenario.auditEvents();
      const last = all.at(-1);
      return last?.annotations?.['kubelet-gateway.io/login'] === 'signed out' ? all : undefined;
    });
    const noted = (note: string) =>
      events.filter(
        ({ stage, annotations }) =>
          stage === 'ResponseComplete' && annotations?.['kubelet-gateway.io/login'] === note,
      );
    const into = noted('signed in').at(-1);
    assert.equal(into?.user.username, 'alice');
    assert.equal(into.requestURI, '/-/callback/demo');
    assert.equal(into.annotations?.['kubelet-gateway.io/login-provider'], 'demo');
    assert.equal(noted('signed out').at(-1)?.user.username, 'alice');
    assert.ok(noted('signed out by the provider').length > 0);
    assert.ok(
      events.some(
        ({ requestURI, responseStatus }) => requestURI === '/-/callback/demo' && responseStatus?.code === 400,
      ),
      'refusals are there too',
    );
    const written = `${await scenario.gatewayLog()}${JSON.stringify(events)}`;
    const secrets = [
      ...cookies,
      session.id,
      session.refreshToken ?? '',
      session.idToken.split('.')[2] ?? '',
      callback.searchParams.get('code') ?? '',
      callback.searchParams.get('state') ?? '',
      'secret-words-of-the-provider',
    ];
    for (const secret of secrets) {
      assert.ok(secret.length > 10);
      assert.ok(!written.includes(secret), secret.slice(0, 6));
    }
  });
});
