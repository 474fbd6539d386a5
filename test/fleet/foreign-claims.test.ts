// A node that claims pods of others: all of it is counted, and the log is told when it changes.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { NodeName } from '../../src/core/names.ts';
import { createForeignClaims } from '../../src/fleet/foreign-claims.ts';
import { createFakeClock } from '../support/fake-clock.ts';

function setUp() {
  const clock = createFakeClock();
  const said: string[] = [];
  const nodes = new Set(['liar', 'other']);
  const state = { counted: 0 };
  const say = (level: string) => (context: object, message: string) => {
    said.push(`${level} ${JSON.stringify(context)} ${message}`);
  };
  const tell = createForeignClaims({
    clock,
    log: { info: say('info'), warn: say('warn') },
    counted: (count) => (state.counted += count),
    isKnown: (node) => nodes.has(node),
  });
  const read = (count: number, node = 'liar'): void => {
    tell(node as NodeName, count);
    clock.advance(10_000);
  };
  return { clock, said, state, nodes, read };
}

const CLAIMS = 'the node claims pods whose spec names another node';

describe('a node that claims pods of other nodes', () => {
  it('is told of once for as long as it goes on, and counted each time', () => {
    const { said, state, read } = setUp();
    for (let reading = 0; reading < 1000; reading += 1) read(3);
    assert.deepEqual(said, [`warn {"node":"liar","count":3} ${CLAIMS}`]);
    assert.equal(state.counted, 3000);
  });

  it('is told of again when the number changes, and when it is over', () => {
    const { said, read, clock } = setUp();
    read(1);
    clock.advance(60_000);
    read(2);
    clock.advance(60_000);
    read(0);
    clock.advance(60_000);
    read(0);
    assert.deepEqual(said, [
      `warn {"node":"liar","count":1} ${CLAIMS}`,
      `warn {"node":"liar","count":2} ${CLAIMS}`,
      'info {"node":"liar"} the node claims no pods of other nodes any more',
    ]);
  });

  it('that says something else at each reading is told of once a minute, with the last that it said', () => {
    const { said, state, read } = setUp();
    for (let reading = 0; reading < 60; reading += 1) read(1 + (reading % 7));
    assert.equal(said.length, 10);
    assert.equal(said[1], `warn {"node":"liar","count":7} ${CLAIMS}`);
    assert.ok(state.counted > 200);
  });

  it('keeps no other quiet', () => {
    const { said, read } = setUp();
    read(1);
    read(1, 'other');
    assert.equal(said.length, 2);
  });

  it('that has left and comes back is told of anew', () => {
    const { said, nodes, read } = setUp();
    read(1);
    nodes.delete('liar');
    read(1, 'other');
    nodes.add('liar');
    read(1);
    assert.equal(said.length, 3);
  });
});
