// What clients were shown, by the resourceVersion that they were told.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Shown } from '../../src/fleet/positions.ts';
import { createPositions } from '../../src/fleet/positions.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const shownOf = (count: number): Shown =>
  new Map([['node-1', new Map(Array.from({ length: count }, (_, index) => [`p${index}`, 'f']))]]);

describe('resource versions', () => {
  it('grow, and fit into 63 bits, however fast they are asked for and whatever the clock does', () => {
    const clock = createFakeClock(Date.parse('2026-11-23T17:20:00Z'));
    const positions = createPositions({ clock });
    const all = Array.from({ length: 2_500 }, () => BigInt(positions.next()));
    for (const [index, version] of all.entries()) assert.ok(index === 0 || version > (all[index - 1] ?? 0n));
    clock.advance(60_000);
    assert.ok(BigInt(positions.next()) > (all.at(-1) ?? 0n));
    assert.ok((all.at(-1) ?? 0n) < 2n ** 63n);
  });
});

describe('what was shown', () => {
  it('is kept for its list, for five minutes', () => {
    const clock = createFakeClock();
    const positions = createPositions({ clock });
    positions.keep('of alice', '7', shownOf(2));
    assert.equal(positions.recall('of alice', '7')?.get('node-1')?.size, 2);
    assert.equal(positions.recall('of bob', '7'), undefined);
    assert.equal(positions.recall('of alice', '8'), undefined);
    clock.advance(300_001);
    assert.equal(positions.recall('of alice', '7'), undefined);
  });

  it('gives way to what is newer', () => {
    const positions = createPositions({ clock: createFakeClock() });
    for (let version = 1; version <= 40; version += 1)
      positions.keep('of alice', String(version), shownOf(9_999));
    assert.equal(positions.recall('of alice', '1'), undefined);
    assert.notEqual(positions.recall('of alice', '40'), undefined);
  });

  it('is bounded in bytes, however few objects there are', () => {
    const positions = createPositions({ clock: createFakeClock() });
    const long = (version: number): Shown =>
      new Map([['node-1', new Map([[String(version).padEnd(4_000_000, 'x'), 'f']])]]);
    for (let version = 1; version <= 10; version += 1)
      positions.keep('of alice', String(version), long(version));
    const kept = Array.from({ length: 10 }, (_, index) => positions.recall('of alice', String(index + 1)));
    assert.equal(kept.filter((shown) => shown !== undefined).length, 8);
  });
});
