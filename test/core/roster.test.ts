import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Seat } from '../../src/core/roster.ts';
import { Roster } from '../../src/core/roster.ts';

describe('a roster', () => {
  it('has who came and did not go', () => {
    const roster = new Roster<string>();
    const seats = ['a', 'b', 'c', 'd'].map((item) => roster.add(item));
    const [, second, , last] = seats;
    assert(second !== undefined && last !== undefined);
    roster.remove(second);
    assert.deepEqual(roster.items().toSorted(), ['a', 'c', 'd']);
    roster.remove(last);
    assert.deepEqual(roster.items().toSorted(), ['a', 'c']);
    assert.equal(roster.size, 2);
  });

  it('takes a seat back once, whoever sits there now', () => {
    const roster = new Roster<string>();
    const seat = roster.add('gone');
    roster.remove(seat);
    roster.add('here');
    roster.remove(seat);
    assert.deepEqual(roster.items(), ['here']);
  });

  it('counts an item that is there twice twice', () => {
    const roster = new Roster<string>();
    const seat = roster.add('same');
    roster.add('same');
    roster.remove(seat);
    assert.deepEqual(roster.items(), ['same']);
  });

  it('agrees with a Set whatever the order of coming and going', () => {
    const roster = new Roster<number>();
    const expected = new Set<number>();
    const seats: Seat<number>[] = [];
    let state = 1;
    for (let i = 0; i < 10_000; i += 1) {
      state = (state * 48_271) % 2_147_483_647;
      const leaves = state % 3 === 0 ? seats.splice(state % (seats.length || 1), 1)[0] : undefined;
      if (leaves === undefined) {
        seats.push(roster.add(i));
        expected.add(i);
      } else {
        roster.remove(leaves);
        expected.delete(leaves.item);
      }
      assert.equal(roster.size, expected.size);
    }
    assert.deepEqual(new Set(roster.items()), expected);
  });

  it('is not disturbed by who goes while it is gone through', () => {
    const roster = new Roster<number>();
    const seats = [1, 2, 3].map((item) => roster.add(item));
    const seen = roster.items().map((item) => {
      for (const seat of seats) roster.remove(seat);
      return item;
    });
    assert.deepEqual(seen, [1, 2, 3]);
    assert.equal(roster.size, 0);
  });
});
