// A running session as those see it who look after it: counted, followed by few, ended with a word where there is room
// for one; and as cheap as it can be for those who are not looked at.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Action } from '../../src/core/action.ts';
import type { Credentialed } from '../../src/core/exchange.ts';
import { Fault } from '../../src/core/fault.ts';
import type { SessionId } from '../../src/core/operation.ts';
import { isSessionId } from '../../src/core/operation.ts';
import type { LiveSession } from '../../src/core/session.ts';
import type { OutputEvent, Tap, TapFactory } from '../../src/core/tap.ts';
import { createLiveReader } from '../../src/record/live-reader.ts';
import { createSessionRegistry } from '../../src/sessions/registry.ts';
import { encodeWebSocketFrame, OPCODE } from '../../src/wire/websocket-frame.ts';
import { authorized, credentialed, execAction, pod, resolved } from '../observe/evidence.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const PROTOCOL = 'v5.channel.k8s.io';

async function exchangeOf(action: Action): Promise<Credentialed> {
  const exchange = resolved({ action });
  const transport =
    action.kind === 'containerLogs'
      ? ({ kind: 'http' } as const)
      : ({ kind: 'websocket', protocols: [PROTOCOL], key: 'dGhlIHNhbXBsZSBub25jZQ==' } as const);
  return credentialed(await authorized({ ...exchange, transport }));
}

async function begin(action: Action = execAction, inner?: TapFactory) {
  const clock = createFakeClock();
  const sessions = createSessionRegistry({ clock, createReader: createLiveReader });
  const exchange = await exchangeOf(action);
  const { auditId } = exchange;
  assert.ok(isSessionId(auditId));
  const id: SessionId = auditId;
  const tap = await sessions.tap(inner)(exchange);
  assert.ok(tap);
  tap.accepted(action.kind === 'containerLogs' ? '' : PROTOCOL);
  const find = (): LiveSession => sessions.get(id) ?? assert.fail('it does not run');
  return { clock, sessions, exchange, id, tap, find };
}

const output = (text: string): Buffer =>
  encodeWebSocketFrame({
    opcode: OPCODE.binary,
    payload: Buffer.concat([Buffer.from([1]), Buffer.from(text)]),
  });

const follower = () => {
  const events: string[] = [];
  return {
    events,
    onEvent: (event: OutputEvent) =>
      void events.push(event.kind === 'data' ? event.data.toString() : event.kind),
    onEnd: () => void events.push('end'),
  };
};

const recorder = (more: Partial<Tap>): TapFactory => {
  const tap: Tap = {
    accepted: () => undefined,
    attach: () => undefined,
    fromClient: () => true,
    fromNode: () => true,
    isFull: false,
    lastWords: () => undefined,
    end: () => Promise.resolve(undefined),
  };
  // Not a spread: a getter stays one.
  Object.defineProperties(tap, Object.getOwnPropertyDescriptors(more));
  return () => Promise.resolve(tap);
};

/** Of a recorder that reads along: what it knows of where an exec stands. */
async function readingTap(): Promise<Partial<Tap>> {
  const reader = createLiveReader(await exchangeOf(execAction), PROTOCOL, () => undefined);
  assert.ok(reader);
  return {
    fromNode: (chunk) => (reader.fromNode(chunk), true),
    farewell: (message) => reader.farewell(message),
    get unfinished() {
      return reader.unfinished;
    },
    get owesStatus() {
      return reader.owesStatus ?? false;
    },
  };
}

describe('a running session', () => {
  it('is there from its beginning to its end, and its bytes are counted', async () => {
    const { sessions, tap, find } = await begin();
    tap.fromNode(output('hello'));
    tap.fromClient(Buffer.from('x'));
    const { user, node, command, bytesSent, bytesReceived, recorded, protocol } = find().info();
    assert.deepEqual(
      { user, node, command, bytesSent, bytesReceived, recorded, protocol },
      {
        user: 'bob',
        node: 'node-1',
        command: execAction.command,
        bytesSent: 1,
        bytesReceived: output('hello').length,
        recorded: false,
        protocol: PROTOCOL,
      },
    );
    assert.equal([...sessions.list()].length, 1);
    await tap.end('nodeClosed');
    assert.equal([...sessions.list()].length, 0);
  });

  it('is no session while the node has not accepted, nor when it never does', async () => {
    const sessions = createSessionRegistry({ clock: createFakeClock(), createReader: createLiveReader });
    const tap = await sessions.tap(undefined)(await exchangeOf(execAction));
    assert.equal([...sessions.list()].length, 0);
    await tap?.end(undefined);
    assert.equal([...sessions.list()].length, 0);
  });

  it('is what somebody works in: reading is none', async () => {
    const sessions = createSessionRegistry({ clock: createFakeClock(), createReader: createLiveReader });
    for (const action of [
      { kind: 'configz' },
      { kind: 'containerLogs', pod, options: {} },
    ] as const satisfies Action[]) {
      assert.equal(sessions.tap(undefined)(await exchangeOf(action)), undefined);
    }
    const following = { kind: 'containerLogs', pod, options: { follow: true } } as const;
    assert.ok(sessions.tap(undefined)(await exchangeOf(following)));
  });

  it('shows its output to those who follow, from the moment at which they come, and its end', async () => {
    const { tap, find } = await begin();
    tap.fromNode(output('before'));
    const one = follower();
    const { stop } = find().follow(one);
    tap.fromNode(output('after'));
    const other = follower();
    find().follow(other);
    stop();
    tap.fromNode(output('later'));
    await tap.end('nodeClosed');
    assert.deepEqual(one.events, ['after']);
    assert.deepEqual(other.events, ['later', 'end']);
  });

  it('can be followed from the middle of a frame', async () => {
    const { tap, find } = await begin();
    const frame = output('hello');
    tap.fromNode(frame.subarray(0, 5));
    const one = follower();
    find().follow(one);
    tap.fromNode(frame.subarray(5));
    tap.fromNode(output('world'));
    assert.equal(one.events.join('').endsWith('world'), true);
  });

  it('is followed by a bounded number', async () => {
    const { find } = await begin();
    for (let at = 0; at < 8; at += 1) find().follow(follower());
    assert.throws(
      () => find().follow(follower()),
      (error) => error instanceof Fault && error.code === 429,
    );
  });

  it('tells who comes later what it has shown last, and how much that was', async () => {
    const { tap, find } = await begin();
    assert.equal(find().follow(follower()).before, undefined);
    tap.fromNode(output('$ ls\r\n'));
    tap.fromNode(output('a b c\r\n$ '));
    const one = find().follow(follower());
    assert.deepEqual(one.before, { tail: Buffer.from('$ ls\r\na b c\r\n$ '), total: 15 });
    tap.fromNode(output('x'.repeat(100)));
    assert.equal(one.before.tail.length, 15, 'it is a copy');
  });

  it('of which nothing is typed into it', async () => {
    const { tap, find } = await begin();
    tap.fromClient(
      encodeWebSocketFrame({
        opcode: OPCODE.binary,
        payload: Buffer.from('\u0000secret'),
        mask: Buffer.from('abcd'),
      }),
    );
    assert.equal(find().follow(follower()).before, undefined);
  });

  it('has connections in place of a screen where it is a port-forward, and closes them at its end', async () => {
    const { tap, find } = await begin({ kind: 'portForward', pod, ports: [80] });
    tap.fromNode(
      encodeWebSocketFrame({ opcode: OPCODE.binary, payload: Buffer.from([0, 80, 0, 104, 101, 121]) }),
    );
    const one = follower();
    const { connections, before } = find().follow(one);
    assert.deepEqual(connections, [{ connection: 0, port: 80, bytesToNode: 0, bytesFromNode: 3 }]);
    assert.equal(before, undefined);
    tap.fromNode(encodeWebSocketFrame({ opcode: OPCODE.binary, payload: Buffer.from([0, 104]) }));
    await tap.end('nodeClosed');
    assert.deepEqual(one.events, ['passed', 'closed', 'end']);
  });

  it('is shown whatever its client sends, and ended with a word', async () => {
    const { tap, find } = await begin();
    const one = follower();
    find().follow(one);
    assert.equal(tap.fromClient(Buffer.alloc(100, 0xff)), true);
    assert.equal(tap.fromClient(Buffer.alloc(100, 0xff)), true);
    tap.fromNode(output('shown'));
    const two = follower();
    assert.equal(find().follow(two).before?.tail.toString(), 'shown');
    tap.fromNode(output('more'));
    assert.deepEqual(one.events, ['shown', 'more']);
    assert.deepEqual(two.events, ['more']);
    find().terminate('carol', undefined);
    assert.match(tap.lastWords('terminated')?.toString() ?? '', /ended by an operator/);
  });

  it('goes on when what passes cannot be read, and is not shown any more', async () => {
    const { tap, find } = await begin();
    // A fragment, which a kubelet never sends.
    assert.equal(tap.fromNode(Buffer.from([0x02, 0x01, 0x01])), true);
    assert.equal(tap.fromNode(Buffer.from([0x02, 0x01, 0x01])), true);
    assert.throws(
      () => find().follow(follower()),
      (error) => error instanceof Fault && error.code === 409,
    );
  });
});

describe('a node that is gone', () => {
  for (const recorded of [false, true]) {
    it(`is told of where it owed a status, ${recorded ? 'recorded' : 'not recorded'}`, async () => {
      const inner = await readingTap();
      const { tap } = await begin(execAction, recorded ? recorder(inner) : undefined);
      tap.fromNode(output('hello'));
      assert.equal(tap.hasWords?.('nodeClosed'), true);
      assert.match(
        tap.lastWords('nodeClosed')?.toString('latin1') ?? '',
        /"status":"Failure","message":"the connection to the node was lost before it said how the command ended/,
      );
    });
  }

  for (const [what, channel, text] of [
    ['has said how it went', 3, '{"metadata":{},"status":"Success"}'],
    ['has begun to say how it went', 3, '{"meta'],
  ] as const) {
    it(`is not told of where it ${what}`, async () => {
      const { tap } = await begin();
      const payload = Buffer.concat([Buffer.from([channel]), Buffer.from(text)]);
      tap.fromNode(encodeWebSocketFrame({ opcode: OPCODE.binary, payload }));
      assert.equal(tap.hasWords?.('nodeClosed'), false);
      assert.equal(tap.lastWords('nodeClosed'), undefined);
    });
  }

  it('is not told of where nobody says how it went', async () => {
    const { tap } = await begin({ kind: 'portForward', pod, ports: [80] });
    assert.equal(tap.hasWords?.('nodeClosed'), false);
    assert.equal(tap.lastWords('nodeClosed'), undefined);
  });
});

describe('the end of a session by somebody', () => {
  it('is told to the client at once where a frame has ended, with the reason', async () => {
    const { tap, exchange, find } = await begin();
    find().terminate('carol', 'lunch');
    assert.deepEqual(exchange.lifetime.terminatedBy, { by: 'carol', reason: 'lunch' });
    const words = tap.lastWords('terminated')?.toString('latin1') ?? '';
    assert.match(words, /the session was ended by an operator: lunch/);
    // Who it was is for the audit log.
    assert.doesNotMatch(words, /carol/);
  });

  it('says so when it was the session’s own user', async () => {
    const { tap, find } = await begin();
    find().terminate('bob', undefined);
    assert.match(tap.lastWords('terminated')?.toString('latin1') ?? '', /was ended by its own user"/);
  });

  for (const recorded of [false, true]) {
    it(`says within a frame what the node owes of it, ${recorded ? 'recorded' : 'not recorded'}`, async () => {
      const inner = await readingTap();
      const { tap, exchange, find } = await begin(execAction, recorded ? recorder(inner) : undefined);
      const frame = output('hello');
      assert.equal(tap.hasWords?.('terminated'), false);
      tap.fromNode(frame.subarray(0, 4));
      find().terminate('carol', undefined);
      assert.equal(exchange.lifetime.reason, 'terminated');
      assert.equal(tap.hasWords('terminated'), true);
      assert.equal(tap.lastWords('terminated'), undefined);
      assert.equal(tap.unfinished, frame.length - 4);
      tap.fromNode(frame.subarray(4));
      assert.equal(tap.unfinished, 0);
      assert.match(tap.lastWords('terminated')?.toString('latin1') ?? '', /ended by an operator/);
    });
  }

  it('is by the first who wanted it', async () => {
    const { exchange, find } = await begin();
    find().terminate('bob', undefined);
    find().terminate('carol', 'me too');
    assert.deepEqual(exchange.lifetime.terminatedBy, { by: 'bob' });
  });

  it('does not wait where nothing can be said', async () => {
    const { exchange, find } = await begin({ kind: 'portForward', pod, ports: [80] });
    find().terminate('bob', undefined);
    assert.equal(exchange.lifetime.reason, 'terminated');
  });
});

describe('a recorded session', () => {
  it('asks the recorder first: what it refuses is not shown, and what is full waits', async () => {
    const { tap, find } = await begin(
      execAction,
      recorder({ fromNode: () => false, isFull: true, watch: () => undefined }),
    );
    const one = follower();
    find().follow(one);
    assert.equal(tap.fromNode(output('x')), false);
    assert.equal(tap.isFull, true);
    assert.deepEqual(one.events, []);
  });

  it('leaves the recorder its own last words', async () => {
    const words = Buffer.from('the disk is full');
    const { tap } = await begin(execAction, recorder({ lastWords: () => words }));
    assert.equal(tap.lastWords('recordingFailed'), words);
  });

  it('is refused when the recorder refuses, and then does not run', async () => {
    const sessions = createSessionRegistry({ clock: createFakeClock(), createReader: createLiveReader });
    const refusing = recorder({
      accepted: () => {
        throw new Fault('BadGateway', 'unreadable');
      },
    });
    const tap = await sessions.tap(refusing)(await exchangeOf(execAction));
    assert.throws(() => tap?.accepted(PROTOCOL), /unreadable/);
    assert.equal([...sessions.list()].length, 0);
  });
});
