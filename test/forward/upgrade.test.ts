// Upgrades over the wire: what the node is sent and when, what the client is sent, and what is left open when the node
// does not upgrade (CVE-2018-1002105). The kubelet is raw sockets; its every byte is written here.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { before, describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import type { Action } from '../../src/core/action.ts';
import type { Transport } from '../../src/core/exchange.ts';
import { toWebSocketAccept } from '../../src/forward/upgrade-head.ts';
import { createAuthority } from '../support/pki.ts';
import { containerName, namespaceName, podName } from '../support/resolved.ts';
import { createTestPki, startFront, toEntry } from './support/front.ts';
import type { Found, Front, FrontOptions, TestPki } from './support/front.ts';
import { HEAD_END, startKubelet } from './support/kubelet.ts';
import type { Connection, FakeKubelet } from './support/kubelet.ts';

let pki: TestPki;
before(async () => {
  pki = await createTestPki();
});

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const EXEC: Action = {
  kind: 'exec',
  pod: { namespace: namespaceName('default'), name: podName('shell') },
  container: containerName('shell'),
  command: ['sh', '-c', 'echo hi; exit 3'],
  streams: { stdin: false, stdout: true, stderr: true, tty: false },
};
const SPDY: Transport = { kind: 'spdy', protocols: ['v5.channel.k8s.io', 'v4.channel.k8s.io'] };
const WEBSOCKET: Transport = { kind: 'websocket', protocols: ['v5.channel.k8s.io'], key: KEY };

const SPDY_101 =
  'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n' +
  'X-Stream-Protocol-Version: v4.channel.k8s.io\r\nDate: Mon, 23 Nov 2026 17:17:10 GMT\r\n\r\n';
const toWebSocket101 = (...lines: string[]): string =>
  ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade', ...lines, '', ''].join(
    '\r\n',
  );
const ACCEPT = `Sec-WebSocket-Accept: ${toWebSocketAccept(KEY)}`;

type Answer = string | ((connection: Connection) => unknown);

async function set(
  t: TestContext,
  answer: Answer,
  found: Partial<Found> = {},
  options: FrontOptions = {},
): Promise<{ front: Front; kubelet: FakeKubelet }> {
  const kubelet = await startKubelet(t, {
    tls: pki.kubelet,
    clientCa: pki.clientCa.certificate,
    onConnection: async (connection) => {
      if (typeof answer === 'function') {
        await answer(connection);
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
    () => ({ action: EXEC, entry, credential: pki.operator, transport: SPDY, ...found }),
    { refusalTimeoutMs: 300, ...options },
  );
  return { front, kubelet };
}

const spdyRequest = [
  'POST /exec HTTP/1.1',
  'Host: gateway',
  'Connection: keep-alive, Upgrade',
  'Upgrade: SPDY/3.1',
  'X-Stream-Protocol-Version: v5.channel.k8s.io',
  'X-Stream-Protocol-Version: v4.channel.k8s.io',
  'Content-Length: 0',
  'Authorization: Bearer of-the-client',
  'Cookie: session=1',
  'X-Forwarded-For: 1.2.3.4',
  '',
  '',
].join('\r\n');
const webSocketRequest = [
  'GET /exec HTTP/1.1',
  'Host: gateway',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  `Sec-WebSocket-Key: ${KEY}`,
  'Sec-WebSocket-Protocol: v5.channel.k8s.io',
  'Sec-WebSocket-Extensions: permessage-deflate',
  '',
  '',
].join('\r\n');

async function begin(front: Front, request = spdyRequest): Promise<Connection> {
  const client = await front.connect();
  client.write(request);
  return client;
}

describe('an upgrade', () => {
  it('asks the node for SPDY/3.1 with one Connection line and one line a protocol', async (t) => {
    const { front, kubelet } = await set(t, SPDY_101);
    const client = await begin(front);
    const answer = await client.saw(HEAD_END);
    const connection = await kubelet.connection(0);
    assert.equal(connection.clientName, 'operator');
    const asked = await connection.saw(HEAD_END);
    assert.match(asked, /^POST \/exec\/default\/shell\/shell\?[^ ]+ HTTP\/1.1\r\n/);
    assert.deepEqual(asked.split('\r\n').slice(1), [
      `Host: 127.0.0.1:${kubelet.port}`,
      'User-Agent: kubelet-gateway',
      'Connection: Upgrade',
      'Content-Length: 0',
      'Upgrade: SPDY/3.1',
      'X-Stream-Protocol-Version: v5.channel.k8s.io',
      'X-Stream-Protocol-Version: v4.channel.k8s.io',
      '',
      '',
    ]);
    assert.equal(
      answer,
      'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n' +
        `X-Stream-Protocol-Version: v4.channel.k8s.io\r\nAudit-Id: ${front.exchanges[0]?.auditId ?? ''}\r\n\r\n`,
    );
    assert.deepEqual(front.started, [101]);
  });

  it('asks the node for a WebSocket without extensions', async (t) => {
    const { front, kubelet } = await set(
      t,
      toWebSocket101(ACCEPT, 'Sec-WebSocket-Protocol: v5.channel.k8s.io'),
      {
        transport: WEBSOCKET,
        credential: pki.bearer,
      },
    );
    const client = await begin(front, webSocketRequest);
    const answer = await client.saw(HEAD_END);
    assert.deepEqual((await (await kubelet.connection(0)).saw(HEAD_END)).split('\r\n').slice(1), [
      `Host: 127.0.0.1:${kubelet.port}`,
      'User-Agent: kubelet-gateway',
      'Connection: Upgrade',
      'Authorization: Bearer s3cret-token',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      `Sec-WebSocket-Key: ${KEY}`,
      'Sec-WebSocket-Protocol: v5.channel.k8s.io',
      '',
      '',
    ]);
    assert.deepEqual(answer.split('\r\n').slice(1, 5), [
      'Connection: Upgrade',
      'Upgrade: websocket',
      ACCEPT,
      'Sec-WebSocket-Protocol: v5.channel.k8s.io',
    ]);
  });

  it('lets go of what the client said in its head when the session is open, and not before', async (t) => {
    const { front, kubelet } = await set(t, () => undefined);
    const client = await begin(front);
    const connection = await kubelet.connection(0);
    await connection.saw(HEAD_END);
    const headers = front.exchanges[0]?.headers;
    assert.equal(headers?.first('authorization'), 'Bearer of-the-client');
    connection.write(SPDY_101);
    await client.saw(HEAD_END);
    assert.equal(headers.count, 0);
  });

  it('relays the empty protocol of a kubelet that was asked for none', async (t) => {
    const { front } = await set(t, toWebSocket101(ACCEPT, 'Sec-WebSocket-Protocol: '), {
      transport: { kind: 'websocket', protocols: [], key: KEY },
    });
    const client = await begin(front, webSocketRequest);
    assert.match(await client.saw(HEAD_END), /\r\nSec-WebSocket-Protocol: \r\n/);
  });

  it('holds what the client says early until the node has accepted', async (t) => {
    const { front, kubelet } = await set(t, () => undefined);
    const client = await begin(front, `${spdyRequest}early `);
    const connection = await kubelet.connection(0);
    client.write('and more');
    const asked = await connection.saw(HEAD_END);
    // The client's bytes are at the gateway by now, or soon: an answer of another exchange would come later.
    await new Promise((resolve) => setTimeout(resolve, 30));
    assert.equal(connection.received.toString('latin1'), asked);
    connection.write(SPDY_101);
    assert.match(await connection.saw(/early and more$/), /\r\n\r\nearly and more$/);
    await client.saw(HEAD_END);
  });

  it('passes on what came with the 101, in one write, and skips interim answers', async (t) => {
    const { front } = await set(t, `HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n${SPDY_101}first bytes`);
    const client = await front.connect();
    client.write(spdyRequest);
    const [chunk] = (await once(client.socket, 'data')) as [Buffer];
    assert.match(chunk.toString('latin1'), /^HTTP\/1.1 101 [^]*\r\n\r\nfirst bytes$/);
    assert.doesNotMatch(chunk.toString('latin1'), /Link/);
  });

  it('reads a head that comes byte by byte', async (t) => {
    const { front } = await set(t, async (connection) => {
      await connection.saw(HEAD_END);
      for (const byte of `${SPDY_101}x`) {
        connection.socket.write(byte);
        await new Promise((resolve) => setImmediate(resolve));
      }
    });
    const client = await begin(front);
    await client.saw(/\r\n\r\nx$/);
  });

  it('counts the bytes and says who ended it', async (t) => {
    const { front, kubelet } = await set(t, `${SPDY_101}hello`);
    const client = await begin(front);
    await client.saw(/hello$/);
    client.write('12345678');
    const connection = await kubelet.connection(0);
    await connection.saw(/12345678$/);
    connection.socket.end();
    await client.ended;
    client.socket.end();
    const ending = await front.ending(0);
    assert.deepEqual(ending, { code: 101, reason: 'nodeClosed', bytesSent: 8, bytesReceived: 5 });
  });

  it('lets the node speak on after the client has said its last word', async (t) => {
    const { front, kubelet } = await set(t, SPDY_101);
    const client = await begin(front);
    await client.saw(HEAD_END);
    client.socket.end('last word');
    const connection = await kubelet.connection(0);
    await connection.saw(/last word$/);
    await connection.ended;
    connection.write('the answer to it');
    await client.saw(/the answer to it$/);
    connection.socket.end();
    assert.equal((await front.ending(0)).reason, 'clientClosed');
  });

  it('shows both directions to a tap, and no head, and tells what it has kept', async (t) => {
    const seen: string[] = [];
    const note = (what: string): true => {
      seen.push(what);
      return true;
    };
    const { front, kubelet } = await set(
      t,
      `${SPDY_101}from node`,
      {},
      {
        tap: () =>
          Promise.resolve({
            accepted: (protocol) => note(`accepted ${protocol}`),
            attach: () => undefined,
            fromClient: (chunk) => note(`> ${chunk.toString()}`),
            fromNode: (chunk) => note(`< ${chunk.toString()}`),
            isFull: false,
            lastWords: () => undefined,
            end: () => Promise.resolve({ id: 'an id', state: 'complete' }),
          }),
      },
    );
    const client = await begin(front, `${spdyRequest}from client`);
    await (await kubelet.connection(0)).saw(/from client$/);
    await client.saw(/from node$/);
    assert.deepEqual(seen.sort(), ['< from node', '> from client', 'accepted v4.channel.k8s.io']);
    client.socket.destroy();
    assert.deepEqual((await front.ending(0)).recording, { id: 'an id', state: 'complete' });
  });
});

describe('a node that does not upgrade', () => {
  const SECOND = 'GET /pods HTTP/1.1\r\nHost: x\r\n\r\n';
  const text = (code: number, body: string, ...lines: string[]): string =>
    [`HTTP/1.1 ${code} Some Reason`, `Content-Length: ${body.length}`, ...lines, '', body].join('\r\n');
  const rows: readonly [string, string, number, RegExp][] = [
    ['400', text(400, 'you must specify at least 1 of stdin'), 400, /you must specify/],
    ['404', text(404, 'pod does not exist'), 404, /pod does not exist/],
    ['405', text(405, '405: Method Not Allowed', 'Allow: GET'), 405, /\r\nallow: GET\r\n/],
    ['429', text(429, 'busy', 'Retry-After: 60'), 429, /\r\nretry-after: 60\r\n/],
    ['500', text(500, 'container not found ("nope")'), 500, /container not found \("nope"\)/],
    ['500 without a length', 'HTTP/1.1 500 X\r\n\r\nno end', 500, /no end/],
    [
      '500 in chunks',
      'HTTP/1.1 500 X\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n',
      500,
      /\r\n\r\nabcde$/,
    ],
    [
      'a bare 403',
      'HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n',
      403,
      /^HTTP\/1.1 403 /,
    ],
    [
      '403 with the protocols it knows',
      text(
        403,
        'unable to upgrade',
        'X-Accepted-Stream-Protocol-Versions: v4.channel.k8s.io',
        'X-Accepted-Stream-Protocol-Versions: v3.channel.k8s.io',
      ),
      403,
      /\r\nx-accepted-stream-protocol-versions: v4.channel.k8s.io, v3.channel.k8s.io\r\n/,
    ],
    [
      '403 of the authorizer',
      text(403, 'Forbidden (user=operator, verb=create'),
      502,
      /rejected the gateway's credential/,
    ],
    ['401', text(401, 'Unauthorized'), 502, /rejected the gateway's credential/],
    ['200', text(200, 'fine'), 502, /did not upgrade/],
    ['204', 'HTTP/1.1 204 No Content\r\n\r\n', 502, /did not upgrade/],
    ['302', 'HTTP/1.1 302 Found\r\nLocation: https://10.0.0.1:10250/exec\r\n\r\n', 502, /redirect/],
    ['101 to another protocol', SPDY_101.replace('Upgrade: SPDY/3.1', 'Upgrade: h2c'), 502, /not asked for/],
    [
      '101 with two Upgrade lines',
      SPDY_101.replace('Upgrade: SPDY', 'Upgrade: h2c\r\nUpgrade: SPDY'),
      502,
      /not asked/,
    ],
    ['101 without Connection', SPDY_101.replace('Connection: Upgrade\r\n', ''), 502, /not asked for/],
    ['101 with another stream protocol', SPDY_101.replace('v4.ch', 'v1.ch'), 502, /not asked for/],
    ['101 without a stream protocol', SPDY_101.replace(/X-Stream.*?\r\n/, ''), 502, /not asked for/],
    ['no HTTP', 'hello\r\n\r\n', 502, /not valid HTTP/],
    ['an endless head', `HTTP/1.1 101 X\r\nX: ${'x'.repeat(70_000)}`, 502, /not valid HTTP/],
  ];
  for (const [what, answer, code, message] of rows) {
    it(`${what}: the client hears ${code}, and no tunnel remains`, async (t) => {
      // The node keeps its socket open, as the attack needs it.
      const { front, kubelet } = await set(t, answer);
      const client = await begin(front);
      await client.ended;
      const told = client.received.toString('latin1');
      assert.match(told, new RegExp(`^HTTP/1.1 ${code} `));
      assert.match(told, message);
      assert.match(told, /\r\nconnection: close\r\n/i);
      assert.doesNotMatch(told, /operator|10\.0\.0\.1/);
      client.write(SECOND);
      const connection = await kubelet.connection(0);
      await connection.ended;
      assert.doesNotMatch(connection.received.toString(), /GET \/pods/);
      client.socket.end();
      assert.equal((await front.ending(0)).code, code);
      assert.equal(kubelet.connections.length, 1);
    });
  }

  it('sandboxes what it says', async (t) => {
    const { front } = await set(t, text(500, '<script>', 'Content-Type: text/html', 'Set-Cookie: a=b'));
    const client = await begin(front);
    await client.ended;
    const told = client.received.toString('latin1');
    assert.match(told, /\r\nContent-Type: text\/plain; charset=utf-8\r\n/);
    assert.match(told, /\r\nX-Content-Type-Options: nosniff\r\n/);
    assert.doesNotMatch(told, /cookie/i);
  });

  const statuses: readonly [string, number, string, string][] = [
    [text(404, 'pod does not exist'), 404, 'NotFound', 'pod does not exist'],
    [text(500, 'container not found ("nope")'), 400, 'BadRequest', 'container not found ("nope")'],
    [text(500, 'error dialing backend'), 500, 'InternalError', 'error dialing backend'],
    [text(500, ''), 500, 'InternalError', 'the node answered 500'],
    [
      'HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n',
      400,
      'BadRequest',
      'the node speaks none of the stream protocols that were asked for',
    ],
  ];
  for (const [answer, code, reason, message] of statuses) {
    it(`tells kubectl ${code} ${reason}: ${message}`, async (t) => {
      const { front, kubelet } = await set(t, answer, { surface: 'kubectl' });
      const client = await begin(front);
      await client.ended;
      const told = client.received.toString('latin1');
      const status = JSON.parse(told.split('\r\n\r\n')[1] ?? '') as Record<string, unknown>;
      assert.deepEqual([status['code'], status['reason'], status['message']], [code, reason, message]);
      await (
        await kubelet.connection(0)
      ).ended;
    });
  }

  it('is not trusted with a certificate of another authority, and sees no byte', async (t) => {
    const stranger = await createAuthority('stranger');
    const { front, kubelet } = await set(t, SPDY_101, { credential: pki.bearer });
    const entry = toEntry(pki, kubelet.port, {
      certificateAuthority: stranger.certificate,
      fingerprint: 'other',
    });
    const other = await startFront(t, pki, () => ({
      action: EXEC,
      entry,
      credential: pki.bearer,
      transport: SPDY,
    }));
    const client = await begin(other);
    await client.ended;
    assert.match(client.received.toString(), /^HTTP\/1.1 502 [^]*certificate is not trusted/);
    assert.deepEqual(other.tlsProblems, ['untrusted']);
    for (const connection of kubelet.connections) assert.equal(connection.received.length, 0);
    assert.deepEqual(front.tlsProblems, []);
  });

  it('closes without a word', async (t) => {
    const { front } = await set(t, async (connection) => {
      await connection.saw(HEAD_END);
      connection.socket.destroy();
    });
    const client = await begin(front);
    await client.ended;
    assert.match(client.received.toString(), /^HTTP\/1.1 502 [^]*the node closed the connection/);
  });

  it('says nothing', async (t) => {
    const { front, kubelet } = await set(t, () => undefined, {}, { answerTimeoutMs: 50 });
    const client = await begin(front);
    await client.ended;
    assert.match(client.received.toString(), /^HTTP\/1.1 504 /);
    await (
      await kubelet.connection(0)
    ).ended;
  });
});

describe('an upgrade that is given up', () => {
  it('because the client leaves before the 101', async (t) => {
    const { front, kubelet } = await set(t, () => undefined);
    const client = await begin(front);
    const connection = await kubelet.connection(0);
    await connection.saw(HEAD_END);
    client.socket.destroy();
    await connection.ended;
    assert.deepEqual(await front.ending(0), { code: 0, reason: 'clientClosed' });
  });

  it('because the gateway drains before the 101', async (t) => {
    const { front, kubelet } = await set(t, () => undefined);
    const client = await begin(front);
    const connection = await kubelet.connection(0);
    await connection.saw(HEAD_END);
    front.exchanges[0]?.lifetime.end('draining');
    await client.ended;
    assert.match(client.received.toString(), /^HTTP\/1.1 503 /);
    await connection.ended;
  });

  it('because what is asked for cannot be in a head', async (t) => {
    const transports: Transport[] = [
      { kind: 'spdy', protocols: ['v4.channel.k8s.io\r\nX-Evil: 1'] },
      { kind: 'websocket', protocols: [], key: 'short' },
      { kind: 'websocket', protocols: ['a, b'], key: KEY },
    ];
    for (const transport of transports) {
      const { front, kubelet } = await set(t, SPDY_101, { transport });
      const client = await begin(front);
      await client.ended;
      assert.match(client.received.toString(), /^HTTP\/1.1 400 /);
      assert.equal(kubelet.connections.length, 0);
    }
  });
});
