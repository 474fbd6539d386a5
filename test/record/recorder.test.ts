// The recorder on a real disk, and on disks that fail, fill up, or take their time.

import assert from 'node:assert/strict';
import { mkdtemp, open, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Action } from '../../src/core/action.ts';
import type { Credentialed } from '../../src/core/exchange.ts';
import { Fault } from '../../src/core/fault.ts';
import type { EndReason } from '../../src/core/lifetime.ts';
import type { Log } from '../../src/core/ports.ts';
import { systemClock } from '../../src/core/ports.ts';
import type { RecordingRule, RecordingState } from '../../src/core/recording.ts';
import type { Tap } from '../../src/core/tap.ts';
import { realDisk } from '../../src/record/disk.ts';
import type { Disk } from '../../src/record/disk.ts';
import { digestOf } from '../../src/record/manifest.ts';
import { createRecorder } from '../../src/record/recorder.ts';
import type { RecorderOptions } from '../../src/record/recorder.ts';
import { createDirectoryStore } from '../../src/record/store/directory-store.ts';
import type { DirectoryStoreOptions } from '../../src/record/store/directory-store.ts';
import { HIGH_WATER } from '../../src/record/patience.ts';
import { createRules } from '../../src/record/rules.ts';
import { OPCODE, encodeWebSocketFrame } from '../../src/wire/websocket-frame.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createResolved, createUser, namespaceName, podName } from '../support/resolved.ts';
import { eventually } from '../support/scenario.ts';
import { parseCast, readRecording } from './support.ts';

const SILENT: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
const REQUIRED: RecordingRule = { mode: 'required', stdin: 'on' };
const BEST_EFFORT: RecordingRule = { mode: 'best-effort', stdin: 'on' };
const MASK = Buffer.from([1, 2, 3, 4]);

const exec = (namespace = 'default'): Action => ({
  kind: 'exec',
  pod: { namespace: namespaceName(namespace), name: podName('shell') },
  command: ['sh'],
  streams: { stdin: true, stdout: true, stderr: true, tty: false },
});

/** What the stages before `forward` found is of no interest to the recorder. */
const toExchange = (action: Action, user = createUser('alice')): Credentialed =>
  ({
    ...createResolved({ action, user }),
    auditId: crypto.randomUUID(),
    transport: { kind: 'websocket', protocols: ['v5.channel.k8s.io'], key: '' },
  }) as unknown as Credentialed;

const output = (text: string | Buffer): Buffer =>
  encodeWebSocketFrame({
    opcode: OPCODE.binary,
    payload: Buffer.concat([Buffer.from([1]), Buffer.from(text)]),
  });
const input = (text: string): Buffer =>
  encodeWebSocketFrame({ opcode: OPCODE.binary, payload: Buffer.from(`\0${text}`), mask: MASK });

let root: string;
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'gateway-recorder-'));
});
after(() => rm(root, { recursive: true, force: true }));

interface Begun {
  readonly tap: Tap;
  readonly exchange: Credentialed;
  readonly folder: string;
  readonly ends: EndReason[];
  readonly drained: () => number;
  readonly states: readonly RecordingState[];
}

interface BeginOptions extends Partial<RecorderOptions & DirectoryStoreOptions> {
  readonly rule?: RecordingRule;
  readonly disk?: Disk;
  readonly clock?: ReturnType<typeof createFakeClock>;
  readonly action?: Action;
}

async function begin(options: BeginOptions = {}): Promise<Begun> {
  const { rule = REQUIRED, disk = realDisk, clock = systemClock, action = exec(), ...more } = options;
  const states: RecordingState[] = [];
  const settings = {
    directory: join(root, crypto.randomUUID()),
    segment: { maxAgeMs: 1000, maxBytes: 1_000_000 },
    fsync: false,
    rules: [rule],
    ...more,
  };
  const store = createDirectoryStore({ disk }, settings);
  const record = createRecorder(
    { clock, log: SILENT, store, onEnded: (state) => states.push(state) },
    settings,
  );
  const exchange = toExchange(action);
  const tap = await record(exchange);
  assert.ok(tap);
  const ends: EndReason[] = [];
  let drains = 0;
  tap.accepted('v5.channel.k8s.io');
  tap.attach({
    drained: () => (drains += 1),
    end: (reason) => ends.push(reason),
  });
  const folder = join(settings.directory, exchange.auditId);
  return { tap, exchange, folder, ends, drained: () => drains, states };
}

describe('segments', () => {
  it('are small at first, grow where they are filled within their time, and are small again after one that was not', async () => {
    const clock = createFakeClock();
    const { tap, folder } = await begin({ clock, segment: { maxAgeMs: 1000, maxBytes: 8 * 1024 * 1024 } });
    const fill = async (bytes: number): Promise<void> => {
      const frame = output('x'.repeat(60_000));
      for (let sent = 0; sent < bytes; sent += frame.length) {
        assert.equal(tap.fromNode(frame), true);
        if (tap.isFull) await eventually('room', () => (tap.isFull ? undefined : true));
      }
    };
    const segmentsOf = async (count: number): Promise<readonly number[]> =>
      eventually('segments in the manifest', async () => {
        const lines = (await readFile(join(folder, 'manifest.jsonl'), 'utf8')).trim().split('\n');
        const sizes = lines.slice(1).map((line) => Number((JSON.parse(line) as { bytes: unknown }).bytes));
        return sizes.length >= count ? sizes : undefined;
      });
    await fill(16_000_000);
    const [first = 0, second = 0, third = 0] = await segmentsOf(3);
    const mebibyte = 1024 * 1024;
    assert.ok(first <= mebibyte && first > mebibyte / 2, String(first));
    assert.ok(second <= 4 * mebibyte && second > 3 * mebibyte, String(second));
    assert.ok(third <= 8 * mebibyte && third > 7 * mebibyte, String(third));
    clock.advance(2000);
    await segmentsOf(4);
    await fill(2_000_000);
    const small = (await segmentsOf(5))[4] ?? 0;
    assert.ok(small <= mebibyte && small > mebibyte / 2, String(small));
    await tap.end('completed');
    await readRecording(folder);
  });
});

describe('rules', () => {
  const alice = createUser('alice', { groups: ['sre'] });
  const rules: readonly RecordingRule[] = [
    { users: ['robot'], mode: 'off', stdin: 'off' },
    { groups: ['sre'], namespaces: ['kube-system'], mode: 'required', stdin: 'on' },
    { actions: ['portForward'], nodes: ['node-2'], mode: 'required', stdin: 'off' },
    { actions: ['exec', 'attach'], mode: 'best-effort', stdin: 'off' },
  ];
  const choose = createRules(rules);
  const portForward: Action = {
    kind: 'portForward',
    pod: { namespace: namespaceName('default'), name: podName('web') },
    ports: [],
  };
  const rows: readonly (readonly [string, Credentialed, number | undefined])[] = [
    ['off for one user', toExchange(exec('kube-system'), createUser('robot')), undefined],
    ['by group and namespace', toExchange(exec('kube-system'), alice), 1],
    ['another namespace goes on to the next', toExchange(exec(), alice), 3],
    ['another group goes on to the next', toExchange(exec('kube-system')), 3],
    ['none matches: not recorded', toExchange(portForward), undefined],
    ['what has no pod is not recorded', toExchange({ kind: 'configz' }), undefined],
  ];
  for (const [what, exchange, index] of rows) {
    it(what, () => assert.equal(choose(exchange), index === undefined ? undefined : rules[index]));
  }
});

describe('a recording', () => {
  it('is a chain of segments that together are the transcript', async () => {
    const clock = createFakeClock();
    const { tap, folder, exchange, states } = await begin({ clock });
    assert.equal(tap.fromNode(output('one')), true);
    clock.advance(10);
    // Its time begins before anything is written into it, and after it was made.
    await eventually('the first segment', async () => {
      const [first] = (await readdir(folder)).filter((name) => name.endsWith('.cast'));
      const written = first === undefined ? '' : await readFile(join(folder, first), 'utf8');
      return written.includes('one') ? true : undefined;
    });
    clock.advance(1000);
    const stored = await eventually('a closed segment', async () => {
      const recording = await readRecording(folder);
      return recording.manifest.length > 1 ? recording : undefined;
    });
    assert.equal(parseCast(stored.text).bytes('stdout').toString(), 'one');
    tap.fromNode(output('two'));
    tap.fromClient(input('typed'));
    const outcome = await tap.end('nodeClosed');
    assert.deepEqual(states, ['complete']);
    const whole = await readRecording(folder);
    const lines = (await readFile(join(folder, 'manifest.jsonl'), 'utf8')).trimEnd().split('\n');
    const manifest = { sha256: digestOf(lines.at(-1) ?? ''), segments: 2 };
    assert.deepEqual(outcome, { id: exchange.auditId, state: 'complete', manifest });
    assert.deepEqual(
      whole.manifest.map(({ kind }) => kind),
      ['Begin', 'Segment', 'Segment', 'End'],
    );
    assert.deepEqual(whole.open, []);
    const cast = parseCast(whole.text);
    assert.equal(cast.bytes('stdout').toString(), 'onetwo');
    assert.equal(cast.bytes('stdin').toString(), 'typed');
    assert.deepEqual(cast.events.at(-1), {
      atMs: 1010,
      code: 'm',
      data: 'kubelet-gateway: ended: nodeClosed',
    });
    assert.equal(clock.pending, 0);
  });

  it('closes a segment by its size, with fsync as without', async () => {
    const { tap, folder } = await begin({ fsync: true, segment: { maxAgeMs: 60_000, maxBytes: 5_000 } });
    for (let i = 0; i < 20; i++) tap.fromNode(output('x'.repeat(1_000)));
    await tap.end('nodeClosed');
    const stored = await readRecording(folder);
    const sizes = stored.manifest.filter(({ kind }) => kind === 'Segment').map(({ bytes }) => Number(bytes));
    assert.ok(sizes.length >= 4, String(sizes));
    assert.ok(
      sizes.every((size) => size <= 5_000),
      String(sizes),
    );
    assert.equal(parseCast(stored.text).bytes('stdout').length, 20_000);
  });

  it('leaves nothing behind when the node never accepts', async () => {
    const directory = join(root, 'refused');
    const store = createDirectoryStore({}, { directory, fsync: false });
    const record = createRecorder(
      { clock: systemClock, log: SILENT, store, onEnded: () => assert.fail() },
      { segment: { maxAgeMs: 1000, maxBytes: 10_000 }, rules: [REQUIRED] },
    );
    const tap = await record(toExchange(exec()));
    assert.equal(await tap?.end(undefined), undefined);
    assert.deepEqual(await readdir(directory), []);
  });

  it('ends before input that could be read in two ways, and is complete up to there', async () => {
    const { tap, folder, ends } = await begin();
    assert.equal(tap.fromClient(input('good')), true);
    assert.equal(
      tap.fromClient(Buffer.concat([input('lost'), Buffer.from([0x81, 0x80, 1, 2, 3, 4])])),
      false,
    );
    assert.equal(tap.fromClient(input('more')), false);
    assert.match(
      tap.lastWords('protocolError')?.toString() ?? '',
      /the session was ended: WebSocket: a text frame/,
    );
    assert.equal(tap.lastWords('idleTimeout'), undefined);
    const outcome = await tap.end('protocolError');
    assert.equal(outcome?.state, 'complete');
    assert.equal(outcome.problem, 'WebSocket: a text frame on a binary protocol');
    assert.equal(
      parseCast((await readRecording(folder)).text)
        .bytes('stdin')
        .toString(),
      'good',
    );
    assert.deepEqual(ends, []);
  });

  it('goes on without a reading where that is allowed, and says from where it is incomplete', async () => {
    const { tap, folder, states } = await begin({ rule: BEST_EFFORT });
    tap.fromClient(input('read'));
    assert.equal(tap.fromClient(Buffer.from([0xff, 0xff])), true);
    assert.equal(tap.fromClient(input('not read')), true);
    // No client can take out of a recording what the container shows.
    tap.fromNode(output('shown'));
    const outcome = await tap.end('clientClosed');
    assert.equal(outcome?.state, 'incomplete');
    assert.match(outcome.problem ?? '', /^what the client sends is not read any more: WebSocket: /);
    assert.deepEqual(states, ['incomplete']);
    const stored = await readRecording(folder);
    assert.equal(stored.manifest.at(-1)?.['state'], 'incomplete');
    const cast = parseCast(stored.text);
    assert.equal(cast.bytes('stdin').toString(), 'read');
    assert.equal(cast.bytes('stdout').toString(), 'shown');
    assert.ok(cast.events.some(({ code, data }) => code === 'm' && data.includes('incomplete from here')));
  });
});

describe('an archive that was made to confuse', () => {
  /** A directory that says that it has a body: `tar` passes over none. */
  const archive = (): Buffer => {
    const block = (name: string, type: string, size: string): Buffer => {
      const header = Buffer.alloc(512);
      header.write(name);
      header.write(size, 124);
      header.write(type, 156);
      header.write('ustar\u000000', 257);
      header.fill(' ', 148, 156);
      const sum = header.reduce((total, byte) => total + byte, 0);
      header.write(`${sum.toString(8).padStart(6, '0')}\u0000 `, 148);
      return header;
    };
    return Buffer.concat([
      block('folder/', '5', '00000001000'),
      block('hidden', '0', '00000000000'),
      Buffer.alloc(1024),
    ]);
  };

  it('keeps no recording from its end, nor a file from its listing', async () => {
    const { tap, folder, states } = await begin({ patienceMs: 2_000 });
    assert.ok(tap.fromNode(output(archive())));
    assert.ok(tap.fromNode(output('the last words')));
    const outcome = await tap.end('completed');
    assert.equal(outcome?.state, 'complete');
    assert.deepEqual(states, ['complete']);
    assert.deepEqual(outcome.notes, { 'files-from-pod': '1 file, 0 bytes' });
    const { manifest, text } = await readRecording(folder);
    assert.equal(manifest.at(-1)?.['kind'], 'End');
    const cast = parseCast(text);
    assert.ok(cast.bytes('stdout').toString().endsWith('the last words'));
    const names = cast.events.flatMap(({ code, data }) =>
      code === 'f' ? [(JSON.parse(data) as { name: string }).name] : [],
    );
    assert.deepEqual(names, ['folder/', 'hidden']);
    assert.ok(cast.events.some(({ code, data }) => code === 'm' && data.includes('cut short or malformed')));
  });
});

describe('a disk that cannot begin', () => {
  it('refuses the session before a node is dialled, in words that name no path', async () => {
    const file = join(root, 'a-file');
    await writeFile(file, '');
    await assert.rejects(begin({ directory: file }), (error) => {
      assert.ok(error instanceof Fault);
      assert.equal(error.reason, 'ServiceUnavailable');
      assert.equal(error.message, 'this session must be recorded, and its recording cannot be begun');
      return true;
    });
  });

  it('is no reason to refuse where that is allowed', async () => {
    const file = join(root, 'another-file');
    await writeFile(file, '');
    const { tap, states } = await begin({ directory: file, rule: BEST_EFFORT });
    assert.equal(tap.fromClient(input('goes on')), true);
    assert.equal((await tap.end('clientClosed'))?.state, 'failed');
    assert.deepEqual(states, ['failed']);
  });

  it('is not waited for any longer than patience lasts', async () => {
    const clock = createFakeClock();
    const disk: Disk = { ...realDisk, createFolder: () => new Promise(() => undefined) };
    const begun = assert.rejects(begin({ clock, disk, patienceMs: 5_000 }), /cannot be begun/);
    clock.advance(5_000);
    await begun;
  });
});

/** As ext4 does when it is full: every write to a segment fails. */
const fullDisk: Disk = {
  ...realDisk,
  create: async (folder, name) => {
    if (!name.endsWith('.cast')) return realDisk.create(folder, name);
    const handle = await open('/dev/full', 'w');
    return {
      append: async (bytes) => {
        await handle.writev([...bytes]);
      },
      close: () => handle.close(),
    };
  },
};

describe('a disk that fails later', () => {
  it('ends a session that must be recorded, with words for the client', async () => {
    const { tap, ends, states } = await begin({ disk: fullDisk });
    tap.fromNode(output('x'));
    await eventually('the end', () => (ends.length > 0 ? true : undefined));
    assert.deepEqual(ends, ['recordingFailed']);
    assert.equal(tap.fromClient(input('rm -rf /')), false);
    const words = tap.lastWords('recordingFailed')?.toString() ?? '';
    assert.match(words, /the session was ended: the recording could not be stored/);
    const outcome = await tap.end('recordingFailed');
    assert.equal(outcome?.state, 'failed');
    assert.deepEqual(states, ['failed']);
  });

  it('lets the node finish its frame, and not a byte more, before the words for the client', async () => {
    const { tap, ends } = await begin({ disk: fullDisk });
    const frame = output('a longer text');
    tap.fromNode(frame.subarray(0, 6));
    await eventually('the end', () => (ends.length > 0 ? true : undefined));
    assert.equal(tap.hasWords?.('recordingFailed'), true);
    assert.equal(tap.hasWords('idleTimeout'), false);
    assert.equal(tap.lastWords('recordingFailed'), undefined);
    assert.equal(tap.unfinished, frame.length - 6);
    assert.equal(tap.fromNode(Buffer.concat([frame.subarray(6), Buffer.from('x')])), false);
    assert.equal(tap.fromNode(frame.subarray(6, 9)), true);
    assert.equal(tap.fromClient(input('ls')), false);
    assert.equal(tap.fromNode(frame.subarray(9)), true);
    assert.match(tap.lastWords('recordingFailed')?.toString() ?? '', /could not be stored/);
    assert.equal(tap.fromNode(output('more')), false);
    await tap.end('recordingFailed');
  });

  it('is given up where that is allowed', async () => {
    const { tap, ends } = await begin({ disk: fullDisk, rule: BEST_EFFORT });
    tap.fromNode(output('x'));
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(tap.fromClient(input('goes on')), true);
    const outcome = await tap.end('clientClosed');
    assert.match(
      outcome?.problem ?? '',
      /^the recording could not be stored: nothing from \S+Z on is in it$/,
    );
    assert.deepEqual(ends, []);
  });

  it('is noticed when its folder is taken away', async () => {
    const clock = createFakeClock();
    const { tap, ends, folder } = await begin({ clock });
    await eventually('the first segment', async () =>
      (await readdir(folder)).includes('00000001.cast') ? true : undefined,
    );
    await rm(folder, { recursive: true });
    clock.advance(1000);
    await eventually('the end', () => (ends.length > 0 ? true : undefined));
    assert.deepEqual(ends, ['recordingFailed']);
    assert.equal((await tap.end('recordingFailed'))?.state, 'incomplete');
  });
});

/** A disk whose writes wait until they are let go. */
function createSlowDisk(): { readonly disk: Disk; release(): void } {
  let release: () => void = () => undefined;
  let gate = new Promise<void>((resolve) => (release = resolve));
  return {
    disk: {
      ...realDisk,
      create: async (folder, name) => {
        const file = await realDisk.create(folder, name);
        if (!name.endsWith('.cast')) return file;
        return {
          ...file,
          append: async (bytes) => {
            await gate;
            await file.append(bytes);
          },
        };
      },
    },
    release: () => {
      release();
      gate = Promise.resolve();
    },
  };
}

describe('a disk that is slow', () => {
  it('slows the session down, and never makes more than a bounded number of bytes wait', async () => {
    const slow = createSlowDisk();
    const { tap, folder, drained } = await begin({ disk: slow.disk });
    const chunk = output(Buffer.alloc(16_384, 0x01));
    let sent = 0;
    while (!tap.isFull) {
      tap.fromNode(chunk);
      sent += 1;
    }
    // What waits, what is held to become a line, and the chunk that was one too many.
    assert.ok(sent * 16_384 <= HIGH_WATER + 65_536 + 2 * 16_384, `${sent} chunks`);
    assert.equal(drained(), 0);
    slow.release();
    await eventually('room', () => (drained() === 1 ? true : undefined));
    assert.equal(tap.isFull, false);
    tap.fromNode(output('after'));
    assert.equal((await tap.end('nodeClosed'))?.state, 'complete');
    const stdout = parseCast((await readRecording(folder)).text).bytes('stdout');
    assert.equal(stdout.length, sent * 16_384 + 5);
  });

  it('keeps to its bound with frames of a single byte, each of which becomes three lines', async () => {
    const slow = createSlowDisk();
    const { tap, folder } = await begin({ disk: slow.disk });
    const record = Buffer.concat(Array<Buffer>(4096).fill(Buffer.from('820202ff', 'hex')));
    assert.equal(record.length, 16_384);
    while (!tap.isFull) tap.fromNode(record);
    slow.release();
    await tap.end('nodeClosed');
    const { text } = await readRecording(folder);
    assert.ok(text.length <= HIGH_WATER + 230 * 1024, `${text.length} bytes`);
  });

  it('ends a session that must be recorded when it does not catch up', async () => {
    const clock = createFakeClock();
    const slow = createSlowDisk();
    const { tap, ends } = await begin({ disk: slow.disk, clock, patienceMs: 10_000 });
    while (!tap.isFull) tap.fromNode(output(Buffer.alloc(16_384, 0x61)));
    clock.advance(9_999);
    assert.deepEqual(ends, []);
    clock.advance(1);
    assert.deepEqual(ends, ['recordingFailed']);
    const ended = tap.end('recordingFailed');
    slow.release();
    const outcome = await ended;
    assert.equal(
      outcome?.problem,
      'the recording cannot keep up: nothing from 2026-01-01T00:00:00.000Z on is in it',
    );
  });

  it('is given up, and the session goes on, where that is allowed', async () => {
    const clock = createFakeClock();
    const slow = createSlowDisk();
    const { tap, ends, drained } = await begin({ disk: slow.disk, clock, rule: BEST_EFFORT });
    while (!tap.isFull) tap.fromNode(output(Buffer.alloc(16_384, 0x61)));
    clock.advance(10_000);
    assert.equal(tap.isFull, false);
    assert.equal(drained(), 1);
    assert.deepEqual(ends, []);
    slow.release();
    assert.notEqual((await tap.end('nodeClosed'))?.state, 'complete');
  });

  it('is not waited for at the end any longer than patience lasts', async () => {
    const clock = createFakeClock();
    const slow = createSlowDisk();
    const { tap } = await begin({ disk: slow.disk, clock });
    const ended = tap.end('nodeClosed');
    clock.advance(10_000);
    const outcome = await ended;
    assert.match(outcome?.problem ?? '', /^the recording could not be ended in time/);
    assert.notEqual(outcome?.state, 'complete');
    slow.release();
  });
});
