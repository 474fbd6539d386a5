// What is kept of a session's output for those who come later: the end of it, whatever came in whatever pieces.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LastOutput, MAX_BYTES } from '../../src/sessions/last-output.ts';

/** A number that is the same in each run. */
const createRandom = (seed: number) => (below: number) => {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
  return seed % below;
};

describe('LastOutput', () => {
  it('is the end of all that was added, in pieces of every length', () => {
    const random = createRandom(7);
    for (let round = 0; round < 50; round += 1) {
      const output = new LastOutput();
      let all = Buffer.alloc(0);
      for (let piece = 0; piece < 60; piece += 1) {
        const data = Buffer.alloc(random(piece % 10 === 0 ? 20_000 : 400), 33 + random(90));
        output.add(data);
        all = Buffer.concat([all, data]);
        const { tail, total } = output.take();
        assert.equal(total, all.length);
        assert.ok(
          tail.equals(all.subarray(Math.max(0, all.length - MAX_BYTES))),
          `round ${round}, piece ${piece}`,
        );
      }
    }
  });

  it('holds exactly as much as it may without leaving anything out', () => {
    const output = new LastOutput();
    output.add(Buffer.from(`${'x'.repeat(MAX_BYTES - 2)}\n終`).subarray(0, MAX_BYTES));
    assert.equal(output.take().tail.length, MAX_BYTES);
  });

  it('begins with a line when something is left out', () => {
    const output = new LastOutput();
    for (let at = 0; at < 1000; at += 1) output.add(Buffer.from(`this is line ${at}\r\n`));
    const lines = output.take().tail.toString().split('\r\n');
    assert.match(lines[0] ?? '', /^this is line \d+$/);
    assert.equal(lines.at(-2), 'this is line 999');
  });

  it('begins with a whole character where there are no lines', () => {
    for (let cut = 0; cut < 3; cut += 1) {
      const output = new LastOutput();
      output.add(Buffer.from('終'.repeat(MAX_BYTES) + 'x'.repeat(cut)));
      assert.doesNotMatch(output.take().tail.toString(), /\uFFFD/);
    }
  });
});
