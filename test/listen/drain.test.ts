// Health checks beside the line, slow and silent clients, and the orderly end of a listener.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { connect as connectTcp } from 'node:net';
import type { TestContext } from 'node:test';
import { before, describe, it } from 'node:test';
import type { Received } from '../../src/core/exchange.ts';
import { Lifetime } from '../../src/core/lifetime.ts';
import { systemClock } from '../../src/core/ports.ts';
import { createAdminApp } from '../../src/admin/admin.ts';
import { refuse } from '../../src/listen/refuse.ts';
import { Fault } from '../../src/core/fault.ts';
import { createLiveExchanges } from '../../src/listen/live.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createKeptLog } from '../support/kept-log.ts';
import type { TestPki } from './gateway.ts';
import { PATHS, createPki, get, parseAnswer, readAll, readUntil, sayOk, startListener } from './gateway.ts';

const CLOSE = 'Host: a\r\nConnection: close\r\n\r\n';
const UPGRADE = 'GET /livez HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';

const closed = (socket: Socket): Promise<unknown> =>
  new Promise((resolve) => {
    socket.on('error', () => undefined);
    socket.resume();
    if (socket.closed) resolve(undefined);
    else socket.once('close', resolve);
  });

let pki: TestPki;
before(async () => {
  pki = await createPki();
});

const health = () =>
  createAdminApp({
    metrics: () => Promise.resolve({ contentType: 'text/plain', body: 'metrics' }),
    checks: [{ name: 'audit', check: () => undefined }],
    log: createKeptLog(),
  });

describe('a health check on the main listener', () => {
  const rows: readonly [line: string, beside: boolean][] = [
    ['GET /livez', true],
    ['GET /readyz', true],
    ['GET /healthz', true],
    ['HEAD /livez', true],
    ['GET /readyz?verbose', true],
    ['GET /livez?exclude=audit&verbose', true],
    ['GET /livez?', true],
    ['GET /livez/', false],
    ['GET /livez/ping', false],
    ['GET /livezz', false],
    ['GET /Livez', false],
    ['GET //livez', false],
    ['GET /./livez', false],
    ['GET /x/../livez', false],
    ['GET /%6civez', false],
    ['GET /livez;x', false],
    ['GET /livez#x', false],
    ['GET http://a/livez', false],
    ['GET /nodes/n/pods?/livez', false],
    ['GET /metrics', false],
    ['POST /livez', false],
    ['OPTIONS /livez', false],
    ['GET /x', false],
  ];
  for (const [line, beside] of rows) {
    it(`${line} goes ${beside ? 'beside' : 'through'} the line`, async (t) => {
      const gateway = await startListener(t, pki, {}, { beside: health() });
      const answer = parseAnswer(
        await gateway.say(`${line} HTTP/1.1\r\nUser-Agent: kube-probe/1.36\r\n${CLOSE}`),
      );
      assert.equal(gateway.received.length, beside ? 0 : 1);
      assert.equal(answer.code, 200);
      assert.ok(answer.headers.has('audit-id'));
      assert.equal(answer.body.startsWith('ok '), !beside);
    });
  }

  it('is none when it asks for an upgrade', async (t) => {
    const gateway = await startListener(
      t,
      pki,
      {},
      { beside: health(), onReceived: (received) => refuse(received, new Fault('Unauthorized', 'no')) },
    );
    assert.equal(parseAnswer(await gateway.say(UPGRADE)).code, 401);
    assert.equal(gateway.received.length, 1);
  });

  it('goes through the line where nobody answers it', async (t) => {
    const gateway = await startListener(t, pki);
    await gateway.say(`GET /livez HTTP/1.1\r\n${CLOSE}`);
    assert.equal(gateway.received.length, 1);
  });
});

describe('a slow client', () => {
  const tcp = async (t: TestContext, port: number): Promise<Socket> => {
    const socket = connectTcp({ host: '127.0.0.1', port, noDelay: true });
    t.after(() => socket.destroy());
    await once(socket, 'connect');
    return socket;
  };

  for (const [name, exceptServerNames] of [
    ['without a look at the name', []],
    ['with a look at the name', ['people.test']],
  ] as const) {
    it(`that never finishes its handshake is cut off, ${name}`, async (t) => {
      const gateway = await startListener(t, pki, {
        limits: { handshakeMs: 150 },
        clientCertificates: { request: true, exceptServerNames },
      });
      const silent = await tcp(t, gateway.port);
      const dribbling = await tcp(t, gateway.port);
      // A ClientHello of 508 bytes that begins well and goes on for ten seconds.
      const hello = [22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3];
      const timer = setInterval(() => dribbling.write(Uint8Array.of(hello.shift() ?? 7)), 20);
      t.after(() => {
        clearInterval(timer);
      });
      await Promise.all([closed(silent), closed(dribbling)]);
      assert.equal(parseAnswer(await gateway.say(`GET /x HTTP/1.1\r\n${CLOSE}`)).code, 200);
    });
  }

  for (const path of PATHS) {
    it(`that never finishes its head gets 408 (${path})`, async (t) => {
      const gateway = await startListener(t, pki, { limits: { headMs: 150 } });
      const socket = await gateway.open();
      const answered = readAll(socket);
      socket.write(`GET ${path} HTTP/1.1\r\n`);
      const timer = setInterval(() => socket.write('a: b\r\n'), 20);
      t.after(() => {
        clearInterval(timer);
      });
      const answer = parseAnswer(await answered);
      assert.equal(answer.code, 408);
      assert.match(answer.body, /"reason":"RequestTimeout"/);
      assert.ok(answer.headers.has('audit-id'));
      assert.deepEqual(gateway.received, []);
    });
  }

  for (const path of PATHS) {
    it(`that never finishes its second head gets 408 (${path})`, async (t) => {
      const gateway = await startListener(t, pki, { limits: { headMs: 100, idleMs: 100 } });
      const socket = await gateway.open();
      socket.write(get(path));
      await readUntil(socket, `ok GET ${path}`);
      const answered = readAll(socket);
      socket.write(`GET ${path} HTTP/1.1\r\n`);
      const timer = setInterval(() => socket.write('a: b\r\n'), 20);
      t.after(() => {
        clearInterval(timer);
      });
      assert.equal(parseAnswer(await answered).code, 408);
    });
  }

  it('that never finishes its body gets 408, and the line is told', async (t) => {
    const gateway = await startListener(t, pki, { limits: { bodyMs: 100 } }, { onReceived: () => undefined });
    const answer = parseAnswer(
      await gateway.say('POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nbod'),
    );
    assert.equal(answer.code, 408);
    assert.equal(gateway.received[0]?.lifetime.reason, 'requestTimeout');
  });

  it('that has sent its body may wait for its answer', async (t) => {
    const gateway = await startListener(
      t,
      pki,
      { limits: { bodyMs: 50 } },
      {
        onReceived: (received) => void systemClock.after(150, () => sayOk(received)),
      },
    );
    const socket = await gateway.open();
    socket.write('POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody');
    assert.match(await readUntil(socket, 'ok POST /x'), /^HTTP\/1\.1 200/);
  });

  for (const path of PATHS) {
    it(`that is idle between requests is closed without a word (${path})`, async (t) => {
      const gateway = await startListener(t, pki, { limits: { idleMs: 50, headMs: 60_000 } });
      const socket = await gateway.open();
      socket.write(get(path));
      await readUntil(socket, `ok GET ${path}`);
      assert.equal(await readAll(socket), '');
    });
  }

  it('does not hold up the others', async (t) => {
    const gateway = await startListener(t, pki, {
      clientCertificates: { request: true, exceptServerNames: ['people.test'] },
    });
    const crowd = await Promise.all(Array.from({ length: 500 }, () => tcp(t, gateway.port)));
    for (const [i, socket] of crowd.entries()) if (i % 2 === 0) socket.write(Uint8Array.of(22, 3, 1));
    const started = await Promise.all(Array.from({ length: 20 }, () => gateway.open()));
    for (const socket of started) socket.write('GET /slow HTTP/1.1\r\n');
    for (let i = 0; i < 5; i += 1) {
      assert.equal(parseAnswer(await gateway.say(`GET /x HTTP/1.1\r\n${CLOSE}`)).code, 200);
    }
  });

  it('that does not read a refusal and does not close is cut off', async (t) => {
    const clock = createFakeClock();
    const seen: Received[] = [];
    const gateway = await startListener(
      t,
      pki,
      {},
      {
        onReceived: (received) => {
          seen.push(received);
          refuse(received, new Fault('Forbidden', 'no'), clock);
        },
      },
    );
    const socket = await gateway.open({ allowHalfOpen: true } as object);
    socket.on('error', () => undefined);
    socket.write(UPGRADE);
    await once(socket, 'readable');
    const [received] = seen;
    assert.ok(received?.reply.kind === 'upgrade');
    assert.equal(clock.pending, 1);
    clock.advance(10_000);
    assert.equal(received.reply.socket.destroyed, true);
  });

  it('that holds back a body which nobody reads is cut off', { timeout: 10_000 }, async (t) => {
    const clock = createFakeClock();
    const gateway = await startListener(t, pki, {}, { clock });
    const socket = await gateway.open({ allowHalfOpen: true } as object);
    socket.write('POST /x HTTP/1.1\r\nHost: a\r\nHost: b\r\nContent-Length: 9\r\n\r\n');
    assert.match(await readUntil(socket, 'Host header line'), /^HTTP\/1\.1 400 /);
    clock.advance(10_000);
    // Who only listens does not hear of it.
    const talk = setInterval(() => socket.write('x'), 10);
    await closed(socket);
    clearInterval(talk);
  });

  it('is not cut off for a refusal that waits for the answer before it', { timeout: 10_000 }, async (t) => {
    const clock = createFakeClock();
    const held: Received[] = [];
    const gateway = await startListener(
      t,
      pki,
      {},
      {
        clock,
        onReceived: (received) => {
          if (received.target === '/slow') held.push(received);
          else refuse(received, new Fault('Forbidden', 'no'), clock);
        },
      },
    );
    const socket = await gateway.open();
    socket.write(get('/slow') + get('/refused'));
    while (gateway.live.count < 2) await new Promise(setImmediate);
    clock.advance(10_000);
    const [slow] = held;
    assert.ok(slow !== undefined);
    sayOk(slow);
    assert.match(await readUntil(socket, '"message":"no"'), /ok GET \/slow[^]*HTTP\/1\.1 403 /);
  });
});

describe('a drain', () => {
  for (const path of PATHS) {
    it(`refuses what is new, lets finish what runs, and still answers health checks (${path})`, async (t) => {
      const held: Received[] = [];
      const gateway = await startListener(
        t,
        pki,
        {},
        {
          beside: health(),
          onReceived: (received) => {
            if (received.target.endsWith('/slow')) held.push(received);
            else sayOk(received);
          },
        },
      );
      const [idle, busy, fresh] = [await gateway.open(), await gateway.open(), await gateway.open()];
      idle.write(get(path));
      await readUntil(idle, `ok GET ${path}`);
      busy.write(get(`${path}/slow`));
      while (held.length === 0) await new Promise(setImmediate);

      gateway.listener.drain();
      await closed(idle);
      assert.equal(gateway.live.count, 1);

      const refused = readAll(fresh);
      fresh.write(get(path));
      const answer = parseAnswer(await refused);
      assert.equal(answer.code, 503);
      assert.equal(answer.headers.get('connection'), 'close');
      assert.equal(answer.headers.get('retry-after'), '1');
      assert.match(answer.body, /"reason":"ServiceUnavailable"/);
      assert.equal(parseAnswer(await gateway.say(UPGRADE)).code, 503);
      const probe = await gateway.open();
      const probed = readAll(probe);
      probe.write('GET /livez HTTP/1.1\r\nHost: a\r\n\r\n');
      assert.deepEqual(
        [parseAnswer(await probed).code, parseAnswer(await probed).headers.get('connection')],
        [200, 'close'],
      );

      const rest = readAll(busy);
      const empty = gateway.live.empty();
      const [slow] = held;
      assert.ok(slow !== undefined);
      sayOk(slow);
      assert.match(await rest, /ok GET [a-z/]+\/slow$/);
      await empty;
      await gateway.listener.close();
      await assert.rejects(gateway.open(), /ECONNREFUSED/);
    });
  }

  for (const path of PATHS) {
    it(`ends at last what does not end by itself (${path})`, async (t) => {
      const gateway = await startListener(
        t,
        pki,
        { limits: { closeMs: 50 } },
        { onReceived: () => undefined },
      );
      const busy = await gateway.open();
      const upgraded = await gateway.open();
      const handshaking = connectTcp({ host: '127.0.0.1', port: gateway.port });
      busy.write(get(path));
      upgraded.write(UPGRADE);
      while (gateway.received.length < 2) await new Promise(setImmediate);
      gateway.listener.drain();
      gateway.live.endAll('draining');
      await gateway.live.empty();
      await gateway.listener.close();
      await Promise.all([busy, upgraded, handshaking].map(closed));
      assert.deepEqual(
        gateway.received.map(({ lifetime }) => lifetime.reason),
        ['draining', 'draining'],
      );
    });
  }

  it('does not start on an address that is taken', async (t) => {
    const gateway = await startListener(t, pki);
    await assert.rejects(startListener(t, pki, { port: gateway.port }), /EADDRINUSE/);
  });
});

describe('the live exchanges', () => {
  it('are counted, ended and waited for', async () => {
    const live = createLiveExchanges();
    await live.empty();
    const [a, b] = [new Lifetime(), new Lifetime()];
    live.add(a);
    live.add(b);
    assert.equal(live.count, 2);
    a.end('completed');
    assert.equal(live.count, 1);
    const empty = live.empty();
    live.endAll('draining');
    await empty;
    assert.deepEqual([a.reason, b.reason], ['completed', 'draining']);
    const over = new Lifetime();
    over.end('completed');
    live.add(over);
    assert.equal(live.count, 0);
  });
});
