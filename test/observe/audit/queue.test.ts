// Groups, order and modes of the audit queue, against a sink whose writes return when the test says so.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { AuditMode } from '../../../src/core/configuration.ts';
import { Fault } from '../../../src/core/fault.ts';
import type { AuditSink } from '../../../src/observe/audit/queue.ts';
import { AuditQueue } from '../../../src/observe/audit/queue.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { createKeptLog } from '../../support/kept-log.ts';

interface Write {
  readonly text: string;
  succeed(): void;
  fail(): void;
}

class GatedSink implements AuditSink {
  readonly name = 'file';
  readonly writes: Write[] = [];
  reopened = 0;
  closed = 0;
  /** Writes succeed by themselves. */
  isOpen = false;

  write(events: readonly string[]): Promise<void> {
    const text = `${events.join('\n')}\n`;
    const { promise, resolve, reject }: PromiseWithResolvers<void> = Promise.withResolvers();
    this.writes.push({
      text,
      succeed: resolve,
      fail: () => reject(Object.assign(new Error('no space left on device, /var/log/x'), { code: 'ENOSPC' })),
    });
    if (this.isOpen) resolve();
    return promise;
  }

  reopen(): Promise<void> {
    this.reopened += 1;
    return Promise.resolve();
  }

  close(): Promise<void> {
    this.closed += 1;
    return Promise.resolve();
  }
}

function create(mode: AuditMode, bufferSize = 10_000) {
  const sink = new GatedSink();
  const clock = createFakeClock();
  const log = createKeptLog();
  const counts = { events: 0, errors: 0, dropped: 0 };
  const metrics = {
    auditEvents: (_: string, count: number) => void (counts.events += count),
    auditErrors: (_: string, count: number) => void (counts.errors += count),
    auditDropped: (_: string, count: number) => void (counts.dropped += count),
  };
  const queue = new AuditQueue({ sink, clock, log, metrics }, { mode, bufferSize });
  return { sink, clock, log, counts, queue };
}

/** Whether a promise has settled by now, and how. */
async function stateOf(promise: Promise<void> | undefined): Promise<string> {
  if (promise === undefined) return 'none';
  let state = 'waits';
  promise.then(
    () => (state = 'stored'),
    (error: unknown) => (state = error instanceof Fault ? `${error.reason}: ${error.message}` : 'other'),
  );
  await turn();
  return state;
}

const FAILED = 'InternalError: failed to store audit event';

describe('group commit', () => {
  it('writes what comes in two turns together, and what comes during a write in the next', async () => {
    const { queue, sink, counts } = create('blocking-strict');
    const a = queue.store('a');
    const first = queue.store('b');
    await turn();
    assert.equal(sink.writes.length, 0);
    const b = queue.store('c');
    await turn();
    assert.deepEqual(
      sink.writes.map(({ text }) => text),
      ['a\nb\nc\n'],
    );
    const c = queue.store('d');
    queue.storeLater('e');
    const e = queue.store('f');
    await turn();
    assert.equal(sink.writes.length, 1);
    assert.equal(await stateOf(a), 'waits');
    sink.writes[0]?.succeed();
    assert.deepEqual(await Promise.all([a, first, b, c].map(stateOf)), [
      'stored',
      'stored',
      'stored',
      'waits',
    ]);
    await turn();
    await turn();
    assert.equal(sink.writes[1]?.text, 'd\ne\nf\n');
    sink.writes[1].succeed();
    assert.deepEqual(await Promise.all([stateOf(c), stateOf(e)]), ['stored', 'stored']);
    assert.equal(counts.events, 6);
  });
  it('does not keep who is alone waiting for company', async () => {
    const { queue, sink } = create('blocking-strict');
    for (const event of ['a', 'b', 'c']) {
      // What nobody waits for is no company.
      queue.storeLater(`before ${event}`);
      const told = queue.store(event);
      await turn();
      assert.equal(sink.writes.at(-1)?.text, `before ${event}\n${event}\n`);
      sink.writes.at(-1)?.succeed();
      assert.equal(await stateOf(told), 'stored');
    }
  });
  it('keeps the order of many that come at all times', async () => {
    const { queue, sink } = create('blocking-strict');
    const expected: string[] = [];
    const waits: (Promise<void> | undefined)[] = [];
    for (let i = 0; i < 500; i += 1) {
      expected.push(String(i));
      if (i % 3 === 0) queue.storeLater(String(i));
      else waits.push(queue.store(String(i)));
      if (i % 7 === 0) await turn();
      if (i % 11 === 0) sink.writes.at(-1)?.succeed();
    }
    sink.isOpen = true;
    sink.writes.at(-1)?.succeed();
    await Promise.all(waits.filter((wait) => wait !== undefined));
    await queue.close();
    const written = sink.writes.map(({ text }) => text).join('');
    assert.deepEqual(written.trimEnd().split('\n'), expected);
    assert.ok(sink.writes.length < 200, 'in groups');
  });
  it('lets an event that nobody waits for wait a little for company', async () => {
    const { queue, sink, clock } = create('blocking-strict');
    queue.storeLater('a');
    await turn();
    assert.equal(sink.writes.length, 0);
    clock.advance(5);
    assert.equal(sink.writes[0]?.text, 'a\n');
  });
  it('bounds a single write, without dividing an event', async () => {
    const { queue, sink } = create('blocking-strict');
    sink.isOpen = true;
    const event = 'x'.repeat(400_000);
    await Promise.all([1, 2, 3, 4, 5].map(async () => queue.store(event)));
    assert.deepEqual(
      sink.writes.map(({ text }) => text.length),
      [800_002, 800_002, 400_001],
    );
  });
});

describe('a write that fails', () => {
  it('rejects all that wait in mode blocking-strict, also behind it, and is tried again', async () => {
    const { queue, sink, clock, log, counts } = create('blocking-strict');
    const a = queue.store('a');
    await turn();
    const b = queue.store('b');
    sink.writes[0]?.fail();
    assert.deepEqual(await Promise.all([stateOf(a), stateOf(b)]), [FAILED, FAILED]);
    assert.equal(queue.problem(), 'audit events cannot be stored (ENOSPC)');
    assert.deepEqual([counts.errors, counts.dropped], [1, 0]);
    queue.storeLater('c');
    clock.advance(1_000);
    assert.equal(sink.writes[1]?.text, 'a\nb\nc\n');
    sink.writes[1].succeed();
    await turn();
    assert.equal(queue.problem(), undefined);
    assert.deepEqual(
      log.lines.map(({ level, message }) => `${level}: ${message}`),
      ['error: audit events could not be stored', 'info: audit events can be stored again'],
    );
  });
  it('fails nobody in mode blocking', async () => {
    const { queue, sink, counts } = create('blocking');
    const a = queue.store('a');
    assert.equal(await stateOf(a), 'waits');
    sink.writes[0]?.fail();
    assert.equal(await stateOf(a), 'stored');
    assert.equal(counts.errors, 1);
  });
  it('does not hide behind what was written before it in the same group', async () => {
    const { queue, sink } = create('blocking-strict');
    const a = queue.store('x'.repeat(1_000_000));
    const b = queue.store('y'.repeat(1_000_000));
    await turn();
    await turn();
    sink.writes[0]?.succeed();
    await turn();
    sink.writes[1]?.fail();
    assert.deepEqual(await Promise.all([stateOf(a), stateOf(b)]), [FAILED, FAILED]);
    const closing = queue.close();
    sink.isOpen = true;
    await closing;
    assert.deepEqual(
      sink.writes.map(({ text }) => text[0]),
      ['x', 'y', 'y'],
    );
  });
  it('tells whoever asked to be told', async () => {
    const { queue, sink, clock } = create('blocking-strict');
    let failed = 0;
    queue.storeLater('a', () => (failed += 1));
    clock.advance(5);
    sink.writes[0]?.fail();
    await turn();
    assert.equal(failed, 1);
  });
  it('stops being a problem when there is nothing left to write', async () => {
    const { queue, sink, clock } = create('blocking-strict', 0);
    const a = queue.store('a');
    await turn();
    sink.writes[0]?.fail();
    assert.equal(await stateOf(a), FAILED);
    assert.notEqual(queue.problem(), undefined);
    clock.advance(10_001);
    assert.equal(queue.problem(), undefined);
  });
  it('leads to dropped events when the buffer is full, and says so once', async () => {
    const { queue, sink, log, counts } = create('blocking-strict', 2);
    const a = queue.store('a');
    await turn();
    sink.writes[0]?.fail();
    assert.equal(await stateOf(a), FAILED);
    queue.storeLater('b');
    queue.storeLater('c');
    assert.equal(await stateOf(queue.store('d')), FAILED);
    assert.equal(counts.dropped, 2);
    const said = log.lines.filter(({ message }) => message === 'audit events are being dropped');
    assert.equal(said.length, 1);
  });
});

describe('mode batch', () => {
  it('waits for nothing and drops what the buffer cannot hold', async () => {
    const { queue, sink, counts, log } = create('batch', 3);
    assert.equal(queue.store('1'), undefined);
    await turn();
    for (const event of ['2', '3', '4', '5']) assert.equal(queue.store(event), undefined);
    assert.equal(counts.dropped, 2);
    assert.equal(log.lines.at(-1)?.level, 'error');
    sink.isOpen = true;
    for (const write of sink.writes) write.succeed();
    await queue.close();
    assert.equal(sink.writes.map(({ text }) => text).join(''), '1\n2\n3\n');
  });
});

describe('a normal stop', () => {
  for (const mode of ['batch', 'blocking', 'blocking-strict'] as const) {
    it(`loses nothing in mode ${mode}`, async () => {
      const { queue, sink, counts } = create(mode);
      sink.isOpen = true;
      void queue.store('a');
      await turn();
      queue.storeLater('b');
      void queue.store('c');
      await queue.close();
      assert.equal(sink.writes.map(({ text }) => text).join(''), 'a\nb\nc\n');
      assert.deepEqual([sink.closed, counts.events, counts.dropped], [1, 3, 0]);
    });
  }
  it('waits for the write that is in flight', async () => {
    const { queue, sink } = create('blocking-strict');
    void queue.store('a');
    await turn();
    const closing = queue.close();
    assert.equal(await stateOf(closing), 'waits');
    sink.writes[0]?.succeed();
    assert.equal(await stateOf(closing), 'stored');
  });
  it('tries what failed once more, and counts what is lost', async () => {
    const { queue, sink, counts } = create('blocking');
    const a = queue.store('a');
    await turn();
    sink.writes[0]?.fail();
    await a;
    const closing = queue.close();
    await turn();
    sink.writes[1]?.fail();
    await closing;
    assert.deepEqual([counts.dropped, sink.closed], [1, 1]);
  });
  it('refuses what comes after it', async () => {
    const { queue, counts } = create('blocking-strict');
    await queue.close();
    assert.equal(await stateOf(queue.store('late')), FAILED);
    assert.equal(counts.dropped, 1);
  });
});

describe('reopen', () => {
  it('writes first what there is', async () => {
    const { queue, sink } = create('blocking-strict');
    sink.isOpen = true;
    queue.storeLater('a');
    await queue.reopen();
    assert.deepEqual([sink.writes.length, sink.reopened], [1, 1]);
    await queue.store('b');
    assert.equal(sink.writes[1]?.text, 'b\n');
  });
});
