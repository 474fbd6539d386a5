// Decoders of sessions: what a real kubelet and its clients said, cut anywhere, is told as the events that it was; and
// bytes that nobody would send end in a Fault or in nothing.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Action } from '../../src/core/action.ts';
import { Fault } from '../../src/core/fault.ts';
import { createDecoder } from '../../src/record/decode/create-decoder.ts';
import type { DecoderOptions } from '../../src/record/decode/create-decoder.ts';
import type { SessionDecoder } from '../../src/record/decode/session-decoder.ts';
import type { SessionEvent } from '../../src/record/decode/session-event.ts';
import { containerName, namespaceName, podName } from '../support/resolved.ts';
import { HOPS, SCENARIOS, lend, readCapture } from '../wire/captures.ts';

const pod = { namespace: namespaceName('default'), name: podName('shell') };
const toStreams = (letters: string) => ({
  stdin: letters.includes('i'),
  stdout: letters.includes('o'),
  stderr: letters.includes('e'),
  tty: letters.includes('t'),
});
const container = containerName('shell');
const exec = (letters: string): Action => ({
  kind: 'exec',
  pod,
  container,
  command: ['sh'],
  streams: toStreams(letters),
});
const attach = (letters: string): Action => ({ kind: 'attach', pod, container, streams: toStreams(letters) });
const portForward = (...ports: number[]): Action => ({ kind: 'portForward', pod, ports });

/** What a session came to: bytes by stream, sizes, the exit code; connections with port and bytes. */
interface Digest {
  readonly stdin: string;
  readonly stdout: string;
  readonly stderr: string;
  readonly sizes: readonly string[];
  readonly stdinClosed: boolean;
  readonly status: 'Success' | 'Failure' | 'none';
  readonly exitCode: number | undefined;
  readonly connections: readonly string[];
  readonly messages: readonly string[];
}

function toDigest(events: readonly SessionEvent[]): Digest {
  const bytes = { stdin: [] as Buffer[], stdout: [] as Buffer[], stderr: [] as Buffer[] };
  const sizes: string[] = [];
  const connections = new Map<number, { port: number; toNode: number; fromNode: number; closed: boolean }>();
  const messages: string[] = [];
  let stdinClosed = false;
  let status: Digest['status'] = 'none';
  let exitCode: number | undefined;
  for (const event of events) {
    if (event.kind === 'data') bytes[event.stream].push(event.data);
    if (event.kind === 'resize') sizes.push(`${event.columns}x${event.rows}`);
    if (event.kind === 'stdinClosed') stdinClosed = true;
    if (event.kind === 'status') {
      status = event.text === '' || event.text.includes('"Success"') ? 'Success' : 'Failure';
      exitCode = event.exitCode;
    }
    if (event.kind === 'opened') {
      connections.set(event.connection, { port: event.port, toNode: 0, fromNode: 0, closed: false });
    }
    const connection = 'connection' in event ? connections.get(event.connection) : undefined;
    if (event.kind === 'passed' && connection) connection[event.direction] += event.bytes;
    if (event.kind === 'closed' && connection) connection.closed = true;
    if (event.kind === 'message') messages.push(event.text);
  }
  const text = (stream: keyof typeof bytes): string => Buffer.concat(bytes[stream]).toString('latin1');
  return {
    stdin: text('stdin'),
    stdout: text('stdout'),
    stderr: text('stderr'),
    sizes,
    stdinClosed,
    status,
    exitCode,
    connections: [...connections.values()].map(
      ({ port, toNode, fromNode, closed }) =>
        `${port}: ${toNode} to, ${fromNode} from${closed ? ', closed' : ''}`,
    ),
    messages: messages.length === 0 ? [] : [messages.join('')],
  };
}

interface Read {
  readonly direction: 'c2s' | 's2c';
  readonly bytes: Buffer;
}

/** The payload of a capture in the order in which it was read. */
function readsOf(name: string): readonly Read[] {
  const index = readFileSync(new URL(`../fixtures/streams/${name}.idx`, import.meta.url), 'utf8');
  const whole = {
    c2s: readCapture(name, 'c2s'),
    s2c: readCapture(name, 's2c'),
  };
  return index
    .split('\n')
    .filter((line) => /^\d/.test(line))
    .map((line) => line.split(' '))
    .map(([, direction, offset, length]) => {
      assert.ok(direction === 'c2s' || direction === 's2c');
      const { head, bytes } = whole[direction];
      const from = Number(offset) - head.length;
      return { direction, bytes: bytes.subarray(Math.max(0, from), Math.max(0, from + Number(length))) };
    });
}

function decode(options: DecoderOptions, reads: Iterable<Read>): readonly SessionEvent[] {
  const events: SessionEvent[] = [];
  const decoder = createDecoder(options, (event) =>
    events.push(event.kind === 'data' ? { ...event, data: Buffer.from(event.data) } : event),
  );
  for (const { direction, bytes } of reads) {
    lend(bytes, (lent) => (direction === 'c2s' ? decoder.fromClient(lent) : decoder.fromNode(lent)));
  }
  decoder.end();
  return events;
}

const ACTIONS: Record<(typeof SCENARIOS)[number], Action> = {
  'attach-stdin': attach('ioe'),
  'attach-tty': attach('iot'),
  'exec-exit3': exec('oe'),
  'exec-no-such-command': exec('oe'),
  'exec-ok': exec('oe'),
  'exec-stdin': exec('ioe'),
  'exec-tty-resize': exec('iot'),
  portforward: portForward(),
  'portforward-refused': portForward(),
};

const NOTHING: Digest = {
  stdin: '',
  stdout: '',
  stderr: '',
  sizes: [],
  stdinClosed: false,
  status: 'none',
  exitCode: undefined,
  connections: [],
  messages: [],
};

const EXPECTED: Record<(typeof SCENARIOS)[number], Partial<Digest>> = {
  'attach-stdin': {
    stdin: 'hello\nagain\n',
    stdout: 'out:hello\nout:again\n',
    stderr: 'err:hello\nerr:again\n',
    stdinClosed: true,
    status: 'Success',
  },
  // kubectl detached: ^P ^Q are what it sent last.
  'attach-tty': { stdin: 'echo attached\n\x10\x11', sizes: ['81x25', '80x24'] },
  'exec-exit3': { stdout: 'to-out\n', stderr: 'to-err\n', status: 'Failure', exitCode: 3 },
  'exec-no-such-command': { status: 'Failure' },
  'exec-ok': { stdout: 'hello\n', status: 'Success', exitCode: 0 },
  'exec-stdin': {
    stdin: 'line 1\nline 2\n',
    stdout: 'line 1\nline 2\n',
    stdinClosed: true,
    status: 'Success',
    exitCode: 0,
  },
  'exec-tty-resize': {
    stdin: 'stty size\nstty size\nexit 0\n',
    sizes: ['80x24', '100x40'],
    status: 'Success',
    exitCode: 0,
  },
  portforward: {
    connections: ['18080: 79 to, 216 from, closed', '18080: 79 to, 216 from, closed'],
  },
  'portforward-refused': { connections: ['18999: 79 to, 0 from, closed'] },
};

/** What kubectl's terminal showed in each, which is what the container wrote. */
const SHOWN: Readonly<Record<string, RegExp>> = {
  'attach-tty': /attached/,
  'exec-tty-resize': /24 80\r\n[^]*40 100\r\n/,
};

const protocolOf = (name: string): string =>
  /^(?:x-stream-protocol-version|sec-websocket-protocol): (.*?)\r$/im.exec(
    readCapture(name, 's2c').head,
  )?.[1] ?? '';

const optionsOf = (
  scenario: (typeof SCENARIOS)[number],
  kind: 'ws' | 'spdy',
  name: string,
): DecoderOptions => ({
  action: ACTIONS[scenario],
  transport: kind === 'ws' ? 'websocket' : 'spdy',
  protocol: protocolOf(name),
  strict: true,
});

function* byteByByte(reads: readonly Read[]): Generator<Read> {
  for (const { direction, bytes } of reads) {
    for (let at = 0; at < bytes.length; at++) yield { direction, bytes: bytes.subarray(at, at + 1) };
  }
}

/** mulberry32: the same cuts for the same seed. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function* segmented(reads: readonly Read[], random: () => number): Generator<Read> {
  for (const { direction, bytes } of reads) {
    for (let at = 0; at < bytes.length;) {
      const length = 1 + Math.floor(random() * 40);
      yield { direction, bytes: bytes.subarray(at, at + length) };
      at += length;
    }
  }
}

describe('captured sessions', () => {
  const seed = Math.floor(Math.random() * 2 ** 31);
  for (const scenario of SCENARIOS) {
    for (const kind of ['ws', 'spdy'] as const) {
      for (const hop of HOPS) {
        const name = `${scenario}.${kind}.${hop}`;
        it(`${name}, whole, byte by byte, cut at every place and at random (seed ${seed})`, () => {
          const reads = readsOf(name);
          const options = optionsOf(scenario, kind, name);
          const digest = toDigest(decode(options, reads));
          const shown = SHOWN[scenario];
          if (shown !== undefined) assert.match(digest.stdout, shown);
          const isRefused = scenario === 'portforward-refused';
          if (isRefused) assert.match(digest.messages[0] ?? '', /connection refused/);
          const { stdinClosed } = digest;
          assert.deepEqual(digest, {
            ...NOTHING,
            ...(shown === undefined ? {} : { stdout: digest.stdout }),
            ...(isRefused ? { messages: digest.messages } : {}),
            // Over SPDY a client that is done resets its streams, stdin among them.
            ...(scenario === 'exec-tty-resize' ? { stdinClosed } : {}),
            ...EXPECTED[scenario],
          });
          assert.deepEqual(toDigest(decode(options, byteByByte(reads))), digest);
          const random = createRandom(seed);
          for (let round = 0; round < 20; round++) {
            assert.deepEqual(toDigest(decode(options, segmented(reads, random))), digest);
          }
          for (const [at, { direction, bytes }] of reads.entries()) {
            for (let cut = 1; cut < bytes.length; cut++) {
              const halves = [bytes.subarray(0, cut), bytes.subarray(cut)].map((half) => ({
                direction,
                bytes: half,
              }));
              const digestOfCut = toDigest(
                decode(options, [...reads.slice(0, at), ...halves, ...reads.slice(at + 1)]),
              );
              assert.deepEqual(digestOfCut, digest);
            }
          }
        });
      }
    }
  }
});

describe('bytes that nobody would send', () => {
  const PROTOCOLS: readonly (readonly [DecoderOptions['transport'], string, Action])[] = [
    ['spdy', 'v4.channel.k8s.io', exec('ioet')],
    ['spdy', 'channel.k8s.io', attach('ioe')],
    ['spdy', 'portforward.k8s.io', portForward()],
    ['websocket', 'v5.channel.k8s.io', exec('ioet')],
    ['websocket', 'v4.base64.channel.k8s.io', exec('ioe')],
    ['websocket', '', exec('ioe')],
    ['websocket', 'v4.channel.k8s.io', portForward(80, 443)],
    ['websocket', 'SPDY/3.1+portforward.k8s.io', portForward()],
  ];
  /** A control frame that is not complete, and what goes with it. */
  const MAX_BUFFERED = 2 * 65_536 + 1024;
  /** Whole captures with some bytes changed reach deeper than noise does. */
  const captures = SCENARIOS.flatMap((scenario) =>
    (['ws', 'spdy'] as const).flatMap((kind) =>
      (['c2s', 's2c'] as const).map(
        (direction) => readCapture(`${scenario}.${kind}.kubectl-apiserver`, direction).bytes,
      ),
    ),
  );
  const changed = fc
    .tuple(
      fc.constantFrom(...captures),
      fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 8 }),
    )
    .map(([bytes, changes]) => {
      const copy = Buffer.from(bytes);
      for (const [at, value] of changes) if (copy.length > 0) copy[at % copy.length] = value;
      return copy;
    });
  const noise = fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes));
  const chunk = fc.record({
    direction: fc.constantFrom('c2s' as const, 's2c' as const),
    bytes: fc.oneof(changed, noise),
  });

  for (const [transport, protocol, action] of PROTOCOLS) {
    for (const strict of [true, false]) {
      it(`${transport} "${protocol}" ${action.kind} ${strict ? 'strict' : ''} ends in a Fault or in nothing`, () => {
        fc.assert(
          fc.property(fc.array(chunk, { maxLength: 6 }), (reads) => {
            let decoder: SessionDecoder | undefined;
            try {
              decoder = createDecoder({ action, transport, protocol, strict }, () => undefined);
              for (const { direction, bytes } of reads) {
                if (direction === 'c2s') decoder.fromClient(bytes);
                else decoder.fromNode(bytes);
              }
            } catch (error) {
              assert.ok(error instanceof Fault, String(error));
            }
            assert.ok(decoder !== undefined && decoder.buffered <= MAX_BUFFERED);
            decoder.farewell('words');
            decoder.end();
          }),
          { numRuns: 300 },
        );
      });
    }
  }

  it('holds no more than a control frame however much is sent', () => {
    const decoder = createDecoder(
      { action: exec('ioe'), transport: 'spdy', protocol: 'v4.channel.k8s.io', strict: true },
      () => undefined,
    );
    // SYN_STREAM of 65536 bytes that never ends.
    decoder.fromClient(Buffer.from('8003000100010000', 'hex'));
    for (let i = 0; i < 65; i++) decoder.fromClient(Buffer.alloc(1000));
    assert.ok(decoder.buffered <= 65_536);
    assert.throws(() => decoder.fromClient(Buffer.alloc(1000)), Fault);
  });

  it('does not take a protocol that it cannot read', () => {
    const options = { action: exec('ioe'), transport: 'websocket', protocol: 'v9', strict: true } as const;
    assert.throws(() => createDecoder(options, () => undefined), Fault);
  });
});
