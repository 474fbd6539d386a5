// Two TCP connections over loopback joined into one session, under a clock that is moved by hand.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import type { EndReason } from '../../src/core/lifetime.ts';
import { Lifetime } from '../../src/core/lifetime.ts';
import { splice } from '../../src/forward/splice.ts';
import type { Opening, SpliceOptions, Spliced } from '../../src/forward/splice.ts';
import type { Tap, TapControl } from '../../src/core/tap.ts';
import { eventually } from '../support/eventually.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import type { FakeClock } from '../support/fake-clock.ts';

const EMPTY = Buffer.alloc(0);

/** Both ends of one connection. */
async function pair(t: TestContext): Promise<readonly [Socket, Socket]> {
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const far = connect({ port: (server.address() as AddressInfo).port, allowHalfOpen: true });
  const [near] = (await once(server, 'connection')) as [Socket];
  server.close();
  for (const socket of [near, far]) {
    socket.on('error', () => undefined);
    t.after(() => socket.destroy());
  }
  return [near, far];
}

interface Joined {
  readonly client: Socket;
  readonly node: Socket;
  /** The gateway's ends of both. */
  readonly near: readonly [client: Socket, node: Socket];
  readonly clock: FakeClock;
  readonly lifetime: Lifetime;
  readonly spliced: Promise<Spliced>;
}

async function join(
  t: TestContext,
  options: Partial<SpliceOptions> & { readonly opening?: Partial<Opening> } = {},
): Promise<Joined> {
  const [nearClient, client] = await pair(t);
  const [nearNode, node] = await pair(t);
  const clock = createFakeClock();
  const lifetime = new Lifetime();
  const opening = { head: EMPTY, fromNode: EMPTY, fromClient: EMPTY, ...options.opening };
  const limits = { idleMs: 60_000, absoluteMs: 600_000, expiresAt: Infinity };
  const spliced = splice(clock, nearClient, nearNode, opening, lifetime, { limits, ...options });
  return { client, node, near: [nearClient, nearNode], clock, lifetime, spliced };
}

async function readAll(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
  await once(socket, 'end');
  return text;
}

/** Both ends are closed, and nothing waits. */
function assertReleased({ near, clock, lifetime }: Joined): void {
  for (const socket of near) assert.equal(socket.destroyed, true);
  assert.equal(clock.pending, 0);
  assert.equal(lifetime.ended, true);
}

describe('a session', () => {
  it('begins with what was said before it, in one write to each side', async (t) => {
    const joined = await join(t, {
      opening: {
        head: Buffer.from('HEAD '),
        fromNode: Buffer.from('hello'),
        fromClient: Buffer.from('early'),
      },
    });
    const [toClient] = (await once(joined.client, 'data')) as [Buffer];
    const [toNode] = (await once(joined.node, 'data')) as [Buffer];
    assert.equal(toClient.toString(), 'HEAD hello');
    assert.equal(toNode.toString(), 'early');
    joined.lifetime.end('draining');
    assert.deepEqual(await joined.spliced, { reason: 'draining', bytesSent: 5, bytesReceived: 5 });
  });

  it('passes on the end of the client while the node still speaks', async (t) => {
    const joined = await join(t);
    const { client, node } = joined;
    client.end('question');
    assert.equal(await readAll(node), 'question');
    node.end('answer');
    assert.equal(await readAll(client), 'answer');
    assert.deepEqual(await joined.spliced, { reason: 'clientClosed', bytesSent: 8, bytesReceived: 6 });
    assertReleased(joined);
  });

  it('passes on the end of the node while the client still speaks', async (t) => {
    const joined = await join(t);
    const { client, node } = joined;
    node.end('done');
    assert.equal(await readAll(client), 'done');
    client.end('bye');
    assert.equal(await readAll(node), 'bye');
    assert.deepEqual(await joined.spliced, { reason: 'nodeClosed', bytesSent: 3, bytesReceived: 4 });
    assertReleased(joined);
  });

  it('does not wait for ever for the other end', async (t) => {
    const joined = await join(t, { halfClosedMs: 1_000 });
    joined.node.end();
    joined.client.resume();
    await once(joined.client, 'end');
    joined.clock.advance(999);
    assert.equal(joined.lifetime.ended, false);
    joined.clock.advance(1);
    assert.equal((await joined.spliced).reason, 'nodeClosed');
    assertReleased(joined);
  });

  it('does not cut short who still speaks', async (t) => {
    const joined = await join(t, { halfClosedMs: 1_000 });
    joined.client.end();
    joined.node.resume();
    await once(joined.node, 'end');
    joined.node.write('on');
    await once(joined.client, 'data');
    joined.clock.advance(1_000);
    assert.equal(joined.lifetime.ended, false);
    joined.clock.advance(1_000);
    assert.equal((await joined.spliced).reason, 'clientClosed');
    assertReleased(joined);
  });

  for (const side of ['client', 'node'] as const) {
    it(`closes both sides when the ${side} is reset, and delivers what was said`, async (t) => {
      const joined = await join(t);
      const other = side === 'client' ? joined.node : joined.client;
      joined[side].write('last words');
      const [words] = (await once(other, 'data')) as [Buffer];
      assert.equal(words.toString(), 'last words');
      joined[side].resetAndDestroy();
      await once(other, 'end');
      other.end();
      assert.equal((await joined.spliced).reason, `${side}Closed`);
      assertReleased(joined);
    });

    it(`closes both sides when the ${side} is reset and the other does not close`, async (t) => {
      const joined = await join(t);
      const other = side === 'client' ? joined.node : joined.client;
      joined[side].resetAndDestroy();
      other.resume();
      await once(other, 'end');
      joined.clock.advance(2_000);
      assert.equal((await joined.spliced).reason, `${side}Closed`);
      assertReleased(joined);
    });
  }

  it('that begins with a closed side is over at once', async (t) => {
    const [nearClient] = await pair(t);
    const [nearNode, node] = await pair(t);
    nearClient.destroy();
    const clock = createFakeClock();
    const limits = { idleMs: 1, absoluteMs: 1, expiresAt: Infinity };
    const opening = { head: EMPTY, fromNode: EMPTY, fromClient: EMPTY };
    const spliced = splice(clock, nearClient, nearNode, opening, new Lifetime(), { limits });
    node.resume();
    await once(node, 'end');
    node.end();
    assert.equal((await spliced).reason, 'clientClosed');
  });

  const limits: readonly [EndReason, Partial<SpliceOptions['limits']>, number][] = [
    ['idleTimeout', { idleMs: 100 }, 100],
    ['sessionTimeout', { absoluteMs: 200 }, 200],
    ['credentialExpired', { expiresAt: createFakeClock().now() + 300 }, 300],
  ];
  for (const [reason, limit, afterMs] of limits) {
    it(`ends with ${reason}`, async (t) => {
      const all = { idleMs: 60_000, absoluteMs: 600_000, expiresAt: Infinity, ...limit };
      const joined = await join(t, { limits: all });
      joined.clock.advance(afterMs - 1);
      assert.equal(joined.lifetime.ended, false);
      joined.clock.advance(1);
      assert.equal(joined.lifetime.reason, reason);
      assert.equal((await joined.spliced).reason, reason);
      assertReleased(joined);
    });
  }

  it('is not idle while bytes pass in either direction', async (t) => {
    const joined = await join(t, { limits: { idleMs: 100, absoluteMs: 1e6, expiresAt: Infinity } });
    for (const [from, to] of [
      [joined.client, joined.node],
      [joined.node, joined.client],
    ] as const) {
      joined.clock.advance(90);
      from.write('.');
      await once(to, 'data');
    }
    joined.clock.advance(90);
    assert.equal(joined.lifetime.ended, false);
    joined.clock.advance(10);
    assert.equal(joined.lifetime.reason, 'idleTimeout');
  });

  for (const [slow, fast] of [
    ['client', 'node'],
    ['node', 'client'],
  ] as const) {
    it(`holds the ${fast} back while the ${slow} does not read, and loses nothing`, async (t) => {
      const joined = await join(t);
      const whole = 32 * 1024 * 1024;
      const chunk = Buffer.alloc(256 * 1024, 'x');
      let sent = 0;
      while (sent < whole) {
        sent += chunk.length;
        if (!joined[fast].write(chunk)) {
          const drained = once(joined[fast], 'drain').then(() => true);
          const stuck = new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 200));
          if (!(await Promise.race([drained, stuck]))) break;
        }
      }
      assert.ok(sent < whole, 'the writer was never held back');
      const [nearClient, nearNode] = joined.near;
      for (const socket of [nearClient, nearNode]) {
        assert.ok(socket.writableLength < 1024 * 1024, `${socket.writableLength} bytes wait`);
      }
      let got = 0;
      joined[slow].on('data', (bytes: Buffer) => (got += bytes.length));
      joined[fast].end();
      await once(joined[slow], 'end');
      assert.equal(got, sent);
    });
  }
});

describe('a session that is tapped', () => {
  interface TestTap {
    readonly tap: Tap;
    readonly seen: string[];
    full: boolean;
    control: TapControl | undefined;
  }

  const createTap = (more: Partial<Tap> = {}): TestTap => {
    const note = (text: string): boolean => {
      test.seen.push(text);
      return true;
    };
    const test: TestTap = {
      seen: [],
      full: false,
      control: undefined,
      tap: {
        accepted: () => undefined,
        attach: (control) => (test.control = control),
        fromClient: (chunk) => note(`> ${chunk.toString()}`),
        fromNode: (chunk) => note(`< ${chunk.toString()}`),
        get isFull() {
          return test.full;
        },
        lastWords: () => undefined,
        end: () => Promise.resolve(undefined),
        ...more,
      },
    };
    return test;
  };

  it('waits in both directions while the tap is full, and goes on when it is not', async (t) => {
    const tapped = createTap();
    const joined = await join(t, { tap: tapped.tap });
    tapped.full = true;
    joined.client.write('one');
    await once(joined.node, 'data');
    for (const near of joined.near) assert.equal(near.isPaused(), true);
    tapped.full = false;
    tapped.control?.drained();
    joined.node.write('two');
    await once(joined.client, 'data');
    assert.deepEqual(tapped.seen, ['> one', '< two']);
    joined.client.destroy();
    joined.node.destroy();
    await joined.spliced;
    assertReleased(joined);
  });

  it('gives the memory of a chunk back when it is written, seen by a tap or not', async (t) => {
    const kept: Buffer[] = [];
    const { tap } = createTap({ fromNode: (chunk) => kept.push(chunk) > 0 });
    const joined = await join(t, { tap });
    const bytes = Buffer.alloc(100_000, 'x');
    joined.node.end(bytes);
    assert.equal((await readAll(joined.client)).length, bytes.length);
    const large = kept.filter(({ buffer }) => buffer.byteLength === 0 || buffer.byteLength > 4096);
    assert.ok(large.length > 0);
    await eventually('their memory given back', () =>
      large.every(({ length }) => length === 0) ? true : undefined,
    );
    joined.client.destroy();
    await joined.spliced;
    assertReleased(joined);
  });

  it('ends before a byte that the tap refuses, with its last words', async (t) => {
    const { tap } = createTap({
      fromClient: (chunk) => !chunk.toString().includes('bad'),
      lastWords: (reason) => Buffer.from(`words: ${reason}`),
    });
    const joined = await join(t, { tap });
    const words = readAll(joined.client);
    let reached = '';
    joined.node.on('data', (chunk: Buffer) => (reached += chunk.toString()));
    joined.client.write('good');
    await once(joined.node, 'data');
    joined.client.write('bad');
    assert.equal(await words, 'words: protocolError');
    joined.client.end();
    assert.equal((await joined.spliced).reason, 'protocolError');
    assert.equal(reached, 'good');
    assertReleased(joined);
  });

  for (const how of ['end', 'destroy'] as const) {
    it(`tells the client of a node that is gone before its time: ${how}`, async (t) => {
      const { tap } = createTap({
        hasWords: (reason) => reason === 'nodeClosed',
        lastWords: (reason) => Buffer.from(` words: ${reason}`),
      });
      const joined = await join(t, { tap });
      const heard = readAll(joined.client);
      joined.node.write('said');
      await once(joined.client, 'readable');
      joined.node[how]();
      assert.equal(await heard, 'said words: nodeClosed');
      joined.client.end();
      assert.equal((await joined.spliced).reason, 'nodeClosed');
      assertReleased(joined);
    });
  }

  it('passes on the end of the node where there is no place for words', async (t) => {
    const { tap } = createTap({ hasWords: () => true, lastWords: () => undefined });
    const joined = await join(t, { tap });
    joined.node.end('done');
    assert.equal(await readAll(joined.client), 'done');
    joined.client.end('bye');
    assert.equal(await readAll(joined.node), 'bye');
    assert.equal((await joined.spliced).reason, 'nodeClosed');
    assertReleased(joined);
  });

  it('ends when the tap says so, without words where there is no place for them', async (t) => {
    const tapped = createTap();
    const joined = await join(t, { tap: tapped.tap });
    tapped.control?.end('recordingFailed');
    assert.equal((await joined.spliced).reason, 'recordingFailed');
    assertReleased(joined);
  });

  /** Frames are of five bytes. */
  const createFramed = (): TestTap => {
    let passed = 0;
    const tapped = createTap({
      fromNode: (chunk) => {
        passed += chunk.length;
        tapped.seen.push(chunk.toString());
        return true;
      },
      hasWords: (reason) => reason === 'recordingFailed',
      lastWords: () => (passed % 5 === 0 ? Buffer.from(' why') : undefined),
    });
    const get = (): number => (5 - (passed % 5)) % 5;
    Object.defineProperty(tapped.tap, 'unfinished', { get, configurable: true });
    return tapped;
  };

  it('lets the node come to the end of its frame, and no further, before the last words', async (t) => {
    const tapped = createFramed();
    const joined = await join(t, { tap: tapped.tap });
    let reached = '';
    joined.node.on('data', (chunk: Buffer) => (reached += chunk.toString()));
    const read = readAll(joined.client);
    tapped.full = true;
    joined.node.write('12');
    await eventually('the first bytes', () => tapped.seen.length > 0 || undefined);
    tapped.control?.end('recordingFailed');
    joined.client.write('not any more');
    joined.node.write('34');
    await eventually('the next bytes', () => tapped.seen.length > 1 || undefined);
    joined.node.write('5-beyond');
    assert.equal(await read, '12345 why');
    joined.client.end();
    assert.equal((await joined.spliced).reason, 'recordingFailed');
    assert.deepEqual(tapped.seen, ['12', '34', '5']);
    assert.equal(reached, '');
    assertReleased(joined);
  });

  for (const [name, act] of [
    ['falls silent', (joined: Joined) => joined.clock.advance(1_000)],
    ['ends', (joined: Joined) => joined.node.end()],
    ['is gone', (joined: Joined) => joined.node.destroy()],
  ] as const) {
    it(`is cut without words where the node ${name} within its frame`, async (t) => {
      const tapped = createFramed();
      const joined = await join(t, { tap: tapped.tap });
      joined.node.write('12');
      await eventually('the first bytes', () => tapped.seen.length > 0 || undefined);
      tapped.control?.end('recordingFailed');
      act(joined);
      assert.equal((await joined.spliced).reason, 'recordingFailed');
      assertReleased(joined);
    });
  }

  it('does not wait where there are no words for the reason, or too much is owed', async (t) => {
    const none = createFramed();
    const first = await join(t, { tap: none.tap });
    first.node.write('12');
    await eventually('the first bytes', () => none.seen.length > 0 || undefined);
    none.control?.end('idleTimeout');
    assert.equal((await first.spliced).reason, 'idleTimeout');
    const much = createFramed();
    Object.defineProperty(much.tap, 'unfinished', { get: () => 64 * 1024 + 1 });
    const second = await join(t, { tap: much.tap });
    second.node.write('12');
    await eventually('the first bytes', () => much.seen.length > 0 || undefined);
    much.control?.end('recordingFailed');
    assert.equal((await second.spliced).reason, 'recordingFailed');
  });

  it('does not wait for a client that does not take the last words', async (t) => {
    const tapped = createTap({ lastWords: () => Buffer.from('words') });
    const joined = await join(t, { tap: tapped.tap });
    tapped.control?.end('recordingFailed');
    joined.clock.advance(10_000);
    assert.equal((await joined.spliced).reason, 'recordingFailed');
    assertReleased(joined);
  });
});
