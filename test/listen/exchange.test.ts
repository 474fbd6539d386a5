// What the line is handed, how long an exchange lives, and how the gateway's own answers leave.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { before, describe, it } from 'node:test';
import { Fault } from '../../src/core/fault.ts';
import { sendAnswer, sendRedirect } from '../../src/listen/answer.ts';
import { refuse } from '../../src/listen/refuse.ts';
import type { TestPki } from './gateway.ts';
import {
  PATHS,
  createHands,
  createPki,
  ended,
  get,
  parseAnswer,
  readAll,
  readUntil,
  sayOk,
  startListener,
} from './gateway.ts';

const GET = get('/x');
const UPGRADE = 'GET /exec HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';
const SPDY =
  'POST /exec HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nContent-Length: 0\r\n\r\n';
const BODY_CHUNK = 'x'.repeat(100_000);
const FORBIDDEN = new Fault('Forbidden', 'bob & <b>alice</b> may not');

describe('an exchange', () => {
  let pki: TestPki;
  before(async () => {
    pki = await createPki();
  });

  it('is handed on exactly as the client wrote it', async (t) => {
    const gateway = await startListener(t, pki);
    const target = 'http://other/a/../%2e%2e//b;c?x=1;y#frag';
    await gateway.say(
      `GET ${target} HTTP/1.1\r\nhOsT: a\r\nX-A: 1\r\nx-a:  2 \r\nAudit-Id: mine\r\nConnection: close\r\n\r\n`,
    );
    const [received] = gateway.received;
    assert.equal(received?.target, target);
    assert.equal(received.method, 'GET');
    assert.deepEqual(received.headers.all('x-a'), ['1', '2']);
    assert.notEqual(received.auditId, 'mine');
    assert.deepEqual(received.peer, { sourceIPs: ['127.0.0.1'], certificate: undefined });
  });

  for (const path of PATHS) {
    it(`ends completed on a connection that is kept alive, and leaves no listener behind (${path})`, async (t) => {
      const gateway = await startListener(t, pki);
      const socket = await gateway.open();
      let listeners: unknown;
      for (let i = 0; i < 30; i += 1) {
        socket.write(get(path));
        await readUntil(socket, `ok GET ${path}`);
        const reply = gateway.received.at(-1)?.reply;
        const server = reply?.kind === 'http' ? reply.request?.socket : undefined;
        // On the plain side plain.test.ts counts them.
        assert.equal(server === undefined, path !== '/x');
        const now = server?.eventNames().map((name) => [name, server.listenerCount(name)]);
        if (i > 0) assert.deepEqual(now, listeners);
        listeners = now;
      }
      assert.equal(gateway.received.length, 30);
      await Promise.all(gateway.received.map(ended));
      assert.deepEqual(
        new Set(gateway.received.map(({ lifetime }) => lifetime.reason)),
        new Set(['completed']),
      );
      assert.equal(gateway.live.count, 0);
    });
  }

  for (const path of PATHS) {
    it(`ends when the client leaves before the answer (${path})`, async (t) => {
      const hands = createHands();
      const gateway = await startListener(t, pki, {}, hands);
      const socket = await gateway.open();
      socket.write(get(path));
      const received = await hands.next();
      assert.equal(gateway.live.count, 1);
      socket.destroy();
      assert.equal(await ended(received), 'clientClosed');
      assert.equal(gateway.live.count, 0);
      refuse(received, FORBIDDEN);
    });
  }

  for (const path of PATHS) {
    it(`ends when the client leaves in the middle of the answer (${path})`, async (t) => {
      const hands = createHands();
      const gateway = await startListener(t, pki, {}, hands);
      const socket = await gateway.open();
      socket.write(get(path));
      const received = await hands.next();
      assert.ok(received.reply.kind === 'http');
      received.reply.response.write('some');
      await readUntil(socket, 'some');
      socket.end();
      assert.equal(await ended(received), 'clientClosed');
    });
  }

  it('ends, with all that were pipelined, when the client leaves', async (t) => {
    const hands = createHands();
    const gateway = await startListener(t, pki, {}, hands);
    const socket = await gateway.open();
    socket.write(GET.repeat(3));
    const received = [await hands.next(), await hands.next(), await hands.next()];
    socket.destroy();
    assert.deepEqual(await Promise.all(received.map(ended)), Array(3).fill('clientClosed'));
  });

  it('ends when the client of an upgrade leaves', async (t) => {
    const hands = createHands();
    const gateway = await startListener(t, pki, {}, hands);
    const socket = await gateway.open();
    socket.write(UPGRADE);
    const received = await hands.next();
    assert.ok(received.reply.kind === 'upgrade');
    received.reply.socket.resume();
    socket.destroy();
    assert.equal(await ended(received), 'clientClosed');
  });

  it('survives an error on an upgraded socket', async (t) => {
    const hands = createHands();
    const gateway = await startListener(t, pki, {}, hands);
    const socket = await gateway.open();
    socket.write(UPGRADE);
    const received = await hands.next();
    assert.ok(received.reply.kind === 'upgrade');
    received.reply.socket.destroy(new Error('reset'));
    assert.equal(await ended(received), 'clientClosed');
  });

  for (const [name, request] of [
    ['WebSocket', UPGRADE],
    ['SPDY', SPDY],
  ] as const) {
    it(`of an upgrade holds what the client sent early (${name})`, async (t) => {
      const hands = createHands();
      const gateway = await startListener(t, pki, {}, hands);
      const socket = await gateway.open();
      socket.write(`${request}EARLY`);
      const received = await hands.next();
      socket.write('LATER');
      assert.ok(received.reply.kind === 'upgrade');
      const { reply } = received;
      reply.socket.write('HTTP/1.1 101 Switching Protocols\r\n\r\n');
      let bytes = reply.head.toString();
      for await (const chunk of reply.socket) {
        bytes += String(chunk);
        if (bytes.length >= 10) break;
      }
      assert.equal(bytes, 'EARLYLATER');
    });
  }

  it('of an upgrade keeps nothing of what was received beside the head', async (t) => {
    const hands = createHands();
    const gateway = await startListener(t, pki, {}, hands);
    const socket = await gateway.open();
    socket.write(UPGRADE);
    const received = await hands.next();
    assert.ok(received.reply.kind === 'upgrade');
    // An empty piece of a buffer would keep all of it.
    assert.equal(received.reply.head.buffer.byteLength, 0);
    assert.equal(await text(received.body), '');
  });

  it('of an upgrade is not begun while an earlier request waits for its answer', async (t) => {
    const hands = createHands();
    const gateway = await startListener(t, pki, {}, hands);
    assert.equal(await gateway.say(GET + UPGRADE), '');
    assert.deepEqual(
      gateway.received.map(({ target }) => target),
      ['/x'],
    );
    assert.equal(gateway.refused.length, 1);
  });

  it('asks for the body of an expectant client when it is read, and not before', async (t) => {
    const hands = createHands();
    const gateway = await startListener(t, pki, {}, hands);
    const socket = await gateway.open();
    socket.write('POST /x HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 8\r\n\r\n');
    const received = await hands.next();
    const told = readUntil(socket, '\r\n\r\n');
    const body = text(received.body);
    assert.equal(await told, 'HTTP/1.1 100 Continue\r\n\r\n');
    socket.write('the ');
    socket.write('body');
    assert.equal(await body, 'the body');
    const answered = readUntil(socket, 'ok');
    sayOk(received);
    assert.match(await answered, /^HTTP\/1\.1 200/);
  });

  it('fails the body of an expectant client that leaves', async (t) => {
    const hands = createHands();
    const gateway = await startListener(t, pki, {}, hands);
    const socket = await gateway.open();
    socket.write('POST /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 8\r\n\r\n');
    const received = await hands.next();
    const told = readUntil(socket, '\r\n\r\n');
    const body = text(received.body);
    await told;
    socket.destroy();
    await assert.rejects(body);
  });

  it('refuses an expectant client without asking for its body', async (t) => {
    const gateway = await startListener(
      t,
      pki,
      {},
      { onReceived: (received) => refuse(received, FORBIDDEN) },
    );
    const bytes = await gateway.say(
      'POST /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 8\r\n\r\n',
    );
    assert.match(bytes, /^HTTP\/1\.1 403 /);
    assert.doesNotMatch(bytes, /100 Continue/);
  });
});

describe('an answer of the gateway', () => {
  let pki: TestPki;
  before(async () => {
    pki = await createPki();
  });
  const fault = new Fault('Unauthorized', 'sign in', {
    headers: { 'www-authenticate': 'Bearer realm="a"' },
    details: { kind: 'nodes', name: 'node-1' },
    cause: new Error('secret'),
  });

  for (const [name, request] of [
    ['a request', GET.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n')],
    ['a WebSocket upgrade', UPGRADE],
    ['a SPDY upgrade', `${SPDY}EARLY`],
  ] as const) {
    it(`refuses ${name} with a Status`, async (t) => {
      const gateway = await startListener(t, pki, {}, { onReceived: (received) => refuse(received, fault) });
      const answer = parseAnswer(await gateway.say(request));
      const [received] = gateway.received;
      assert.equal(answer.code, 401);
      assert.deepEqual(JSON.parse(answer.body), {
        kind: 'Status',
        apiVersion: 'v1',
        metadata: {},
        status: 'Failure',
        message: 'sign in',
        reason: 'Unauthorized',
        details: { kind: 'nodes', name: 'node-1' },
        code: 401,
      });
      assert.equal(answer.headers.get('audit-id'), received?.auditId);
      assert.equal(answer.headers.get('www-authenticate'), 'Bearer realm="a"');
      assert.equal(answer.headers.get('content-type'), 'application/json');
      assert.equal(answer.headers.get('x-content-type-options'), 'nosniff');
      assert.equal(answer.headers.get('cache-control'), 'no-store');
      assert.equal(Number(answer.headers.get('content-length')), answer.body.length);
      assert.ok(answer.headers.has('date'));
      assert.equal(received?.lifetime.reason, 'completed');
    });
  }

  for (const path of PATHS) {
    it(`keeps a connection without a body, and closes one whose body nobody read (${path})`, async (t) => {
      const gateway = await startListener(
        t,
        pki,
        {},
        { onReceived: (received) => refuse(received, FORBIDDEN) },
      );
      const socket = await gateway.open();
      for (let i = 0; i < 2; i += 1) {
        socket.write(get(path));
        assert.match(await readUntil(socket, '}\n'), /connection: keep-alive/i);
      }
      const rest = readAll(socket);
      socket.write(
        `POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n`,
      );
      assert.match(await rest, /connection: close/i);
      assert.deepEqual(
        gateway.received.map(({ target }) => target),
        [path, path, '/x'],
      );
    });
  }

  it('comes without a body to HEAD', async (t) => {
    const gateway = await startListener(
      t,
      pki,
      {},
      { onReceived: (received) => refuse(received, FORBIDDEN) },
    );
    const answer = parseAnswer(
      await gateway.say(GET.replace('GET', 'HEAD').replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n')),
    );
    assert.deepEqual([answer.code, answer.body], [403, '']);
    const upgrade = parseAnswer(await gateway.say(UPGRADE.replace('GET', 'HEAD')));
    assert.deepEqual([upgrade.code, upgrade.body], [403, '']);
  });

  it('redirects, and says how it ended', async (t) => {
    const endings: unknown[] = [];
    const gateway = await startListener(
      t,
      pki,
      {},
      {
        onReceived: (received) => {
          endings.push(sendRedirect(received, '/nodes/n/logs/'));
          endings.push(sendAnswer(received, { contentType: 'text/plain', body: 'again' }));
        },
      },
    );
    const answer = parseAnswer(await gateway.say(GET.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n')));
    assert.deepEqual([answer.code, answer.headers.get('location')], [307, '/nodes/n/logs/']);
    assert.deepEqual(endings, [{ code: 307 }, { code: 0 }]);
  });

  it('cannot have its head split', async (t) => {
    const split = new Fault('Forbidden', 'no', { headers: { 'x-a': 'b\r\nSet-Cookie: c' } });
    const gateway = await startListener(t, pki, {}, { onReceived: (received) => refuse(received, split) });
    assert.equal(parseAnswer(await gateway.say(UPGRADE)).headers.get('set-cookie'), undefined);
  });

  for (const path of PATHS) {
    it(`cuts off an answer that has begun (${path})`, async (t) => {
      const hands = createHands();
      const gateway = await startListener(t, pki, {}, hands);
      const answered = gateway.say(get(path));
      const received = await hands.next();
      assert.ok(received.reply.kind === 'http');
      received.reply.response.writeHead(200, { 'content-length': '10' });
      received.reply.response.write('some');
      refuse(received, FORBIDDEN);
      assert.ok(!(await answered).includes('Status'));
    });
  }

  it('reaches a client that sends its body first and reads then, and what follows is no request', async (t) => {
    const gateway = await startListener(
      t,
      pki,
      {},
      { onReceived: (received) => refuse(received, FORBIDDEN) },
    );
    const socket = await gateway.open();
    const write = (bytes: string): Promise<unknown> =>
      new Promise((resolve, reject) => socket.write(bytes, (error) => (error ? reject(error) : resolve(0))));
    await write(`POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${BODY_CHUNK.length * 20}\r\n\r\n`);
    await once(socket, 'readable');
    for (let chunk = 0; chunk < 20; chunk++) await write(BODY_CHUNK);
    await write('GET /second HTTP/1.1\r\nHost: localhost\r\n\r\n');
    const answer = await text(socket);
    assert.match(answer, /^HTTP\/1\.1 403 /);
    assert.equal(answer.split('HTTP/1.1').length, 2);
    assert.deepEqual(
      gateway.received.map(({ target }) => target),
      ['/x'],
    );
  });

  it('reaches curl, whose large body nobody reads', async (t) => {
    const gateway = await startListener(
      t,
      pki,
      {},
      { onReceived: (received) => refuse(received, FORBIDDEN) },
    );
    const folder = await mkdtemp(join(tmpdir(), 'listen-'));
    t.after(() => rm(folder, { recursive: true }));
    const [ca, body] = [join(folder, 'ca.crt'), join(folder, 'body')];
    await writeFile(ca, pki.serverCA.certificate);
    await writeFile(body, Buffer.alloc(2_000_000, 'x'));
    for (const expect of ['Expect:', 'Expect: 100-continue']) {
      const curl = spawn('curl', [
        '-s',
        '-i',
        '--cacert',
        ca,
        '-H',
        expect,
        '--data-binary',
        `@${body}`,
        `https://localhost:${gateway.port}/x`,
      ]);
      const output = text(curl.stdout);
      await once(curl, 'close');
      assert.match(await output, /^HTTP\/1\.1 403 [\s\S]*bob & <b>alice<\/b> may not/);
    }
  });
});
