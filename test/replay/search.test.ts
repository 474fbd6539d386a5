// What somebody does to have a text on the screen and in no search: it is erased, overwritten or scrolled away before a
// search would look, or the search is kept busy for ever.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CastEvent } from '../../src/replay/cast.ts';
import { searchCast } from '../../src/replay/search.ts';
import type { Hit } from '../../src/replay/search.ts';

const HEADER = {
  kind: 'cast',
  columns: 20,
  rows: 5,
  timestamp: 0,
  title: '',
  command: undefined,
  tty: true,
} as const;

async function search(text: string, ...outputs: readonly string[]): Promise<readonly Hit[]> {
  const events = ReadableStream.from(
    outputs.map((output, at): CastEvent => ({
      kind: 'output',
      atMs: at * 1000,
      text: output,
      bytes: Buffer.from(output),
      isError: false,
    })),
  );
  const hits: Hit[] = [];
  for await (const hit of searchCast({ header: HEADER, events }, { text, ignoreCase: false })) hits.push(hit);
  return hits;
}

const ROWS = Array.from({ length: 300 }, (_, at) => `row ${at}`);

describe('a search finds what was on the screen for a moment', () => {
  const rows: readonly (readonly [what: string, output: string, line?: string])[] = [
    ['and was erased with its line', 'secret\u001b[2K\rdone'],
    ['and was erased by C1', 'secret\u009b2K\rdone'],
    ['and was overwritten from the beginning of the line', 'secret\rdone..'],
    ['and was overwritten from its end', `secret${'\b'.repeat(6)}done..`],
    ['and went with the whole screen', 'secret\r\nmore\u001b[2J\u001b[H'],
    ['and went with a reset', 'secret\u001bc'],
    ['and was overwritten by moving about', 'secret\u001b[1;1Hdone..'],
    ['and was taken out by characters', 'secret\u001b[1G\u001b[6P'],
    ['and went with its line', 'secret\u001b[M'],
    ['and was coloured in the middle', 'sec\u001b[1;31mret\u001b[0m\r\u001b[K'],
    ['on the other screen', '\u001b[?1049hsecret\u001b[?1049l'],
    ['and was wrapped', `${'-'.repeat(17)}secret\u001b[2J\u001b[H`, `${'-'.repeat(17)}secret`],
  ];
  for (const [what, output, line = 'secret'] of rows) {
    it(what, async () => {
      const hits = await search('secret', 'before\r\n\u001b[2J\u001b[H', output, 'after');
      assert.deepEqual(
        hits.map((hit) => ({ ...hit, line: hit.line.trimEnd() })),
        [{ atMs: 1000, line }],
      );
    });
  }

  for (const [what, begin, end] of [
    ['on the other screen', '\u001b[?1049h', '\u001b[?1049l'],
    ['between margins', '\u001b[2;3r\u001b[2H', '\u001b[r\u001b[2J\u001b[H'],
  ] as const) {
    it(`and scrolled away ${what}, lines and lines that go on without an end`, async () => {
      for (const text of [ROWS.join('\r\n'), ROWS.join('; ')]) {
        const hits = await search('row 77', begin + text + end);
        assert.equal(hits.length, 1, JSON.stringify(text.slice(0, 20)));
      }
    });
  }

  it('in two events, of which the second takes it away', async () => {
    assert.deepEqual(
      (await search('secret', 'sec', 'ret\u001b[2K\r')).map(({ atMs }) => atMs),
      [1000],
    );
  });
});

describe('a search', () => {
  it('tells of a line that is written over itself once an event', async () => {
    const progress = Array.from({ length: 100 }, (_, at) => `loading ${at}%`).join('\r');
    assert.equal((await search('loading', progress)).length, 1);
  });

  it('is not misled by characters between letters that show nothing', async () => {
    for (const nothing of ['\u200b', '\ufe0f', '\u034f', '\u{e0100}', '\u180b', '\u2060']) {
      const hits = await search('secret', ['s', 'e', 'c', 'r', 'e', 't'].join(nothing));
      assert.equal(hits.length, 1, JSON.stringify(nothing));
    }
  });

  it('does not find what was never there in one piece', async () => {
    assert.deepEqual(await search('secret', 'sec\u001b[2K\rret\r\n', 'sec\r\nret'), []);
  });

  it('is not kept busy by tabs that go on for ever', async () => {
    const hits = await search('secret', `${'\u001b[2147483647I'.repeat(200)}\r\nsecret`);
    assert.equal(hits.length, 1);
  });

  it('is not kept busy by a line that never ends, whatever moves in it', async () => {
    const endless = `${'x'.repeat(20)}\u001b[D\u001b[C`.repeat(10_000);
    assert.equal((await search('secret', endless, 'secret')).length, 1);
  });
});
