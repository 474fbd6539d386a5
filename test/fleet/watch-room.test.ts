// The room that all watches share: who makes way for whom.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { RoomPlace } from '../../src/fleet/watch-room.ts';
import { WatchRoom } from '../../src/fleet/watch-room.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const MB = 1024 * 1024;

/** Places by `user` with a number, as in `bob2`; `evicted` tells who had to go, in their order. */
function createRoom() {
  const clock = createFakeClock();
  const room = new WatchRoom(clock);
  const evicted: string[] = [];
  const enter = (name: string, onItsWay = 0): RoomPlace & { readonly held: () => number } => {
    let held = 0;
    const place = room.enter(name.replace(/\d+$/, ''), () => {
      evicted.push(name);
      place.give(held - onItsWay);
      held = onItsWay;
    });
    return {
      ...place,
      take: (characters) => {
        const isTaken = place.take(characters);
        if (isTaken) held += characters;
        return isTaken;
      },
      held: () => held,
    };
  };
  return { clock, enter, evicted };
}

it('many small watches of one user make way before the only one of another', () => {
  const { enter, evicted } = createRoom();
  assert.ok(enter('alice').take(40 * MB));
  for (let count = 0; count < 44; count += 1) assert.ok(enter(`bob${count}`).take(2 * MB));
  assert.ok(enter('carol').take(5 * MB));
  assert.deepEqual(evicted, ['bob0', 'bob1', 'bob2']);
});

it('whoever holds most is not given more at the expense of others', () => {
  const { enter, evicted } = createRoom();
  const bob = enter('bob');
  assert.ok(enter('alice').take(64 * MB) && bob.take(63 * MB));
  assert.equal(bob.take(2 * MB), false);
  assert.equal(bob.take(1 * MB), true);
  assert.deepEqual(evicted, []);
  assert.equal(enter('carol').take(64 * MB), true);
  assert.equal(evicted.length, 1);
});

it('what is on its way to a client is not room until it has arrived', () => {
  const { enter, evicted } = createRoom();
  assert.ok(enter('alice', 64 * MB).take(64 * MB) && enter('bob', 60 * MB).take(64 * MB));
  const carol = enter('carol');
  assert.equal(carol.take(4 * MB), true);
  assert.deepEqual(evicted, ['alice', 'bob']);
  assert.equal(carol.take(1 * MB), false);
});

it('a place that was left holds nothing, whatever is given back after it', () => {
  const { clock, enter } = createRoom();
  const place = enter('alice');
  assert.ok(place.take(10));
  assert.equal(clock.pending, 1);
  place.leave();
  place.give(10);
  assert.equal(clock.pending, 0);
  const others = [enter('bob'), enter('carol'), enter('dave')];
  assert.deepEqual(
    others.map((other) => other.take(64 * MB)),
    [true, true, true],
  );
});
