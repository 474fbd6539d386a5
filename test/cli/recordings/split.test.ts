// A joined stream divided again: whatever the chunks are, the parts are the same.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { split } from '../../../src/cli/recordings/split.ts';

async function* chunksOf(text: string, size: number): AsyncGenerator<Uint8Array> {
  await Promise.resolve();
  for (let at = 0; at < text.length; at += size) yield Buffer.from(text.slice(at, at + size));
}

async function partsOf(text: string, chunk: number, sizes: readonly number[]): Promise<readonly string[]> {
  const parts: string[] = [];
  for await (const part of split(chunksOf(text, chunk), sizes)) {
    let read = '';
    for await (const bytes of part) read += Buffer.from(bytes).toString();
    parts.push(read);
  }
  return parts;
}

describe('split', () => {
  const rows: readonly (readonly [string, readonly number[], readonly string[]])[] = [
    ['abcdef', [1, 2, 3], ['a', 'bc', 'def']],
    ['abcdef', [1, 2], ['a', 'bc', 'def']],
    ['abcdef', [], ['abcdef']],
    ['abcdef', [0, 6], ['', 'abcdef']],
    ['abc', [2, 2, 2], ['ab', 'c', '']],
    ['', [], []],
    ['', [2], ['']],
  ];
  for (const [text, sizes, expected] of rows) {
    it(`"${text}" by ${sizes.join('+')} and the rest`, async () => {
      for (let chunk = 1; chunk <= 7; chunk += 1)
        assert.deepEqual(await partsOf(text, chunk, sizes), expected);
    });
  }
});
