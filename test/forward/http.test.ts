// Plain requests over the wire: a client on TLS, the gateway's edges, and a kubelet on raw sockets whose every byte the
// test writes.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { before, describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import type { Action } from '../../src/core/action.ts';
import type { KubeletCredential } from '../../src/core/node.ts';
import { containerName, namespaceName, podName } from '../support/resolved.ts';
import { createTestPki, startFront, toEntry } from './support/front.ts';
import type { Found, Front, FrontOptions, TestPki } from './support/front.ts';
import { HEAD_END, startKubelet } from './support/kubelet.ts';
import type { Connection, FakeKubelet } from './support/kubelet.ts';

let pki: TestPki;
before(async () => {
  pki = await createTestPki();
});

const HEALTHZ: Action = { kind: 'healthz', verbose: false, exclude: [] };
const pod = { namespace: namespaceName('default'), name: podName('logger') };
const toLogs = (follow: boolean): Action => ({
  kind: 'containerLogs',
  pod,
  container: containerName('logger'),
  options: { follow },
});

interface Setting {
  readonly front: Front;
  readonly kubelet: FakeKubelet;
}

async function set(
  t: TestContext,
  found: Partial<Found>,
  answer: string | ((connection: Connection, index: number) => unknown),
  options: FrontOptions = {},
): Promise<Setting> {
  const kubelet = await startKubelet(t, {
    tls: pki.kubelet,
    clientCa: pki.clientCa.certificate,
    onConnection: async (connection, index) => {
      if (typeof answer === 'function') {
        await answer(connection, index);
        return;
      }
      await connection.saw(HEAD_END).then(
        () => connection.write(answer),
        () => undefined,
      );
    },
  });
  const entry = toEntry(pki, kubelet.port);
  const front = await startFront(
    t,
    pki,
    () => ({ action: HEALTHZ, entry, credential: pki.reader, ...found }),
    options,
  );
  return { front, kubelet };
}

const get = (target: string, ...lines: string[]): string =>
  [`GET ${target} HTTP/1.1`, 'Host: gateway', ...lines, '', ''].join('\r\n');

/** The whole answer to one request on a connection that closes after it. */
async function ask(front: Front, target = '/', ...lines: string[]): Promise<string> {
  const client = await front.connect();
  client.write(get(target, 'Connection: close', ...lines));
  await new Promise((resolve) => client.socket.once('end', resolve).once('close', resolve));
  client.socket.end();
  return client.received.toString('latin1');
}

const ok = (body: string, ...lines: string[]): string =>
  ['HTTP/1.1 200 OK', `Content-Length: ${body.length}`, ...lines, '', body].join('\r\n');

describe('a plain request', () => {
  it('is written from an allow rule', async (t) => {
    const { front, kubelet } = await set(t, {}, ok('ok'));
    await ask(
      front,
      '/nodes/node-1/healthz',
      'Authorization: Bearer of-the-client',
      'Cookie: session=1',
      'X-Forwarded-For: 1.2.3.4',
      'Forwarded: for=1.2.3.4',
      'X_Remote_User: root',
      'Accept-Encoding: gzip',
      'Range: bytes=0-1',
      'Accept: text/html',
      'Te: trailers',
      'X-Custom: 1',
    );
    const { received, clientName } = await kubelet.connection(0);
    assert.equal(clientName, 'reader');
    assert.equal(
      received.toString(),
      [
        'GET /healthz HTTP/1.1',
        `host: 127.0.0.1:${kubelet.port}`,
        'connection: keep-alive',
        'user-agent: kubelet-gateway',
        'accept: */*',
        '',
        '',
      ].join('\r\n'),
    );
  });

  it('carries a bearer token only where the credential is one', async (t) => {
    const { front, kubelet } = await set(t, { credential: pki.bearer }, ok('ok'));
    await ask(front);
    const { received, clientName } = await kubelet.connection(0);
    assert.equal(clientName, '');
    assert.match(received.toString(), /\r\nauthorization: Bearer s3cret-token\r\n/);
  });

  it('passes no header of the node but those that are listed', async (t) => {
    const hostile = [
      'Content-Type: text/html',
      'Set-Cookie: a=b',
      'Access-Control-Allow-Origin: *',
      'Refresh: 0; url=https://evil.example',
      'Link: </x.js>; rel=preload',
      'Location: https://evil.example',
      'Clear-Site-Data: "*"',
      'Strict-Transport-Security: max-age=1',
      'Content-Security-Policy: default-src *',
      'X-Content-Type-Options: none',
      'Server: evil',
      'Date: Thu, 01 Jan 1970 00:00:00 GMT',
      'Audit-Id: forged',
    ];
    const { front } = await set(t, {}, ok('<script>', ...hostile));
    const answer = await ask(front);
    const [head = '', body] = answer.split('\r\n\r\n');
    assert.equal(body, '<script>');
    assert.deepEqual(head.replace(/Date: .*\r\n/, '').split('\r\n'), [
      'HTTP/1.1 200 OK',
      'X-Content-Type-Options: nosniff',
      "Content-Security-Policy: sandbox; default-src 'none'",
      'Cross-Origin-Resource-Policy: same-origin',
      'Cache-Control: no-store',
      `Audit-Id: ${front.exchanges[0]?.auditId ?? ''}`,
      'Content-Type: text/plain; charset=utf-8',
      'content-length: 8',
      'Connection: close',
    ]);
    const { fault, ...ending } = await front.ending(0);
    assert.equal(fault, undefined);
    assert.deepEqual(ending, { code: 200, reason: 'completed', bytesSent: 0, bytesReceived: 8 });
    assert.deepEqual(front.started, [200]);
  });

  it('reuses a connection for one credential and never for another', async (t) => {
    const credentials: KubeletCredential[] = [pki.reader, pki.reader, pki.operator, pki.reader];
    const kubelet = await startKubelet(t, {
      tls: pki.kubelet,
      clientCa: pki.clientCa.certificate,
      onConnection: ({ socket }) => socket.on('data', () => socket.write(ok('ok'))),
    });
    const entry = toEntry(pki, kubelet.port);
    const front = await startFront(t, pki, (_received, index) => ({
      action: HEALTHZ,
      entry,
      credential: credentials[index] ?? pki.reader,
    }));
    for (let i = 0; i < credentials.length; i++) await ask(front);
    assert.deepEqual(
      kubelet.connections.map(({ clientName }) => clientName),
      ['reader', 'operator'],
    );
  });

  it('is sent again, once, when a kept connection had died', async (t) => {
    const { front, kubelet } = await set(t, {}, async (connection, index) => {
      await connection.saw(HEAD_END);
      connection.write(ok('ok'));
      if (index > 0) return;
      // The second request on this connection meets a closing one.
      await connection.saw(/\r\n\r\n[^]+\r\n\r\n/);
      connection.socket.destroy();
    });
    await ask(front);
    assert.match(await ask(front), /^HTTP\/1.1 200 /);
    assert.equal(kubelet.connections.length, 2);
  });

  it('is not sent a third time', async (t) => {
    const { front, kubelet } = await set(t, {}, async (connection, index) => {
      await connection.saw(HEAD_END);
      if (index === 0) connection.write(ok('ok'));
      if (index === 0) await connection.saw(/\r\n\r\n[^]+\r\n\r\n/);
      connection.socket.destroy();
    });
    await ask(front);
    assert.match(await ask(front), /^HTTP\/1.1 502 [^]*the node closed the connection/);
    assert.equal(kubelet.connections.length, 2);
  });

  it('is not sent again when a new connection died, which nobody had closed while it was idle', async (t) => {
    const { front, kubelet } = await set(t, {}, async (connection) => {
      await connection.saw(HEAD_END);
      connection.socket.destroy();
    });
    assert.match(await ask(front), /^HTTP\/1.1 502 [^]*the node closed the connection/);
    assert.equal(kubelet.connections.length, 1);
  });

  it('is not sent again when it could have done something', async (t) => {
    const run: Action = { kind: 'run', pod, container: containerName('logger'), command: 'date' };
    const { front, kubelet } = await set(t, { action: run }, async (connection) => {
      await connection.saw(HEAD_END);
      connection.socket.destroy();
    });
    assert.match(await ask(front), /^HTTP\/1.1 502 /);
    assert.equal(kubelet.connections.length, 1);
  });

  it('streams a body of the client to the node', async (t) => {
    const run: Action = { kind: 'run', pod, container: containerName('logger'), command: 'date' };
    const { front, kubelet } = await set(t, { action: run }, async (connection) => {
      await connection.saw(/hello/);
      await connection.saw(/hello world/);
      connection.write(ok('out'));
    });
    const client = await front.connect();
    client.write(
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 11\r\n\r\nhello',
    );
    await (await kubelet.connection(0)).saw(/hello/);
    client.write(' world');
    await client.saw(/out$/);
    const { received } = await kubelet.connection(0);
    assert.match(received.toString(), /^POST \/run\/default\/logger\/logger\?cmd=date HTTP\/1.1\r\n/);
    assert.doesNotMatch(received.toString(), /content-type/i);
    assert.equal((await front.ending(0)).bytesSent, 11);
  });

  it('drops interim answers and trailers', async (t) => {
    const { front } = await set(
      t,
      {},
      'HTTP/1.1 103 Early Hints\r\nLink: </evil>\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n' +
        'Trailer: Set-Cookie\r\n\r\n2\r\nok\r\n0\r\nSet-Cookie: a=b\r\n\r\n',
    );
    const answer = await ask(front);
    assert.match(answer, /^HTTP\/1.1 200 OK/);
    assert.doesNotMatch(answer, /cookie|evil/i);
    assert.match(answer, /2\r\nok\r\n0\r\n\r\n$/);
  });

  it('ends a body at the end of the connection', async (t) => {
    const { front } = await set(t, {}, async (connection) => {
      await connection.saw(HEAD_END);
      connection.socket.end('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nto the end');
    });
    assert.match(await ask(front), /to the end/);
  });
});

describe('a followed log', () => {
  it('shows its head and every line at once, and ends at the node when the client leaves', async (t) => {
    const { front, kubelet } = await set(t, { action: toLogs(true) }, async (connection) => {
      await connection.saw(HEAD_END);
      connection.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
    });
    const client = await front.connect();
    client.write(get('/'));
    const head = await client.saw(HEAD_END);
    assert.match(head, /Content-Type: text\/plain; charset=utf-8\r\n/);
    const connection = await kubelet.connection(0);
    connection.write('6\r\nline1\n\r\n');
    await client.saw(/line1\n/);
    client.socket.destroy();
    await connection.ended;
    const ending = await front.ending(0);
    assert.equal(ending.code, 200);
    assert.equal(ending.reason, 'clientClosed');
    assert.equal(ending.bytesReceived, 6);
  });

  it('may be silent longer than an answer may take', async (t) => {
    const { front, kubelet } = await set(t, { action: toLogs(true) }, () => undefined, {
      answerTimeoutMs: 1,
    });
    const client = await front.connect();
    client.write(get('/'));
    const connection = await kubelet.connection(0);
    await connection.saw(HEAD_END);
    await new Promise((resolve) => setTimeout(resolve, 20));
    connection.write(ok('late'));
    await client.saw(/late$/);
  });

  it('ends when its session does', async (t) => {
    const { front, kubelet } = await set(
      t,
      { action: toLogs(true) },
      async (connection) => {
        await connection.saw(HEAD_END);
        connection.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
      },
      { session: { idleMs: 1_000 } },
    );
    const client = await front.connect();
    client.write(get('/'));
    await client.ended;
    await (
      await kubelet.connection(0)
    ).ended;
    assert.equal((await front.ending(0)).reason, 'idleTimeout');
  });

  it('ends when the credential of the client has expired', async (t) => {
    const { front } = await set(
      t,
      { action: toLogs(true), expiresAt: Date.now() },
      async (connection) => {
        await connection.saw(HEAD_END);
        connection.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
      },
      { credentialExpiryGraceMs: 1_000 },
    );
    const client = await front.connect();
    client.write(get('/'));
    await client.ended;
    assert.equal((await front.ending(0)).reason, 'credentialExpired');
  });

  it('ends when the gateway drains', async (t) => {
    const { front } = await set(t, { action: toLogs(true) }, async (connection) => {
      await connection.saw(HEAD_END);
      connection.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
    });
    const client = await front.connect();
    client.write(get('/'));
    await client.saw(HEAD_END);
    front.exchanges[0]?.lifetime.end('draining');
    await client.ended;
    assert.equal((await front.ending(0)).reason, 'draining');
  });
});

describe('a slow reader', () => {
  it('holds the node back instead of filling memory', async (t) => {
    const whole = 64 * 1024 * 1024;
    const { front, kubelet } = await set(t, { action: toLogs(false) }, async (connection) => {
      await connection.saw(HEAD_END);
      connection.write(`HTTP/1.1 200 OK\r\nContent-Length: ${whole}\r\n\r\n`);
      const chunk = Buffer.alloc(1024 * 1024);
      for (let sent = 0; sent < whole; sent += chunk.length) {
        if (!connection.socket.write(chunk)) await once(connection.socket, 'drain');
      }
    });
    const client = await front.connect();
    client.socket.pause();
    client.write(get('/', 'Connection: close'));
    const connection = await kubelet.connection(0);
    // Until nothing moves: what was taken then is in buffers of the kernel and of a few streams.
    let taken = -1;
    for (let now = 0; now !== taken; now = connection.socket.bytesWritten) {
      taken = now;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    assert.ok(taken < 24 * 1024 * 1024, `the node could send ${taken} bytes`);
    let got = 0;
    client.socket.removeAllListeners('data').on('data', (chunk: Buffer) => (got += chunk.length));
    client.socket.resume();
    await new Promise((resolve) => client.socket.once('end', resolve));
    client.socket.end();
    assert.ok(got > whole);
    assert.equal((await front.ending(0)).bytesReceived, whole);
  });
});

describe('a client that leaves before the answer', () => {
  it('ends the request at the node', async (t) => {
    const { front, kubelet } = await set(t, {}, () => undefined);
    const client = await front.connect();
    client.write(get('/'));
    const connection = await kubelet.connection(0);
    await connection.saw(HEAD_END);
    client.socket.destroy();
    await connection.ended;
    assert.deepEqual(await front.ending(0), {
      code: 0,
      reason: 'clientClosed',
      bytesSent: 0,
      bytesReceived: 0,
    });
  });
});

describe('what a node may not say', () => {
  const rows: readonly [string, string, number, RegExp][] = [
    [
      '401',
      'HTTP/1.1 401 Unauthorized\r\nContent-Length: 12\r\n\r\nUnauthorized',
      502,
      /rejected the gateway's cred/,
    ],
    [
      '403',
      'HTTP/1.1 403 Forbidden\r\nContent-Length: 27\r\n\r\nForbidden (user=reader, ...)',
      502,
      /rejected the gateway's cred/,
    ],
    [
      'a redirect to elsewhere',
      'HTTP/1.1 302 Found\r\nLocation: https://10.0.0.1/\r\nContent-Length: 0\r\n\r\n',
      502,
      /redirect/,
    ],
    [
      'a redirect to another path',
      'HTTP/1.1 307 X\r\nLocation: /pods\r\nContent-Length: 0\r\n\r\n',
      502,
      /redirect/,
    ],
    ['an encoding nobody asked for', ok('x', 'Content-Encoding: br'), 502, /encoding/],
    ['another protocol', 'SSH-2.0-OpenSSH_9.0\r\n', 502, /not valid HTTP/],
    ['a head without end', `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(70_000)}`, 502, /not valid HTTP/],
    [
      '101 to a plain request',
      'HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n',
      502,
      /not valid HTTP/,
    ],
    [
      'two lengths',
      'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab',
      502,
      /not valid HTTP/,
    ],
  ];
  for (const [what, answer, code, message] of rows) {
    it(what, async (t) => {
      const { front, kubelet } = await set(t, {}, answer);
      const told = await ask(front);
      assert.match(told, new RegExp(`^HTTP/1.1 ${code} `));
      assert.match(told, message);
      assert.doesNotMatch(told, /user=|10\.0\.0\.1|reader/);
      assert.equal(kubelet.connections.length, 1);
      assert.equal((await front.ending(0)).code, code);
      assert.deepEqual(front.started, []);
    });
  }

  it('names the rejected credential in the log alone, and counts it', async (t) => {
    const { front } = await set(t, {}, 'HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n');
    await ask(front);
    assert.equal(front.rejections, 1);
    assert.deepEqual(
      front.log.lines.map(({ fields }) => fields),
      [{ node: 'node-1', credential: 'reader', code: 401 }],
    );
  });

  it('in the middle of an answer, the client sees it cut off', async (t) => {
    const { front } = await set(t, {}, async (connection) => {
      await connection.saw(HEAD_END);
      connection.socket.end('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf');
    });
    const client = await front.connect();
    client.write(get('/'));
    await client.ended;
    const ending = await front.ending(0);
    assert.equal(ending.code, 200);
    assert.equal(ending.reason, 'nodeClosed');
    assert.equal(ending.fault?.code, 502);
  });

  it('a second answer to one question reaches nobody', async (t) => {
    const { front } = await set(t, {}, `${ok('one')}${ok('two')}`);
    assert.match(await ask(front), /one$/);
    assert.doesNotMatch(await ask(front), /two/);
  });
});

describe('a node that is too slow', () => {
  it('gets 504', async (t) => {
    const { front, kubelet } = await set(t, {}, () => undefined, { answerTimeoutMs: 50 });
    assert.match(await ask(front), /^HTTP\/1.1 504 [^]*did not answer in time/);
    await (
      await kubelet.connection(0)
    ).ended;
  });

  it('has its own time for run', async (t) => {
    const run: Action = { kind: 'run', pod, container: containerName('logger'), command: 'date' };
    const { front } = await set(t, { action: run }, () => undefined, { runTimeoutMs: 50 });
    assert.match(await ask(front), /^HTTP\/1.1 504 /);
  });

  it('lets a request wait for a connection no longer than for an answer', async (t) => {
    const { front } = await set(t, {}, () => undefined, { answerTimeoutMs: 100, maxConnectionsPerNode: 1 });
    const answers = await Promise.all([ask(front), ask(front)]);
    for (const answer of answers) assert.match(answer, /^HTTP\/1.1 504 /);
  });
});

describe('an error of the kubelet', () => {
  const notFound =
    'HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: 26\r\n\r\npod "<b>nope" does not exi';

  it('is relayed as text on its own surface', async (t) => {
    const { front } = await set(t, {}, notFound);
    const answer = await ask(front);
    assert.match(answer, /^HTTP\/1.1 404 Not Found\r\n/);
    assert.match(answer, /Content-Type: text\/plain; charset=utf-8\r\n/);
    assert.match(answer, /\r\n\r\npod "<b>nope" does not exi$/);
  });

  it('is a Status for kubectl, and the connection is not in doubt', async (t) => {
    const { front } = await set(t, { surface: 'kubectl', action: toLogs(true) }, notFound);
    const answer = await ask(front);
    assert.match(answer, /^HTTP\/1.1 404 Not Found\r\n/);
    const status: unknown = JSON.parse(answer.split('\r\n\r\n')[1] ?? '');
    assert.deepEqual(status, {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: 'pod "<b>nope" does not exi',
      reason: 'NotFound',
      code: 404,
    });
  });

  it('is cut for kubectl where it is too long', async (t) => {
    const long = 'x'.repeat(200_000);
    const { front } = await set(
      t,
      { surface: 'kubectl' },
      `HTTP/1.1 500 X\r\nContent-Length: ${long.length}\r\n\r\n${long}`,
    );
    const answer = await ask(front);
    assert.equal(
      (JSON.parse(answer.split('\r\n\r\n')[1] ?? '') as { message: string }).message.length,
      50_000,
    );
  });
});

describe('a directory below /logs/ without its slash', () => {
  it('is a redirect of the gateway to its own path', async (t) => {
    const action: Action = { kind: 'nodeLogs', path: ['pods', 'x'], directory: false };
    const { front } = await set(
      t,
      { action },
      'HTTP/1.1 301 Moved\r\nLocation: x/\r\nContent-Length: 0\r\n\r\n',
    );
    const answer = await ask(front, '/api/v1/nodes/node-1/proxy/logs/pods/x');
    assert.match(answer, /^HTTP\/1.1 301 /);
    assert.match(answer, /\r\nLocation: \/api\/v1\/nodes\/node-1\/proxy\/logs\/pods\/x\/\r\n/);
    assert.deepEqual(front.started, [301]);
  });
});

describe('a large answer', () => {
  it('reaches a client that reads in fits and starts byte for byte', async (t) => {
    const body = randomBytes(6 << 20);
    const { front } = await set(t, { action: toLogs(false) }, async (connection) => {
      await connection.saw(HEAD_END);
      connection.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`);
      // Pieces of every length: they begin and end anywhere within a TLS record.
      for (let at = 0, size = 1; at < body.length; at += size, size = ((size * 7 + 3) % 90_000) + 1) {
        connection.write(body.subarray(at, at + size));
      }
    });
    const client = await front.connect();
    const chunks: Buffer[] = [];
    client.socket.removeAllListeners('data').on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      client.socket.pause();
      setImmediate(() => client.socket.resume());
    });
    client.write(get('/', 'Connection: close'));
    await new Promise((resolve) => client.socket.once('end', resolve));
    client.socket.end();
    const answer = Buffer.concat(chunks);
    assert.ok(answer.subarray(answer.indexOf('\r\n\r\n') + 4).equals(body));
  });
});
