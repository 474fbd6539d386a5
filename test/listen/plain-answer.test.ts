// An answer to a plain request is what Node's server would have written, line by line in whatever order, and behaves as one when whoever
// writes it is late, wrong or too fast.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { before, describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';
import type { Received } from '../../src/core/exchange.ts';
import { Fault } from '../../src/core/fault.ts';
import type { HttpAnswer } from '../../src/core/http-answer.ts';
import { addCookies, sendAnswer, sendRedirect } from '../../src/listen/answer.ts';
import { refuse } from '../../src/listen/refuse.ts';
import { sendStream } from '../../src/listen/stream-answer.ts';
import type { TestListener, TestPki } from './gateway.ts';
import { alike, createHands, createPki, ended, readAll, readUntil, sayOk, startListener } from './gateway.ts';

const PLAIN = 'GET /nodes/n/x HTTP/1.1\r\nHost: a\r\n\r\n';
/** The same, read and answered by Node. */
const OTHER = 'GET /nodes/n/x HTTP/1.1\r\nHost: a\r\nX-Other: 1\r\n\r\n';
const LAST = 'GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';

let pki: TestPki;
before(async () => {
  pki = await createPki();
});

function toAnswer({ reply }: Received): HttpAnswer {
  assert.ok(reply.kind === 'http');
  return reply.response;
}

/** All that a client reads when `answer` answers it, and what follows on its connection. */
async function answersTo(
  t: TestContext,
  bytes: string,
  answer: (received: Received, response: HttpAnswer) => void,
): Promise<{ answers: string; reasons: unknown; gateway: TestListener }> {
  const gateway = await startListener(
    t,
    pki,
    {},
    {
      onReceived: (received) => {
        if (received.target === '/last') sayOk(received);
        else answer(received, toAnswer(received));
      },
    },
  );
  const socket = await gateway.open();
  const answers = readAll(socket);
  socket.write(bytes);
  while (gateway.received.length === 0) await new Promise(setImmediate);
  const [received] = gateway.received;
  assert.ok(received?.reply.kind === 'http');
  assert.equal(received.reply.request === undefined, bytes === PLAIN);
  await ended(received);
  socket.write(LAST);
  const said = alike(await answers);
  return { answers: said, reasons: gateway.received.map(({ lifetime }) => lifetime.reason), gateway };
}

/** The lines of each head in one order: what an answer says of its connection Node leaves where it is. */
const sorted = (answers: string): string[] =>
  answers.split(/(?=HTTP\/1\.1 \d)/).flatMap((answer) => {
    const end = answer.indexOf('\r\n\r\n');
    const [status = '', ...lines] = answer.slice(0, end).split('\r\n');
    return [status, ...lines.map((line) => line.toLowerCase()).sort(), answer.slice(end)];
  });

const later = (act: () => void): void => void setTimeout(act, 10);

const ROWS: readonly (readonly [what: string, answer: (received: Received, response: HttpAnswer) => void])[] =
  [
    ['one of the gateway', sayOk],
    [
      'one in UTF-8',
      (received) => void sendAnswer(received, { contentType: 'text/plain', body: 'grüße – 世界 🙂' }),
    ],
    ['an empty one', (received) => void sendAnswer(received, { contentType: 'text/plain', body: '' })],
    ['a refusal', (received) => refuse(received, new Fault('Forbidden', 'bob & <b>alice</b> may not'))],
    [
      'a refusal with lines',
      (received) =>
        refuse(
          received,
          new Fault('Unauthorized', 'no', { headers: { 'www-authenticate': 'Bearer realm="a"' } }),
        ),
    ],
    [
      'a refusal that closes',
      (received) => refuse(received, new Fault('BadRequest', 'no', { headers: { connection: 'close' } })),
    ],
    ['a redirect', (received) => void sendRedirect(received, '/nodes/n/logs/')],
    [
      'one with cookies',
      (received) => {
        addCookies(received, ['a=b; Secure', 'c=d']);
        sayOk(received);
        addCookies(received, ['late=1']);
      },
    ],
    [
      'one with cookies and lines in turns',
      (received, response) => {
        addCookies(received, ['a=b; Secure', 'c=d']);
        response.writeHead(200, ['Content-Type', 'text/plain', 'content-length', '2']);
        response.end('ok');
      },
    ],
    [
      'two',
      (received) => {
        sayOk(received);
        sayOk(received);
      },
    ],
    [
      'one with a length, in pieces',
      (_, response) => {
        response.writeHead(200, ['Content-Length', '9', 'X-A', '1', 'X-B', 'b']);
        response.write('some');
        later(() => {
          response.write(Buffer.from('body'));
          later(() => void response.end('!'));
        });
      },
    ],
    [
      'one with a length, in two',
      (_, response) => {
        response.writeHead(200, ['Content-Length', '4']);
        response.write('some');
        response.end();
      },
    ],
    [
      'one without a length',
      (_, response) => {
        response.writeHead(200, { 'content-type': 'text/plain' });
        response.write('some');
        response.write('');
        response.write(Buffer.alloc(0));
        later(() => {
          response.write('möre');
          response.write(Buffer.alloc(300, 'x'));
          response.end('end');
        });
      },
    ],
    [
      'one without a length, as Latin-1',
      (_, response) => {
        response.writeHead(200, []);
        response.end('caf\xe9', 'latin1');
      },
    ],
    [
      'one without a length, as Latin-1, at the end',
      (_, response) => {
        response.writeHead(200, []);
        response.write('caf\xe9');
        response.end('caf\xe9', 'latin1');
      },
    ],
    [
      'one with a length, as Latin-1',
      (_, response) => {
        response.writeHead(200, ['content-length', '4']);
        response.end('caf\xe9', 'latin1');
      },
    ],
    [
      'one without a length and a body',
      (_, response) => {
        response.writeHead(200, []);
        response.end();
      },
    ],
    [
      'its head first',
      (_, response) => {
        response.writeHead(200, []);
        response.flushHeaders();
        response.flushHeaders();
        later(() => void response.end('body'));
      },
    ],
    [
      'nothing but a body',
      (_, response) => {
        response.write('some');
        response.end('more');
      },
    ],
    [
      'one that says itself that it comes in chunks',
      (_, response) => {
        response.writeHead(200, ['Transfer-Encoding', 'chunked']);
        response.end('body');
      },
    ],
    [
      'an unknown code',
      (_, response) => {
        response.writeHead(299, ['content-length', '0']);
        response.end();
      },
    ],
    [
      'its own Date',
      (_, response) => {
        response.writeHead(200, ['Date', 'Thu, 01 Jan 1970 00:00:00 GMT', 'Content-Length', '0']);
        response.end();
      },
    ],
    [
      'Connection: close',
      (_, response) => {
        response.writeHead(200, ['Connection', 'close']);
        response.write('some');
        response.end('more');
      },
    ],
    [
      'Connection: Close',
      (_, response) => {
        response.writeHead(200, ['connection', 'Close', 'content-length', '0']);
        response.end();
      },
    ],
    ...[204, 304].flatMap((code) => [
      [
        `${code}`,
        (_: Received, response: HttpAnswer) => {
          response.writeHead(code, ['X-A', '1']);
          response.end();
        },
      ] as const,
      [
        `${code} with a body all the same`,
        (_: Received, response: HttpAnswer) => {
          response.writeHead(code, []);
          response.write('some');
          response.end('more', 'latin1');
        },
      ] as const,
      [
        `${code} that closes`,
        (_: Received, response: HttpAnswer) => {
          response.writeHead(code, ['connection', 'close']);
          response.end();
        },
      ] as const,
    ]),
    [
      '304 with a length',
      (_, response) => {
        response.writeHead(304, ['Content-Length', '10']);
        response.end();
      },
    ],
    [
      'one that is written to after its end',
      (_, response) => {
        response.on('error', () => undefined);
        response.writeHead(200, ['content-length', '2']);
        response.end('ok');
        assert.equal(response.write('more'), false);
        assert.equal(response.write(Buffer.from('more')), false);
        response.end('more');
        response.end();
        response.flushHeaders();
        assert.throws(() => response.writeHead(200, []));
        assert.throws(() => response.appendHeader('a', 'b'));
        response.once('close', () => {
          assert.equal(response.write('more'), false);
          response.end('more');
        });
      },
    ],
    [
      'one that is destroyed when it is over',
      (received, response) => {
        response.once('close', () => later(() => void response.destroy()));
        sayOk(received);
      },
    ],
    [
      'one that is destroyed in the middle',
      (_, response) => {
        response.writeHead(200, ['content-length', '10']);
        response.write('some');
        later(() => {
          response.destroy();
          assert.equal(response.destroyed, true);
          response.destroy();
          response.write('more');
        });
      },
    ],
    [
      'one that is refused in the middle',
      (received, response) => {
        response.writeHead(200, ['content-length', '10']);
        response.write('some');
        later(() => refuse(received, new Fault('Forbidden', 'no')));
      },
    ],
    [
      'a stream',
      (received) => {
        // eslint-disable-next-line @typescript-eslint/require-await
        const body = (async function* () {
          yield 'one ';
          yield Buffer.from('two ');
          yield 'drei ü';
        })();
        void sendStream(received, { contentType: 'text/plain', body }, { started: () => undefined });
      },
    ],
  ];

describe('an answer to a plain request', () => {
  for (const [what, answer] of ROWS) {
    it(`is as Node's: ${what}`, async (t) => {
      const plain = await answersTo(t, PLAIN, answer);
      const other = await answersTo(t, OTHER, answer);
      assert.match(plain.answers, /^HTTP\/1\.1 \d{3} /);
      assert.deepEqual(sorted(plain.answers), sorted(other.answers));
      assert.deepEqual(plain.reasons, other.reasons);
    });
  }

  it('has the time, and says how long the connection is kept', async (t) => {
    const gateway = await startListener(t, pki, { limits: { idleMs: 12_345 } });
    const socket = await gateway.open();
    socket.write(PLAIN);
    const answer = await readUntil(socket, 'ok GET');
    assert.match(answer, /\r\nConnection: keep-alive\r\nKeep-Alive: timeout=12\r\n/);
    const [, date = ''] = /\r\nDate: (.*)\r\n/.exec(answer) ?? [];
    assert.ok(Math.abs(Date.now() - Date.parse(date)) < 3000);
  });

  for (const [what, [name, value]] of [
    ['a line end in a value', ['x-a', 'b\r\nSet-Cookie: c']],
    ['a bare CR in a value', ['x-a', 'b\rc']],
    ['a bare LF in a value', ['x-a', 'b\nc']],
    ['a NUL in a value', ['x-a', 'b\0c']],
    ['a value above Latin-1', ['x-a', '世\u010a']],
    ['a line end in a name', ['x-a\r\nx-b', 'c']],
    ['a colon in a name', ['x:a', 'c']],
    ['a blank in a name', ['x a', 'c']],
    ['an empty name', ['', 'c']],
    ['a line end in Connection', ['connection', 'close\r\nSet-Cookie: c']],
    ['a line end in Content-Length', ['content-length', '0\r\nSet-Cookie: c']],
  ] as const) {
    it(`cannot have its head split, and can be given another: ${what}`, async (t) => {
      const { answers } = await answersTo(t, PLAIN, (received, response) => {
        assert.throws(() => response.writeHead(200, [name, value]), TypeError);
        assert.throws(() => response.writeHead(200, { [name]: value }), TypeError);
        assert.throws(() => response.appendHeader(name, value), TypeError);
        assert.equal(response.headersSent, false);
        sayOk(received);
      });
      assert.match(answers, /^HTTP\/1\.1 200 OK\r\ncontent-type: text\/plain\r\ncontent-length: 17\r\n/);
      assert.doesNotMatch(answers, /x-a|set-cookie/i);
      assert.match(answers, /ok GET \/nodes\/n\/xHTTP\/1\.1 200 OK/);
    });
  }

  it('tells what has become of it', async (t) => {
    for (const bytes of [OTHER, PLAIN]) {
      const states: unknown[] = [];
      await answersTo(t, bytes, (_, response) => {
        const note = (): void => {
          const { headersSent, writableEnded, writableFinished, destroyed, closed } = response;
          states.push([headersSent, writableEnded, writableFinished, destroyed, closed]);
        };
        note();
        response.writeHead(200, []);
        note();
        response.write('some');
        response.end();
        note();
        response.once('close', note);
      });
      assert.deepEqual(states, [
        [false, false, false, false, false],
        [true, false, false, false, false],
        [true, true, false, false, false],
        [true, true, true, true, true],
      ]);
    }
  });

  it('leaves its connection to the next when it is over', { timeout: 10_000 }, async (t) => {
    const hands = createHands();
    const gateway = await startListener(t, pki, {}, hands);
    const socket = await gateway.open();
    const answers = readAll(socket);
    socket.write(PLAIN);
    const first = await hands.next();
    sayOk(first);
    await ended(first);
    socket.write(PLAIN);
    const second = await hands.next();
    toAnswer(first).destroy();
    sayOk(second);
    assert.equal(await ended(second), 'completed');
    socket.write(LAST);
    sayOk(await hands.next());
    assert.match(await answers, /(ok GET \/nodes\/n\/x[\s\S]*){2}ok GET \/last$/);
  });

  it('emits close once, however it ends', async (t) => {
    for (const end of ['whole', 'destroyed', 'left'] as const) {
      let closes = 0;
      const hands = createHands();
      const gateway = await startListener(t, pki, {}, hands);
      const socket = await gateway.open();
      socket.on('error', () => undefined);
      socket.write(PLAIN);
      const received = await hands.next();
      const response = toAnswer(received);
      response.on('close', () => (closes += 1));
      if (end === 'whole') sayOk(received);
      else if (end === 'destroyed') response.destroy();
      else socket.destroy();
      assert.equal(await ended(received), end === 'whole' ? 'completed' : 'clientClosed');
      socket.destroy();
      await new Promise((resolve) => setTimeout(resolve, 30));
      assert.equal(closes, 1, end);
    }
  });

  it('waits for a slow client, and holds little of what is to come', async (t) => {
    const hands = createHands();
    const gateway = await startListener(t, pki, {}, hands);
    const socket = await gateway.open();
    socket.write(PLAIN);
    const response = toAnswer(await hands.next());
    const chunk = Buffer.alloc(64 * 1024, 'x');
    response.writeHead(200, []);
    let written = 0;
    while (response.write(chunk) || (await drainedWithin(response, 200))) written += chunk.length;
    assert.equal(response.writableNeedDrain, true);
    assert.ok(written < 32 * 1024 * 1024, `${written} bytes are with the operating system`);
    const drained = once(response, 'drain');
    const answers = readAll(socket);
    await drained;
    assert.equal(response.writableNeedDrain, false);
    response.end();
    socket.write(LAST);
    sayOk(await hands.next());
    const body = (await answers).replaceAll(/\r\n10000\r\n/g, '').replace(/^[\s\S]*?x/, 'x');
    assert.equal(/^x+/.exec(body)?.[0].length, written + chunk.length);
    assert.match(body, /x\r\n0\r\n\r\nHTTP\/1\.1 200 OK[\s\S]*ok GET \/last$/);
  });

  it('is read whole by real clients', async (t) => {
    const body = 'grüße '.repeat(50_000);
    const gateway = await startListener(
      t,
      pki,
      {},
      {
        onReceived: (received) => {
          const response = toAnswer(received);
          response.writeHead(200, ['content-type', 'text/plain']);
          for (let at = 0; at < body.length; at += 10_000) response.write(body.slice(at, at + 10_000));
          response.end();
        },
      },
    );
    const url = `https://localhost:${gateway.port}/nodes/n/x`;
    const folder = await mkdtemp(join(tmpdir(), 'listen-'));
    t.after(() => rm(folder, { recursive: true }));
    const ca = join(folder, 'ca.crt');
    await writeFile(ca, pki.serverCA.certificate);
    // Two at once: the second on the same connection.
    const curl = await promisify(execFile)('curl', ['-s', '--cacert', ca, url, url], { maxBuffer: 1e7 });
    assert.ok(curl.stdout === body + body);
    const asked = request(url, { ca: pki.serverCA.certificate }).end();
    const [response] = (await once(asked, 'response')) as [NodeJS.ReadableStream];
    assert.ok((await text(response)) === body);
    assert.ok(gateway.received.every(({ reply }) => reply.kind === 'http' && reply.request === undefined));
  });
});

/** Whether the client takes what it was sent in this time. */
const drainedWithin = (response: HttpAnswer, ms: number): Promise<boolean> =>
  once(response, 'drain', { signal: AbortSignal.timeout(ms) }).then(
    () => true,
    () => false,
  );
