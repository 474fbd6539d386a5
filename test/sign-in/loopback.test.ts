// The port on which the command line waits for the browser's answer: this machine's alone (S36), with a path, a host and a
// state that must be the very ones; and two logins at once that want the same one.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { it } from 'node:test';
import { listenForAnswer } from '../../src/sign-in/loopback.ts';
import { SignInError } from '../../src/sign-in/sign-in-error.ts';

it('says in words that the port is taken, takes another that is allowed, and the first one when it is free', async () => {
  const first = await listenForAnswer([0]);
  const port = Number(new URL(first.redirectUri).port);
  await assert.rejects(listenForAnswer([port]), (error) => {
    assert.ok(error instanceof SignInError);
    assert.match(error.message, /no port for the answer of the browser is free.*--redirect-port/);
    return true;
  });
  const second = await listenForAnswer([port, 0]);
  assert.notEqual(second.redirectUri, first.redirectUri);
  await second.close();
  await first.close();
  const third = await listenForAnswer([port]);
  assert.equal(third.redirectUri, first.redirectUri);
  await third.close();
});

it('is reached from this machine alone', async () => {
  const loopback = await listenForAnswer([0]);
  assert.match(loopback.redirectUri, /^http:\/\/127\.0\.0\.1:\d+\/callback$/);
  const port = Number(new URL(loopback.redirectUri).port);
  const others = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .filter(({ address }) => address !== '127.0.0.1' && !address.startsWith('fe80'))
    .map(({ address }) => address);
  for (const host of [...others, '127.0.0.2']) {
    const isReached = await new Promise<boolean>((resolve) => {
      const socket = connect({ host, port });
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
      socket.unref();
    });
    assert.equal(isReached, false, host);
  }
  await loopback.close();
});

it('takes nothing but the answer itself', async () => {
  const loopback = await listenForAnswer([0]);
  const { port, host } = new URL(loopback.redirectUri);
  const answered = { url: '' };
  const answer = loopback
    .answer('right', AbortSignal.timeout(20_000))
    .then((url) => (answered.url = url.href));
  const ask = (path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<number> =>
    new Promise((resolve, reject) => {
      request({ host: '127.0.0.1', port, path, method, headers: { host, ...headers } }, (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      })
        .once('error', reject)
        .end();
    });
  for (const [path, code] of [
    ['/callback?code=x&state=wrong', 400],
    ['/callback?code=x&state=right%00', 400],
    ['/callback?code=x&state=RIGHT', 400],
    ['/callback?code=x&state=wrong&state=right', 400],
    ['/callback?code=x#state=right', 400],
    ['/callback/?code=x&state=right', 404],
    ['/Callback?code=x&state=right', 404],
    ['//evil.example/callback?code=x&state=right', 404],
    ['http://evil.example/callback?code=x&state=right', 404],
    [`/callback%3fcode=x&state=right`, 404],
  ] as const) {
    assert.equal(await ask(path), code, path);
  }
  const right = '/callback?code=x&state=right';
  assert.equal(await ask(right, { host: `localhost:${port}` }), 404, 'a name that may point here');
  assert.equal(await ask(right, { host: `evil.example:${port}` }), 404);
  assert.equal(await ask(right, {}, 'POST'), 404);
  assert.equal(answered.url, '');
  assert.equal(await ask(right), 200);
  await answer;
  assert.equal(answered.url, `http://${host}${right}`);
  await loopback.close();
});

it('is over with its answer, whoever else keeps a connection to it open', async (t) => {
  const loopback = await listenForAnswer([0]);
  const { port, host } = new URL(loopback.redirectUri);
  // As browsers do that expect a page to be opened, and others who want the login to wait.
  const idle = connect({ host: '127.0.0.1', port: Number(port) });
  const slow = connect({ host: '127.0.0.1', port: Number(port) });
  t.after(() => [idle, slow].forEach((socket) => socket.destroy()));
  await Promise.all([once(idle, 'connect'), once(slow, 'connect')]);
  slow.write(`GET /callback HTTP/1.1\r\nHost: ${host}\r\n`);
  const closed = Promise.all([once(idle.resume(), 'close'), once(slow.resume(), 'close')]);
  const answer = loopback.answer('right', AbortSignal.timeout(20_000));
  const page = await fetch(`${loopback.redirectUri}?code=x&state=right`);
  await answer;
  await loopback.close();
  await closed;
  assert.match(await page.text(), /You are signed in/);
});

it('shows the page to the person whose answer ends it', async () => {
  for (let round = 0; round < 20; round += 1) {
    const loopback = await listenForAnswer([0]);
    const answer = loopback.answer('right', AbortSignal.timeout(20_000));
    const page = fetch(`${loopback.redirectUri}?code=x&state=right`).then((shown) => shown.text());
    await answer;
    await loopback.close();
    assert.match(await page, /You are signed in/);
  }
});
