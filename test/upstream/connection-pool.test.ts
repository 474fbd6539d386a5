// Who gets which connection, when, and what becomes of those who wait; over real TLS.

import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { before, describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { systemClock } from '../../src/core/ports.ts';
import { NodeRequest } from '../../src/upstream/node-request.ts';
import type { OutgoingRequest } from '../../src/upstream/node-request.ts';
import { createPools } from '../../src/upstream/pools.ts';
import type { PoolOptions, Pools, Upstream } from '../../src/upstream/pools.ts';
import { createTestPki, toEntry } from '../forward/support/front.ts';
import type { TestPki } from '../forward/support/front.ts';
import { HEAD_END, startKubelet } from '../forward/support/kubelet.ts';
import type { Connection, FakeKubelet } from '../forward/support/kubelet.ts';
import { createKeptLog } from '../support/kept-log.ts';
import { reachAnything } from '../support/reach.ts';

let pki: TestPki;
before(async () => {
  pki = await createTestPki();
});

const ok = (body: string): string => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

async function set(
  t: TestContext,
  onConnection: (connection: Connection, index: number) => void,
  options: Partial<PoolOptions> = {},
): Promise<{ kubelet: FakeKubelet; upstream: Upstream; pools: Pools }> {
  const kubelet = await startKubelet(t, {
    tls: pki.kubelet,
    clientCa: pki.clientCa.certificate,
    onConnection,
  });
  const pools = createPools(
    { clock: systemClock, log: createKeptLog(), reach: reachAnything() },
    { connectTimeoutMs: 10_000, keepAliveTimeoutMs: 60_000, maxConnectionsPerNode: 2, ...options },
  );
  t.after(() => pools.close());
  return { kubelet, pools, upstream: pools.get(toEntry(pki, kubelet.port), pki.reader) };
}

interface Asked {
  readonly request: NodeRequest;
  /** The body; rejects with the Fault. */
  readonly answer: Promise<string>;
}

function ask(upstream: Upstream, outgoing: Partial<OutgoingRequest> = {}): Asked {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let body = '';
  const request = new NodeRequest(
    upstream,
    { method: 'GET', target: '/healthz', headers: [], ...outgoing },
    {
      onHead: () => undefined,
      onData: (chunk) => {
        body += chunk.toString();
        return true;
      },
      onEnd: () => resolve(body),
      onFault: reject,
    },
  );
  request.send();
  return { request, answer: promise };
}

/** Answers each request of a connection with its number. */
const numbering = ({ socket }: Connection, index: number): void => {
  socket.on('data', () => socket.write(ok(String(index))));
};

describe('a connection', () => {
  it('serves one after the other', async (t) => {
    const { kubelet, upstream } = await set(t, numbering);
    for (let i = 0; i < 3; i += 1) assert.equal(await ask(upstream).answer, '0');
    assert.equal(kubelet.connections.length, 1);
  });

  it('is opened for each who would have to wait, up to the bound; the others wait in turn', async (t) => {
    const { kubelet, upstream } = await set(t, () => undefined);
    const asked = Array.from({ length: 4 }, (_, i) => ask(upstream, { target: `/healthz/${i}` }));
    const first = await kubelet.connection(0);
    const second = await kubelet.connection(1);
    await Promise.all([first.saw(HEAD_END), second.saw(HEAD_END)]);
    assert.equal(upstream.pool.size, 2);
    first.write(ok('a'));
    assert.match(await first.saw(/healthz\/2 /), /healthz\/[01] /);
    first.write(ok('b'));
    await first.saw(/healthz\/3 /);
    first.write(ok('c'));
    second.write(ok('d'));
    assert.deepEqual((await Promise.all(asked.map(({ answer }) => answer))).sort(), ['a', 'b', 'c', 'd']);
    assert.equal(kubelet.connections.length, 2);
  });

  it('that a byte comes on while nobody has asked is closed', async (t) => {
    const { kubelet, upstream } = await set(t, numbering);
    await ask(upstream).answer;
    const connection = await kubelet.connection(0);
    connection.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil');
    await connection.ended;
    assert.equal(await ask(upstream).answer, '1');
  });

  it('on which more came than the answer is closed, and the answer stands', async (t) => {
    const { kubelet, upstream } = await set(t, ({ socket }) =>
      socket.on('data', () => socket.write(`${ok('mine')}${ok('evil')}`)),
    );
    assert.equal(await ask(upstream).answer, 'mine');
    await (
      await kubelet.connection(0)
    ).ended;
    assert.equal(await ask(upstream).answer, 'mine');
    assert.equal(kubelet.connections.length, 2);
  });

  it('with two answers in one packet gives the second to nobody, whoever waits', async (t) => {
    const { kubelet, upstream } = await set(
      t,
      ({ socket }, index) =>
        socket.on('data', () => {
          if (index > 0) {
            socket.write(ok('real'));
            return;
          }
          // Two records, which one read brings together.
          socket.cork();
          socket.write(ok('mine'));
          socket.write(ok('evil'));
          socket.uncork();
        }),
      { maxConnectionsPerNode: 1 },
    );
    const [first, second] = [ask(upstream), ask(upstream)];
    assert.equal(await first.answer, 'mine');
    assert.equal(await second.answer, 'real');
    assert.equal(kubelet.connections.length, 2);
  });

  it('is closed when the node says that it will close it', async (t) => {
    const { kubelet, upstream } = await set(t, ({ socket }) =>
      socket.on('data', () =>
        socket.write('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok'),
      ),
    );
    assert.equal(await ask(upstream).answer, 'ok');
    await (
      await kubelet.connection(0)
    ).ended;
  });

  it('is closed when it has been idle for as long as it may', async (t) => {
    const { kubelet, upstream } = await set(t, numbering, { keepAliveTimeoutMs: 20 });
    await ask(upstream).answer;
    await (
      await kubelet.connection(0)
    ).ended;
    assert.equal(upstream.pool.size, 0);
  });

  it('that breaks in mid-answer fails that request alone', async (t) => {
    const { upstream } = await set(t, ({ socket }, index) =>
      socket.on('data', () => {
        if (index === 0) socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf');
        else socket.write(ok('whole'));
      }),
    );
    await assert.rejects(ask(upstream).answer, { message: 'the node closed the connection' });
    assert.equal(await ask(upstream).answer, 'whole');
  });
});

describe('who waits', () => {
  it('and gives up is not asked for, and the next one is', async (t) => {
    const { kubelet, upstream } = await set(t, () => undefined, { maxConnectionsPerNode: 1 });
    const first = ask(upstream);
    const given = ask(upstream, { target: '/healthz/given-up' });
    const last = ask(upstream, { target: '/healthz/last' });
    const connection = await kubelet.connection(0);
    await connection.saw(HEAD_END);
    given.request.abort();
    connection.write(ok('first'));
    assert.doesNotMatch(await connection.saw(/last/), /given-up/);
    connection.write(ok('last'));
    assert.deepEqual([await first.answer, await last.answer], ['first', 'last']);
  });

  it('gets another connection when the one that was asked for is given up', async (t) => {
    const { kubelet, upstream } = await set(t, () => undefined, { maxConnectionsPerNode: 1 });
    const first = ask(upstream);
    const second = ask(upstream);
    const connection = await kubelet.connection(0);
    await connection.saw(HEAD_END);
    first.request.abort();
    await connection.ended;
    const other = await kubelet.connection(1);
    await other.saw(HEAD_END);
    other.write(ok('second'));
    assert.equal(await second.answer, 'second');
  });

  it('hears why there is no connection, each for themselves', async (t) => {
    const { pools } = await set(t, numbering);
    const nobody = pools.get(toEntry(pki, 1), pki.reader);
    const asked = [ask(nobody), ask(nobody), ask(nobody)];
    for (const { answer } of asked)
      await assert.rejects(answer, { message: 'the node could not be reached' });
    assert.equal(nobody.pool.size, 0);
  });

  it('is told when the gateway ends, waiting or in the middle of an answer', async (t) => {
    const { kubelet, pools, upstream } = await set(t, () => undefined, { maxConnectionsPerNode: 1 });
    const asked = [ask(upstream), ask(upstream)];
    await (await kubelet.connection(0)).saw(HEAD_END);
    pools.close();
    for (const { answer } of asked) await assert.rejects(answer, { message: 'the gateway is shutting down' });
    await assert.rejects(ask(upstream).answer, { message: 'the gateway is shutting down' });
    await (
      await kubelet.connection(0)
    ).ended;
  });
});

describe('a request', () => {
  it('of another shape than a request is not sent', async (t) => {
    const { upstream } = await set(t, numbering);
    for (const target of ['', 'healthz', '/a b', '/a\r\nX: y', '/\u00e9', '/\0'])
      assert.throws(() => ask(upstream, { target }), { reason: 'InternalError' });
    for (const value of ['a\r\nB: c', 'a\nb', '\0', '\u0100'])
      assert.throws(() => ask(upstream, { headers: ['a', value] }), { reason: 'InternalError' });
  });

  it('carries a body in chunks, or as long as it was declared', async (t) => {
    const { kubelet, upstream } = await set(t, () => undefined);
    for (const [index, length] of [undefined, 6].entries()) {
      const stream = new PassThrough();
      const { answer } = ask(upstream, { method: 'POST', body: { stream, length } });
      const connection = await kubelet.connection(0);
      stream.write('abc');
      await connection.saw(/abc/);
      stream.end('def');
      await connection.saw(
        length === undefined
          ? /\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n$/
          : /content-length: 6\r\n\r\nabcdef$/,
      );
      connection.write(ok(`${index}`));
      assert.equal(await answer, `${index}`);
    }
    assert.equal(kubelet.connections.length, 1);
  });

  it('whose body is not what was declared is no request, and nothing of it is read as one', async (t) => {
    for (const text of ['ab', 'abcd']) {
      const { kubelet, upstream } = await set(t, () => undefined);
      const stream = new PassThrough();
      const { answer } = ask(upstream, { method: 'POST', body: { stream, length: 3 } });
      const refused = assert.rejects(answer, { message: 'the body of the request is not whole' });
      const connection = await kubelet.connection(0);
      stream.end(text);
      await refused;
      await connection.ended;
      assert.doesNotMatch(connection.received.toString(), /abcd/);
    }
  });

  it('that is answered before its body was sent has had its connection', async (t) => {
    const { kubelet, upstream } = await set(t, ({ socket }) =>
      socket.once('data', () => socket.write(ok('early'))),
    );
    const stream = new PassThrough();
    assert.equal(
      await ask(upstream, { method: 'POST', body: { stream, length: undefined } }).answer,
      'early',
    );
    await (
      await kubelet.connection(0)
    ).ended;
    stream.end('late');
  });
});
