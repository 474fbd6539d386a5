// How long a disk or a store is waited for, when this process stands still in between.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, it } from 'node:test';
import type { Clock } from '../../src/core/ports.ts';
import { HIGH_WATER, Room, afterTurns } from '../../src/record/patience.ts';
import { createFakeClock } from '../support/fake-clock.ts';

function createRoom(clock: Clock) {
  const state = { waiting: 0, stored: 0, drained: 0, over: 0 };
  const room = new Room({
    clock,
    limitMs: 10_000,
    waiting: () => state.waiting,
    stored: () => state.stored,
    onDrained: () => (state.drained += 1),
    onOver: () => (state.over += 1),
  });
  return { state, room };
}

describe('patience', () => {
  it('is over after its time, once', () => {
    const clock = createFakeClock();
    let over = 0;
    afterTurns(clock, 10_000, () => (over += 1));
    const cancel = afterTurns(clock, 10_000, () => assert.fail('it was cancelled'));
    clock.advance(5000);
    cancel();
    clock.advance(4999);
    assert.equal(over, 0);
    clock.advance(60_000);
    assert.equal(over, 1);
    assert.equal(clock.pending, 0);
  });

  it('loses a tenth to a time in which nothing ran, however long it was', () => {
    const clock = createFakeClock();
    let over = 0;
    afterTurns(clock, 10_000, () => (over += 1));
    clock.jump(3_600_000);
    for (let second = 0; second < 8; second += 1) clock.jump(1000);
    assert.equal(over, 0);
    clock.jump(1000);
    assert.equal(over, 1);
  });

  it('of a process that is stopped and goes on is not over in that moment', async () => {
    const url = new URL('../../src/record/patience.ts', import.meta.url).href;
    const ports = new URL('../../src/core/ports.ts', import.meta.url).href;
    const program = `
      const { afterTurns } = await import(${JSON.stringify(url)});
      const { systemClock } = await import(${JSON.stringify(ports)});
      setInterval(() => undefined, 1000);
      // What was counted until now, and is wrong.
      setTimeout(() => console.log('timer', Date.now()), 2000);
      afterTurns(systemClock, 2000, () => { console.log('over', Date.now()); process.exit(); });
      console.log('waiting', Date.now());`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const at = new Map<string, number>();
    let wokenAt = 0;
    for await (const line of createInterface({ input: child.stdout })) {
      const [what = '', time] = line.split(' ');
      at.set(what, Number(time));
      if (what !== 'waiting') continue;
      child.kill('SIGSTOP');
      await sleep(4000);
      wokenAt = Date.now();
      child.kill('SIGCONT');
    }
    assert.ok((at.get('timer') ?? 0) - wokenAt < 1000, 'a timer alone is over at once');
    const waited = (at.get('over') ?? 0) - wokenAt;
    assert.ok(waited >= 1700, `${waited} ms after it was woken`);
  });
});

describe('the room of a recording', () => {
  it('is over when nothing of the little that waits is stored, and not while something is', () => {
    const clock = createFakeClock();
    const { state, room } = createRoom(clock);
    state.waiting = 10;
    room.added(0);
    for (let second = 0; second < 60; second += 1) {
      state.stored += 1;
      clock.advance(1000);
    }
    assert.equal(state.over, 0);
    assert.equal(room.isFull, false);
    clock.advance(9000);
    assert.equal(state.over, 0);
    clock.advance(1000);
    assert.equal(state.over, 1);
    assert.equal(clock.pending, 0);
  });

  it('is over when it is full for so long, however slowly it is emptied', () => {
    const clock = createFakeClock();
    const { state, room } = createRoom(clock);
    state.waiting = HIGH_WATER - 1;
    room.added(1);
    assert.equal(room.isFull, true);
    for (let second = 0; second < 10; second += 1) {
      state.stored += 1;
      clock.advance(1000);
    }
    assert.equal(state.over, 0);
    state.stored += 1;
    clock.advance(1000);
    assert.equal(state.over, 1);
  });

  it('has no timer while nothing waits', () => {
    const clock = createFakeClock();
    const { state, room } = createRoom(clock);
    room.added(100);
    assert.equal(clock.pending, 0);
    state.waiting = HIGH_WATER;
    room.added(0);
    state.waiting = 0;
    room.taken();
    assert.equal(state.drained, 1);
    clock.advance(1000);
    assert.equal(clock.pending, 0);
  });

  it('is full, and not over, when the process stood still', () => {
    const clock = createFakeClock();
    const { state, room } = createRoom(clock);
    state.waiting = HIGH_WATER;
    room.added(0);
    clock.jump(3_600_000);
    assert.equal(state.over, 0);
    state.waiting = 0;
    room.taken();
    assert.equal(state.drained, 1);
  });
});
