// The two readers of one connection: plain requests, and the first that is not, which goes to Node's server with all
// that follows it. Whatever comes second gets what it gets where Node has read the first too.

import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { connect as connectTcp } from 'node:net';
import { duplexPair } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { queryObjects } from 'node:v8';
import { before, describe, it } from 'node:test';
import type { Received } from '../../src/core/exchange.ts';
import { systemClock } from '../../src/core/ports.ts';
import { sendAnswer } from '../../src/listen/answer.ts';
import type { Connection } from '../../src/listen/connection.ts';
import { PlainAnswer } from '../../src/listen/plain-answer.ts';
import { PlainConnection, createPlainSide } from '../../src/listen/plain-side.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import type { TestListener, TestPki } from './gateway.ts';
import {
  alike,
  createHands,
  createPki,
  ended,
  parseAnswer,
  readAll,
  readUntil,
  sayOk,
  startListener,
} from './gateway.ts';

const PLAIN = 'GET /nodes/n/x HTTP/1.1\r\nHost: a\r\n\r\n';
const OTHER = 'GET /nodes/n/x HTTP/1.1\r\nHost: a\r\nX-Other: 1\r\n\r\n';
const LAST = 'GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
const UPGRADE = 'GET /nodes/n/exec HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';
const BODY = Array.from({ length: 20_000 }, (_, i) => `${i};`).join('');
const BIG = `GET /nodes/n/${'x'.repeat(20_000)} HTTP/1.1\r\nHost: a\r\n\r\n`;

const post = (body: string): string =>
  `POST /nodes/n/x HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

/** Of a TLS client: Node's types know it of servers only. */
const HALF_OPEN = { allowHalfOpen: true } as ConnectionOptions;

/** The TCP connections below. */
const inners = new WeakMap<TLSSocket, Socket>();
function inner(socket: TLSSocket): Socket {
  const tcp = inners.get(socket);
  assert.ok(tcp !== undefined);
  return tcp;
}

const isPlain = ({ reply }: Received): boolean => reply.kind === 'http' && reply.request === undefined;

/** Says how long the body was and how it ended, and what was asked. */
const sayBody = (received: Received): void => {
  const { reply, target } = received;
  // The empty body of all is read by nobody: who does, leaves listeners at it.
  const read = received.body.readableEnded ? Promise.resolve('') : text(received.body);
  void read.then((body) => {
    const early = reply.kind === 'upgrade' ? ` early ${reply.head.toString()}` : '';
    sendAnswer(received, {
      contentType: 'text/plain',
      body: `ok ${received.method} ${target.length} ${target.slice(0, 20)} ${body.length} ${body.slice(-20)}${early}\n`,
    });
  });
};

async function write(socket: TLSSocket, bytes: string): Promise<void> {
  await new Promise((resolve) => socket.write(bytes, 'latin1', resolve));
  await new Promise((resolve) => setTimeout(resolve, 5));
}

let pki: TestPki;
before(async () => {
  pki = await createPki();
});

describe('plain requests', () => {
  it('are read on one connection as often as they come, and leave no listener behind', async (t) => {
    const gateway = await startListener(t, pki);
    const listenersAfter = async (requests: number): Promise<unknown> => {
      const socket = await gateway.open();
      socket.setMaxListeners(0);
      for (let i = 0; i < requests; i += 1) {
        socket.write(PLAIN);
        assert.match(await readUntil(socket, 'ok GET /nodes/n/x'), /^HTTP\/1\.1 200 /);
      }
      socket.write(OTHER);
      await readUntil(socket, 'ok GET /nodes/n/x');
      const reply = gateway.received.at(-1)?.reply;
      const server = reply?.kind === 'http' ? reply.request?.socket : undefined;
      assert.ok(server !== undefined);
      return server.eventNames().map((name) => [name, server.listenerCount(name)]);
    };
    assert.deepEqual(await listenersAfter(50), await listenersAfter(0));
    assert.deepEqual(gateway.received.map(isPlain), [...Array<boolean>(50).fill(true), false, false]);
    await Promise.all(gateway.received.map(ended));
    assert.ok(gateway.received.every(({ lifetime }) => lifetime.reason === 'completed'));
    assert.equal(gateway.live.count, 0);
  });

  it('are not read any more after one that is not plain', async (t) => {
    const gateway = await startListener(t, pki);
    const socket = await gateway.open();
    for (const request of [PLAIN, OTHER, PLAIN, PLAIN]) {
      socket.write(request);
      await readUntil(socket, 'ok GET /nodes/n/x');
    }
    assert.deepEqual(gateway.received.map(isPlain), [true, false, false, false]);
  });

  it('have an address, a certificate and an empty body, as others have', async (t) => {
    const gateway = await startListener(t, pki, { trustedProxies: ['127.0.0.1/32'] });
    const socket = await gateway.open();
    for (const more of ['', 'X-Other: 1\r\n']) {
      socket.write(PLAIN.replace('Host: a\r\n', `Host: a\r\nX-Forwarded-For: 192.0.2.7\r\n${more}`));
      await readUntil(socket, 'ok GET');
    }
    const [plain, other] = gateway.received;
    assert.ok(plain !== undefined && other !== undefined);
    assert.deepEqual([isPlain(plain), isPlain(other)], [true, false]);
    assert.deepEqual(plain.peer, other.peer);
    assert.deepEqual(plain.peer.sourceIPs, ['192.0.2.7', '127.0.0.1']);
    for (let i = 0; i < 2; i += 1) assert.equal(await text(plain.body), '');
    assert.equal(plain.body.readableEnded, true);
  });
});

describe('what follows a plain request', () => {
  const ROWS: readonly (readonly [what: string, pieces: readonly string[]])[] = [
    ['another', [PLAIN, LAST]],
    ['POST with a body', [post('body'), LAST]],
    [
      'POST with a body in many pieces',
      [
        post(BODY).slice(0, 50),
        ...(post(BODY)
          .slice(50)
          .match(/.{1,30000}/gs) ?? []),
        LAST,
      ],
    ],
    ['POST with a large body, in one piece', [post(BODY), LAST]],
    [
      'POST in chunks',
      [
        'POST /nodes/n/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n',
        LAST,
      ],
    ],
    ['GET with a body', [`${PLAIN.slice(0, -2)}Content-Length: 4\r\n\r\nbody`, LAST]],
    ['a body that looks like a request', [post(PLAIN), LAST]],
    ['an upgrade', [UPGRADE]],
    ['an upgrade with early bytes', [`${UPGRADE}EARLY`]],
    ['an upgrade to h2c', [UPGRADE.replace('websocket', 'h2c')]],
    ['CONNECT', ['CONNECT node-1:10250 HTTP/1.1\r\nHost: node-1:10250\r\n\r\n']],
    ['HEAD', [PLAIN.replace('GET', 'HEAD'), LAST]],
    ['OPTIONS', [PLAIN.replace('GET', 'OPTIONS'), LAST]],
    ['another path', [PLAIN.replace('/nodes/n', ''), LAST]],
    ['HTTP/1.0', [PLAIN.replace('1.1', '1.0')]],
    ['the wish to close', [PLAIN.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n')]],
    ['two Host lines', [PLAIN.replace('Host: a', 'Host: a\r\nHost: b')]],
    ['no Host', [PLAIN.replace('Host: a\r\n', 'Accept: host\r\n')]],
    [
      'Transfer-Encoding and Content-Length',
      [PLAIN.replace('Host: a', 'Host: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked')],
    ],
    ['bare line feeds', [PLAIN.replaceAll('\r\n', '\n')]],
    ['a NUL', [PLAIN.replace('Host: a', 'Host: a\0')]],
    ['a folded line', [PLAIN.replace('Host: a', 'Host: a\r\n b')]],
    ['garbage', ['GARBAGE\r\n\r\n']],
    ['an empty line, and another', [`\r\n${PLAIN}`, LAST]],
    ['another in two halves', [PLAIN.slice(0, 30), PLAIN.slice(30), LAST]],
    ['another, cut before its last byte', [PLAIN.slice(0, -1), PLAIN.slice(-1), LAST]],
    ['another, byte by byte', [...(PLAIN.match(/./gs) ?? []), LAST]],
    ['a large head', [BIG, LAST]],
    ['a large head in pieces', [...(BIG.match(/.{1,7000}/gs) ?? []), LAST]],
    ['a head above 128 KiB', [BIG.replace('n/x', `n/${'x'.repeat(115_000)}`)]],
    ['101 lines', [PLAIN.replace('Host: a', `Host: a\r\n${'Accept: a\r\n'.repeat(99)}Pragma: a`)]],
    ['two at once', [PLAIN + PLAIN, LAST]],
    ['one and a half, and the rest', [PLAIN + PLAIN.slice(0, 20), PLAIN.slice(20), LAST]],
    ['two at once, the last with a body', [PLAIN + post('body'), LAST]],
    ['two at once, the last malformed', [`${PLAIN}GARBAGE\r\n\r\n`]],
    ['more than is taken at a time', [PLAIN.repeat(20)]],
  ];

  interface Outcome {
    readonly answers: string;
    readonly received: unknown;
    readonly refused: unknown;
  }

  async function run(gateway: TestListener, first: string, pieces: readonly string[]): Promise<Outcome> {
    const [receivedBefore, refusedBefore] = [gateway.received.length, gateway.refused.length];
    const socket = await gateway.open();
    socket.write(first);
    await readUntil(socket, 'ok GET');
    assert.equal(isPlain(gateway.received.at(-1) as Received), first === PLAIN);
    const answers = readAll(socket);
    for (const piece of pieces) await write(socket, piece);
    return {
      answers: alike(await answers),
      received: gateway.received
        .slice(receivedBefore + 1)
        .map(({ method, target, headers, lifetime }) => [
          method,
          target,
          [...headers.names()],
          lifetime.reason,
        ]),
      refused: gateway.refused.slice(refusedBefore).map(({ code, message }) => [code, message]),
    };
  }

  for (const [what, pieces] of ROWS) {
    it(`is read and answered as after any other: ${what}`, async (t) => {
      const gateway = await startListener(t, pki, {}, { onReceived: sayBody });
      const [plain, other] = [await run(gateway, PLAIN, pieces), await run(gateway, OTHER, pieces)];
      assert.match(plain.answers, /^HTTP\/1\.1 \d{3} /);
      assert.deepEqual(plain, other);
    });
  }

  for (const [what, pieces] of ROWS.filter(([what]) => !what.includes('another'))) {
    it(`is read and answered as by Node where nothing came before: ${what}`, async (t) => {
      const gateway = await startListener(t, pki, {}, { onReceived: sayBody });
      const socket = await gateway.open();
      const answers = readAll(socket);
      for (const piece of pieces) await write(socket, piece);
      assert.equal(alike(await answers), (await run(gateway, OTHER, pieces)).answers);
    });
  }
});

describe('a request that comes before the plain one before it is answered', () => {
  for (const [what, second, answer] of [
    ['a plain one', PLAIN.replace('/x', '/second'), /ok GET \d+ \/nodes\/n\/second 0/],
    ['one with a body', post('body'), /ok POST \d+ \/nodes\/n\/x 4 body/],
    ['an upgrade', `${UPGRADE}EARLY`, /ok GET \d+ \/nodes\/n\/exec 0 {2}early EARLY/],
    ['a malformed one', 'GARBAGE\r\n\r\n', /^HTTP\/1\.1 400 /],
  ] as const) {
    for (const together of [true, false]) {
      it(`is answered after it: ${what}, ${together ? 'in one piece' : 'later'}`, async (t) => {
        const hands = createHands();
        const gateway = await startListener(t, pki, {}, hands);
        const socket = await gateway.open();
        if (!together) socket.write(PLAIN);
        socket.write(together ? PLAIN.replace('Host: a', 'Host: a\r\nAccept: */*') : '');
        const first = await hands.next();
        assert.ok(isPlain(first));
        const answers = readAll(socket);
        for (const piece of second.match(/.{1,9}/gs) ?? []) await write(socket, piece);
        assert.equal(gateway.received.length, 1);
        sayBody(first);
        if (!what.startsWith('a malformed')) {
          const received = await hands.next();
          assert.equal(isPlain(received), what === 'a plain one');
          sayBody(received);
        }
        await write(socket, LAST);
        if (!/upgrade|malformed/.test(what)) sayBody(await hands.next());
        const [one = '', two = ''] = (await answers).split(/(?=HTTP\/1\.1 )/);
        assert.match(one, /ok GET \d+ \/nodes\/n\/x 0/);
        assert.match(two, answer);
        assert.deepEqual([first.lifetime.reason, gateway.live.count], ['completed', 0]);
      });
    }
  }
});

describe('what a client says before it is answered', () => {
  it('is kept whole and in order, more of it than is read', async (t) => {
    const hands = createHands();
    const gateway = await startListener(t, pki, {}, hands);
    const socket = await gateway.open();
    socket.write(PLAIN);
    const first = await hands.next();
    const body = BODY.repeat(10);
    const answers = readAll(socket);
    // More than 1 MB: neither Node's buffers nor the kernel's hold it, and the first is answered in the middle of it.
    socket.write(post(body), 'latin1');
    socket.write(LAST);
    await new Promise((resolve) => setTimeout(resolve, 50));
    sayOk(first);
    const second = await hands.next();
    assert.ok((await text(second.body)) === body);
    sayOk(second);
    sayOk(await hands.next());
    assert.deepEqual((await answers).match(/ok \w+ \/[a-z/]+/g), [
      'ok GET /nodes/n/x',
      'ok POST /nodes/n/x',
      'ok GET /last',
    ]);
  });

  for (const [what, piece, most] of [
    ['in pieces of a byte', 'x', 200],
    ['in pieces of 16 kB', 'x'.repeat(16_384), 16],
  ] as const) {
    it(`is not read for ever, ${what}`, async () => {
      const [side, client] = duplexPair();
      let unread = 0;
      const connection = { socket: side, closing: false, unread: () => (unread += 1), handedToNode: () => 0 };
      let answer: PlainAnswer | undefined;
      const readPlainly = createPlainSide(
        { clock: systemClock, request: (_, __, given) => (answer = given), leave: () => undefined },
        1000,
      );
      readPlainly(connection as unknown as Connection);
      client.write(PLAIN);
      await new Promise(setImmediate);
      assert.ok(answer !== undefined);
      let read = 0;
      side.on('data', () => (read += 1));
      for (let i = 0; i < 1000; i += 1) client.write(piece);
      for (let i = 0; i < 1000; i += 1) await new Promise(setImmediate);
      assert.ok(side.isPaused() && read > 0 && read < most, `${read} pieces were read`);
      assert.equal(unread, 1);
      client.resume();
      answer.end();
      for (let i = 0; i < 10; i += 1) await new Promise(setImmediate);
      assert.equal(side.isPaused(), false);
    });
  }

  it(
    'is cut off with its client, who could leave unheard, when it is too much for too long',
    { timeout: 10_000 },
    async (t) => {
      const hands = createHands();
      const gateway = await startListener(t, pki, { limits: { bodyMs: 150 } }, hands);
      const socket = await gateway.open();
      socket.on('error', () => undefined);
      socket.write(PLAIN);
      const received = await hands.next();
      socket.write(post(BODY.repeat(10)));
      await new Promise((resolve) => setTimeout(resolve, 50));
      socket.destroy();
      assert.equal(await ended(received), 'clientClosed');
    },
  );

  it('is not kept when nothing after the answer is read', { timeout: 10_000 }, async (t) => {
    const hands = createHands();
    const gateway = await startListener(t, pki, {}, hands);
    const socket = await gateway.open();
    socket.on('error', () => undefined);
    socket.write(PLAIN);
    const received = await hands.next();
    gateway.listener.drain();
    // All of it is read: that the client leaves is heard.
    await write(socket, post(BODY.repeat(20)));
    socket.destroy();
    assert.equal(await ended(received), 'clientClosed');
  });

  it('is let in when the answer comes before it was too long', async (t) => {
    const hands = createHands();
    const gateway = await startListener(t, pki, { limits: { bodyMs: 100 } }, hands);
    const socket = await gateway.open();
    const body = BODY.repeat(10);
    socket.write(PLAIN);
    const first = await hands.next();
    socket.write(post(body));
    await new Promise((resolve) => setTimeout(resolve, 50));
    sayOk(first);
    const second = await hands.next();
    assert.ok((await text(second.body)) === body);
    await new Promise((resolve) => setTimeout(resolve, 150));
    const answers = readAll(socket);
    sayOk(second);
    socket.write(LAST);
    sayOk(await hands.next());
    assert.match(await answers, /ok POST[\s\S]*ok GET \/last/);
  });
});

describe('the deadlines of the plain side', () => {
  it('let a client that says nothing go after as long as its first head may take', async (t) => {
    const gateway = await startListener(t, pki, { limits: { headMs: 80, idleMs: 60_000 } });
    const answer = parseAnswer(await readAll(await gateway.open()));
    assert.equal(answer.code, 408);
  });

  it('do not let a first head take longer because it came in pieces', async (t) => {
    const gateway = await startListener(t, pki, { limits: { headMs: 1000, idleMs: 60_000 } });
    const socket = await gateway.open();
    const begun = performance.now();
    const answers = readAll(socket);
    await new Promise((resolve) => setTimeout(resolve, 800));
    socket.write(PLAIN.slice(0, 9));
    assert.equal(parseAnswer(await answers).code, 408);
    assert.ok(performance.now() - begun < 1700);
  });

  it('close an idle connection without a word, and not before clients were told', async (t) => {
    const gateway = await startListener(t, pki, { limits: { idleMs: 100, headMs: 60_000 } });
    const socket = await gateway.open();
    socket.write(PLAIN);
    await readUntil(socket, 'ok GET');
    const begun = performance.now();
    assert.equal(await readAll(socket), '');
    assert.ok(performance.now() - begun > 900);
  });

  it('count a slow head from its first byte, whatever the connection has been idle', async (t) => {
    const gateway = await startListener(t, pki, { limits: { idleMs: 60_000, headMs: 150 } });
    const socket = await gateway.open();
    socket.write(PLAIN);
    await readUntil(socket, 'ok GET');
    const answers = readAll(socket);
    await new Promise((resolve) => setTimeout(resolve, 300));
    const begun = performance.now();
    for (const byte of PLAIN.slice(0, 30)) {
      socket.write(byte);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const answer = parseAnswer(await answers);
    assert.deepEqual([answer.code, gateway.received.length], [408, 1]);
    const took = performance.now() - begun;
    assert.ok(took > 120 && took < 5000, `${took} ms`);
  });

  it('do not hold for an answer that takes its time', async (t) => {
    const hands = createHands();
    const gateway = await startListener(t, pki, { limits: { idleMs: 10, headMs: 10, bodyMs: 10 } }, hands);
    const socket = await gateway.open();
    socket.write(PLAIN);
    const received = await hands.next();
    await new Promise((resolve) => setTimeout(resolve, 1200));
    sayOk(received);
    assert.match(await readUntil(socket, 'ok GET'), /^HTTP\/1\.1 200 /);
  });

  it('end a connection that is idle at once, whatever its client has yet to take', async (t) => {
    const clock = createFakeClock();
    const hands = createHands();
    const gateway = await startListener(t, pki, {}, { ...hands, clock });
    const socket = await gateway.open();
    socket.resume().write(PLAIN);
    const received = await hands.next();
    assert.ok(received.reply.kind === 'http');
    const { socket: own } = received.reply.response;
    sendAnswer(received, { contentType: 'text/plain', body: 'ok' }, clock);
    await ended(received);
    clock.advance(75_999);
    assert.equal(own?.destroyed, false);
    clock.advance(1);
    assert.equal(own.destroyed, true);
  });

  it('leave no timer behind', async (t) => {
    const clock = createFakeClock();
    const hands = createHands();
    const gateway = await startListener(t, pki, {}, { ...hands, clock });
    for (const how of ['answered', 'unanswered', 'unread', 'upgraded'] as const) {
      const socket = await gateway.open();
      socket.on('error', () => undefined).resume();
      socket.write(PLAIN);
      const received = await hands.next();
      if (how === 'answered') sendAnswer(received, { contentType: 'text/plain', body: 'ok' }, clock);
      if (how === 'unread') await write(socket, post(BODY));
      if (how === 'upgraded') {
        sendAnswer(received, { contentType: 'text/plain', body: 'ok' }, clock);
        socket.write(UPGRADE);
        const { reply } = await hands.next();
        assert.ok(reply.kind === 'upgrade');
        assert.equal(clock.pending, 0);
        reply.socket.resume();
      }
      const over = ended(received);
      socket.destroy();
      if (how === 'unread') clock.advance(300_000);
      await over;
      while (gateway.live.count > 0) await new Promise(setImmediate);
      await new Promise((resolve) => setTimeout(resolve, 20));
      assert.equal(clock.pending, 0, how);
    }
  });
});

describe('the last answer of a plain connection', () => {
  it('says that it is the last', async (t) => {
    const hands = createHands();
    const gateway = await startListener(t, pki, {}, hands);
    const socket = await gateway.open();
    socket.write(PLAIN);
    const received = await hands.next();
    gateway.listener.drain();
    const answers = readAll(socket);
    sayOk(received);
    assert.match(await answers, /\r\nConnection: close\r\n[^]*ok GET/);
  });
});

describe('a client of the plain side', () => {
  /** Node's side first, which is what the other is to be like. */
  const BOTH = [OTHER, PLAIN];

  it('that half-closes before its answer is gone', async (t) => {
    for (const request of BOTH) {
      const hands = createHands();
      const gateway = await startListener(t, pki, {}, hands);
      const socket = await gateway.open(HALF_OPEN);
      socket.write(request);
      const received = await hands.next();
      const answers = readAll(socket);
      socket.end();
      assert.equal(await ended(received), 'clientClosed');
      sayOk(received);
      assert.equal(await answers, '');
    }
  });

  it('that half-closes in the middle of its answer is gone', async (t) => {
    for (const request of BOTH) {
      const hands = createHands();
      const gateway = await startListener(t, pki, {}, hands);
      const socket = await gateway.open(HALF_OPEN);
      socket.write(request);
      const received = await hands.next();
      assert.ok(received.reply.kind === 'http');
      const { response } = received.reply;
      response.writeHead(200, []);
      response.write('some');
      await readUntil(socket, 'some');
      socket.end();
      const answers = readAll(socket);
      assert.equal(await ended(received), 'clientClosed');
      response.write('more');
      response.end();
      assert.doesNotMatch(await answers, /more/);
    }
  });

  it('that resets its connection with the last of its answer on the way has not got it', async (t) => {
    for (const request of BOTH) {
      const hands = createHands();
      const gateway = await startListener(t, pki, {}, hands);
      const tcp = connectTcp({ host: '127.0.0.1', port: gateway.port });
      const socket = await gateway.open({ socket: tcp });
      socket.on('error', () => undefined).pause();
      socket.write(request);
      const received = await hands.next();
      assert.ok(received.reply.kind === 'http');
      received.reply.response.end('x'.repeat(16 * 1024 * 1024), 'latin1');
      await new Promise((resolve) => setTimeout(resolve, 50));
      assert.equal(received.lifetime.ended, false);
      tcp.resetAndDestroy();
      assert.equal(await ended(received), 'clientClosed');
    }
  });

  it('that half-closes between two requests is closed', async (t) => {
    for (const request of BOTH) {
      const gateway = await startListener(t, pki);
      const socket = await gateway.open(HALF_OPEN);
      socket.write(request);
      await readUntil(socket, 'ok GET');
      const rest = readAll(socket);
      socket.end();
      assert.equal(await rest, '');
    }
  });

  it('that says its last with its request is answered, when that is done at once', async (t) => {
    for (const request of BOTH) {
      const gateway = await startListener(t, pki);
      const socket = await gateway.open(HALF_OPEN);
      const answers = readAll(socket);
      socket.end(request);
      assert.match(await answers, /ok GET \/nodes\/n\/x$/);
    }
  });

  for (const [what, break_] of [
    ['resets its connection', (socket: TLSSocket) => void inner(socket).resetAndDestroy()],
    [
      'sends what is no TLS',
      (socket: TLSSocket) => void inner(socket).write(Buffer.from(`1703030014${'01'.repeat(20)}`, 'hex')),
    ],
    ['closes TCP without a word of TLS', (socket: TLSSocket) => void inner(socket).end()],
  ] as const) {
    for (const when of ['before its answer', 'between two requests', 'with early bytes'] as const) {
      it(`that ${what} ${when} ends its exchange and nothing else`, { timeout: 10_000 }, async (t) => {
        const hands = createHands();
        const gateway = await startListener(t, pki, {}, hands);
        const tcp = connectTcp({ host: '127.0.0.1', port: gateway.port });
        tcp.on('error', () => undefined);
        const socket = await gateway.open({ socket: tcp });
        inners.set(socket, tcp);
        socket.on('error', () => undefined).resume();
        socket.write(PLAIN);
        const received = await hands.next();
        if (when === 'between two requests') {
          sayOk(received);
          assert.equal(await ended(received), 'completed');
        }
        if (when === 'with early bytes') await write(socket, PLAIN);
        break_(socket);
        if (when !== 'between two requests') {
          assert.equal(await ended(received), 'clientClosed');
          sayOk(received);
        }
        // Whoever is next is answered, and a drain waits for nobody.
        const answers = gateway.say(LAST);
        sayOk(await hands.next());
        assert.match(await answers, /ok GET \/last$/);
        assert.equal(gateway.live.count, 0);
        await gateway.listener.close();
      });
    }
  }
});

describe('a drain of the plain side', () => {
  it('closes what is idle, answers what runs, and turns away what is new', async (t) => {
    const hands = createHands();
    const gateway = await startListener(t, pki, {}, hands);
    const [idle, busy, fresh] = [await gateway.open(), await gateway.open(), await gateway.open()];
    idle.write(PLAIN);
    sayOk(await hands.next());
    await readUntil(idle, 'ok GET');
    busy.write(PLAIN);
    const running = await hands.next();
    const answers = [idle, busy, fresh].map(readAll);
    gateway.listener.drain();
    assert.equal(await answers[0], '');
    await write(fresh, PLAIN);
    const refused = parseAnswer((await answers[2]) ?? '');
    assert.deepEqual(
      [refused.code, refused.headers.get('connection'), refused.headers.get('retry-after')],
      [503, 'close', '1'],
    );
    assert.equal(gateway.refused[0]?.code, 503);
    // What comes behind the running one is not read any more.
    await write(busy, PLAIN);
    sayOk(running);
    assert.match((await answers[1]) ?? '', /ok GET \/nodes\/n\/x$/);
    assert.deepEqual([gateway.received.length, gateway.live.count], [2, 0]);
  });
});

describe('an upgraded connection', () => {
  it('keeps nothing of the plain side, nor the first bytes', async (t) => {
    const hands = createHands();
    const gateway = await startListener(t, pki, {}, hands);
    const sockets: TLSSocket[] = [];
    // Of connections of other tests, which are still on their way out.
    const before = [PlainConnection, PlainAnswer].map((made) => queryObjects(made, { format: 'count' }));
    for (let i = 0; i < 20; i += 1) {
      const socket = await gateway.open();
      sockets.push(socket);
      if (i % 2 === 0) {
        socket.write(PLAIN);
        sayOk(await hands.next());
        await readUntil(socket, 'ok GET');
      }
      socket.write(UPGRADE);
      const { reply } = await hands.next();
      assert.ok(reply.kind === 'upgrade');
      assert.equal(reply.head.buffer.byteLength, 0);
      assert.equal(reply.socket.readableLength, 0);
      assert.equal(reply.socket.listenerCount('data'), 0);
      assert.equal(reply.socket.listenerCount('drain'), 0);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
    gateway.received.length = 0;
    for (const [i, made] of [PlainConnection, PlainAnswer].entries()) {
      assert.ok(queryObjects(made, { format: 'count' }) <= (before[i] ?? 0), made.name);
    }
    assert.equal(sockets.filter(({ destroyed }) => destroyed).length, 0);
  });
});
