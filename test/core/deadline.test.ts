// A deadline is met when it is due and not before, however often it was set and withdrawn, and one timer does for it.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Deadline } from '../../src/core/deadline.ts';
import { createFakeClock } from '../support/fake-clock.ts';

function createWatched() {
  const clock = createFakeClock();
  const met: string[] = [];
  return { clock, met, deadline: new Deadline(clock), meet: (name: string) => () => met.push(name) };
}

describe('a deadline', () => {
  it('is met once, when it is due', () => {
    const { clock, met, deadline, meet } = createWatched();
    deadline.set(100, meet('first'));
    clock.advance(99);
    assert.deepEqual(met, []);
    clock.advance(1000);
    assert.deepEqual(met, ['first']);
    assert.equal(clock.pending, 0);
  });

  it('that was set anew is the only one, later or sooner', () => {
    const { clock, met, deadline, meet } = createWatched();
    deadline.set(100, meet('first'));
    clock.advance(50);
    deadline.set(100, meet('later'));
    clock.advance(99);
    assert.deepEqual(met, []);
    clock.advance(1);
    assert.deepEqual(met, ['later']);
    deadline.set(1000, meet('long'));
    deadline.set(10, meet('sooner'));
    clock.advance(10);
    assert.deepEqual(met, ['later', 'sooner']);
    clock.advance(2000);
    assert.deepEqual(met, ['later', 'sooner']);
  });

  it('that was withdrawn is not met, and the next is', () => {
    const { clock, met, deadline, meet } = createWatched();
    deadline.set(100, meet('withdrawn'));
    clock.advance(60);
    deadline.withdraw();
    clock.advance(20);
    deadline.set(100, meet('next'));
    clock.advance(99);
    assert.deepEqual(met, []);
    clock.advance(1);
    assert.deepEqual(met, ['next']);
  });

  it('costs one timer, whatever is set', () => {
    const { clock, deadline, meet } = createWatched();
    for (let i = 0; i < 1000; i += 1) {
      deadline.set(100, meet(String(i)));
      deadline.withdraw();
      clock.advance(1);
      assert(clock.pending <= 1);
    }
  });

  it('is never met after the end, and holds no timer', () => {
    const { clock, met, deadline, meet } = createWatched();
    deadline.set(100, meet('first'));
    deadline.end();
    assert.equal(clock.pending, 0);
    deadline.set(1, meet('second'));
    clock.advance(1000);
    assert.deepEqual(met, []);
  });

  it('is late by its own length at most when the wall clock was set back', () => {
    const met: number[] = [];
    let [wall, passed] = [1_000_000, 0];
    let timer: { readonly at: number; readonly callback: () => void } | undefined;
    const deadline = new Deadline({
      now: () => wall,
      after: (delayMs, callback) => {
        timer = { at: passed + delayMs, callback };
        return () => (timer = undefined);
      },
    });
    const pass = (ms: number): void => {
      for (let i = 0; i < ms; i += 1) {
        [wall, passed] = [wall + 1, passed + 1];
        if (timer !== undefined && timer.at <= passed) timer.callback();
      }
    };
    deadline.set(100, () => assert.fail('it was set anew'));
    pass(50);
    deadline.set(100, () => met.push(passed));
    wall -= 3_600_000;
    pass(1000);
    assert.deepEqual(met, [200]);
  });
});
