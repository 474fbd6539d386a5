// Lines that wait for company: their order, what makes them go, and that the end of the process loses none.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createGatheredLines } from '../../src/observe/gathered-lines.ts';

function create() {
  const writes: string[] = [];
  let wake = (): void => undefined;
  const written = new Promise<void>((resolve) => {
    wake = resolve;
  });
  let end = (): void => undefined;
  const output = {
    write: (text: string) => {
      writes.push(text);
      wake();
    },
  };
  const lines = createGatheredLines(output, (flush) => {
    end = flush;
  });
  return { lines, writes, written, end: () => end() };
}

describe('gathered lines', () => {
  it('go out together, in order, without anybody asking', async () => {
    // The timer itself does not keep the process alive.
    const hold = setInterval(() => undefined, 1000);
    const { lines, writes, written } = create();
    lines.write('a\n', false);
    lines.write('b\n', false);
    assert.deepEqual(writes, []);
    await written;
    clearInterval(hold);
    assert.deepEqual(writes, ['a\nb\n']);
  });

  it('go out at once behind an urgent one, and before it', () => {
    const { lines, writes, end } = create();
    lines.write('a\n', false);
    lines.write('b\n', true);
    assert.deepEqual(writes, ['a\nb\n']);
    end();
    assert.deepEqual(writes, ['a\nb\n']);
  });

  it('go out when they have become many', () => {
    const { lines, writes } = create();
    lines.write('x'.repeat(70_000), false);
    assert.equal(writes.length, 1);
  });

  it('go out when the process ends', () => {
    const { lines, writes, end } = create();
    lines.write('last\n', false);
    end();
    assert.deepEqual(writes, ['last\n']);
  });
});
