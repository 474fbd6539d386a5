// Following a session: lines as they come, a bounded wait for whoever reads slowly, and an end in every case.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Follower, Following, LiveSession, SessionInfo } from '../../src/core/session.ts';
import { isSessionId } from '../../src/core/operation.ts';
import { FollowStream } from '../../src/serve/follow-stream.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const ID = '5d5b9a3e-0c4e-4f77-9a11-0d5c6f0f7a01';

function setUp(more: Partial<Following> = {}, action = 'exec') {
  assert.ok(isSessionId(ID));
  const info: SessionInfo = {
    id: ID,
    user: 'alice',
    groups: [],
    node: 'node-1',
    namespace: 'shop',
    pod: 'web-0',
    action,
    command: ['sh'],
    transport: 'spdy',
    protocol: 'v4.channel.k8s.io',
    clientAddresses: ['192.0.2.1'],
    startedAt: 0,
    bytesSent: 0,
    bytesReceived: 0,
    recorded: true,
    followers: 0,
  };
  const followers = new Set<Follower>();
  const session: LiveSession = {
    info: () => info,
    follow: (follower) => {
      followers.add(follower);
      return {
        columns: 100,
        rows: 30,
        before: undefined,
        connections: [],
        stop: () => void followers.delete(follower),
        ...more,
      };
    },
    terminate: () => undefined,
  };
  const clock = createFakeClock();
  const aborting = new AbortController();
  const lines = new FollowStream(clock, session).lines(aborting.signal);
  const say = (text: string | Buffer, stream: 'stdout' | 'stderr' = 'stdout'): void => {
    for (const follower of followers) follower.onEvent({ kind: 'data', stream, data: Buffer.from(text) });
  };
  const next = async (): Promise<string> => {
    const step = await lines.next();
    return step.done === true ? assert.fail('it has ended') : step.value;
  };
  return { clock, followers, lines, say, next, abort: () => aborting.abort() };
}

describe('following a session', () => {
  it('begins with a header of asciicast v3 and goes on with its lines', async () => {
    const { clock, say, next, followers } = setUp();
    const header = JSON.parse(await next()) as Record<string, unknown>;
    assert.equal(header['version'], 3);
    assert.deepEqual(header['term'], { cols: 100, rows: 30 });
    clock.advance(1500);
    say('hello\r\n');
    say('\u001b[31m', 'stderr');
    for (const follower of followers) {
      follower.onEvent({ kind: 'resize', columns: 80, rows: 24 });
      follower.onEvent({ kind: 'status', text: '', exitCode: 3 });
    }
    assert.equal(
      await next(),
      '[1.5,"o","hello\\r\\n"]\n[0,"o","\\u001b[31m"]\n[0,"r","80x24"]\n[0,"x","3"]\n',
    );
  });

  it('shows first what was shown before, and says what of it is left out', async () => {
    const whole = setUp({ before: { tail: Buffer.from('$ ls\r\n'), total: 6 } });
    assert.doesNotMatch(await whole.next(), /shownBefore/);
    assert.equal(await whole.next(), '[0,"o","$ ls\\r\\n"]\n');
    const cut = setUp({ before: { tail: Buffer.from('last\n終').subarray(0, 6), total: 9000 } });
    assert.match(await cut.next(), /"recorded":true,.*"shownBefore":9000/);
    cut.say(Buffer.from('終').subarray(1));
    assert.equal(
      await cut.next(),
      '[0,"m","kubelet-gateway: of 9000 bytes shown before, the last 6 follow"]\n[0,"o","last\\n"]\n[0,"o","終"]\n',
    );
  });

  it('is of the connections of a port-forward: those that are there, new ones, and their bytes now and then', async () => {
    const { clock, followers, next } = setUp(
      { connections: [{ connection: 1, port: 80, bytesToNode: 5, bytesFromNode: 6 }] },
      'portForward',
    );
    const [one] = followers;
    const header = JSON.parse(await next()) as Record<string, unknown>;
    assert.equal(header['kind'], 'PortForward');
    assert.equal(followers.size, 1);
    assert.equal(
      await next(),
      '{"atMs":0,"event":"open","connection":1,"port":80,"bytesToNode":5,"bytesFromNode":6}\n',
    );
    assert.equal(one, undefined, 'nobody looks on before the first line is asked for');
    const [it] = followers;
    it?.onEvent({ kind: 'opened', connection: 3, port: 8080 });
    for (let at = 0; at < 1000; at += 1) {
      it?.onEvent({ kind: 'passed', connection: 3, direction: 'toNode', bytes: 2 });
      it?.onEvent({ kind: 'passed', connection: 1, direction: 'fromNode', bytes: 1 });
    }
    it?.onEvent({ kind: 'passed', connection: 99, direction: 'fromNode', bytes: 1 });
    clock.advance(1000);
    it?.onEvent({ kind: 'message', connection: 3, text: 'refused' });
    it?.onEvent({ kind: 'closed', connection: 1 });
    it?.onEvent({ kind: 'closed', connection: 99 });
    assert.deepEqual((await next()).trimEnd().split('\n'), [
      '{"atMs":0,"event":"opened","connection":3,"port":8080}',
      '{"atMs":1000,"event":"passed","connection":1,"port":80,"bytesToNode":5,"bytesFromNode":1006}',
      '{"atMs":1000,"event":"passed","connection":3,"port":8080,"bytesToNode":2000,"bytesFromNode":0}',
      '{"atMs":1000,"event":"message","connection":3,"text":"refused"}',
      '{"atMs":1000,"event":"closed","connection":1,"port":80,"bytesToNode":5,"bytesFromNode":1006,"durationMs":1000}',
    ]);
  });

  it('bounds what waits of a port-forward, and says what is left out', async () => {
    const { followers, next } = setUp({}, 'portForward');
    await next();
    for (const follower of followers) {
      for (let at = 0; at < 100_000; at += 1) follower.onEvent({ kind: 'opened', connection: at, port: 1 });
    }
    const lines = await next();
    assert.ok(lines.length < 1.2 * 1024 * 1024);
    assert.match(
      lines.trimEnd().split('\n').at(-1) ?? '',
      /"event":"note","text":"kubelet-gateway: \d+ bytes left out/,
    );
  });

  it('keeps a character whole that comes in pieces', async () => {
    const { say, next } = setUp();
    await next();
    const bytes = Buffer.from('終');
    say(bytes.subarray(0, 1));
    say('!', 'stderr');
    say(bytes.subarray(1));
    assert.equal(await next(), '[0,"o","!"]\n[0,"o","終"]\n');
  });

  it('holds a bounded amount for a slow reader, leaves out the rest and says so', async () => {
    const { say, next } = setUp();
    await next();
    const piece = 'x'.repeat(64 * 1024);
    for (let at = 0; at < 1000; at += 1) say(piece);
    const lines = await next();
    assert.ok(lines.length < 1.2 * 1024 * 1024, `${lines.length}`);
    const [note] = lines.trimEnd().split('\n').slice(-1);
    const kept = lines.match(/"o"/g)?.length ?? 0;
    assert.match(note ?? '', new RegExp(`${(1000 - kept) * piece.length} bytes left out here`));
    say('again');
    assert.equal(await next(), '[0,"o","again"]\n');
  });

  it('bounds resizes too', async () => {
    const { followers, next } = setUp();
    await next();
    for (const follower of followers) {
      for (let at = 0; at < 100_000; at += 1) follower.onEvent({ kind: 'resize', columns: at, rows: 1 });
    }
    assert.ok((await next()).length < 1.2 * 1024 * 1024);
  });

  it('ends with the session, after its last words', async () => {
    const { followers, lines, say, next } = setUp();
    await next();
    say('bye');
    for (const follower of followers) follower.onEnd();
    assert.equal(await next(), '[0,"o","bye"]\n');
    assert.equal((await lines.next()).done, true);
    assert.equal(followers.size, 0);
  });

  it('ends with its reader, while nothing happens in the session', async () => {
    const { followers, lines, next, abort } = setUp();
    await next();
    const waiting = lines.next();
    abort();
    assert.equal((await waiting).done, true);
    assert.equal(followers.size, 0);
  });
});
