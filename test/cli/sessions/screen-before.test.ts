// The screen as it was when somebody came to look on, from recordings as they are while they are written, and of those that
// do not tell it.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import type { RecordingSummary } from '../../../src/core/recording-archive.ts';
import type { RecordingSource } from '../../../src/cli/recordings/source.ts';
import { readScreenBefore } from '../../../src/cli/sessions/screen-before.ts';
import { isSessionId } from '../../../src/core/operation.ts';

const ID = '5d5b9a3e-0c4e-4f77-9a11-0d5c6f0f7a01';
const ENTER = '\u001b[?1049h';
const LEAVE = '\u001b[?1049l';
const CLEAR = '\u001b[H\u001b[2J';

const toHeader = (tty: boolean): string =>
  `${JSON.stringify({ version: 3, term: { cols: 80, rows: 24 }, kubeletGateway: { tty } })}\n`;
const toLine = (text: string): string => `[0.1,"o",${JSON.stringify(text)}]\n`;

interface Stored {
  readonly tty?: boolean;
  readonly summary?: Partial<RecordingSummary>;
  readonly problem?: string;
  /** What the open segment has at each look, one more line each time. */
  readonly open?: readonly string[];
}

/** `shown`: the outputs, a segment each. */
function createSource(shown: readonly string[], { tty = true, summary, problem, open = [] }: Stored = {}) {
  const counts = { looks: 0 };
  const stored = [toHeader(tty), ...shown.map(toLine)];
  const source: Pick<RecordingSource, 'summary' | 'segments'> = {
    summary: (id) =>
      Promise.resolve({
        ...{ id, state: 'running', encrypted: false, startedAt: '', user: '', node: '', action: 'exec' },
        ...{ namespace: '', pod: '', segments: stored.length, bytes: 0, ...summary },
      }),
    async *segments() {
      await Promise.resolve();
      for (const [at, text] of stored.entries()) {
        const sha256 = createHash('sha256').update(text).digest('hex');
        const name = `0000000${at + 1}.cast`;
        const bytes = ReadableStream.from([Buffer.from(text)]);
        if (at === 1 && problem !== undefined) yield { name, bytes, sha256, problem, isMissing: true };
        else yield { name, bytes, sha256 };
      }
      const text = open.slice(0, counts.looks).map(toLine).join('');
      counts.looks += 1;
      // The line after it is being written.
      yield {
        name: 'last',
        bytes: ReadableStream.from([Buffer.from(`${text}[0.1,"o","\\u00`)]),
        sha256: undefined,
      };
    },
  };
  return { source: { ...source, list: () => Promise.resolve([]), close: () => undefined }, counts };
}

async function read(shown: number, ...args: Parameters<typeof createSource>): Promise<string | undefined> {
  assert.ok(isSessionId(ID));
  const { source } = createSource(...args);
  const { signal } = new AbortController();
  return readScreenBefore({ source, decrypt: undefined }, { id: ID, shown, signal });
}

describe('the screen before', () => {
  for (const [what, shown, expected] of [
    ['of a program on the alternate screen', ['$ vim\r\n', `x${ENTER}a`, 'b', 'c'], `${ENTER}${ENTER}abc`],
    ['that was erased since', [`${ENTER}a`, 'b', `c${CLEAR}d`, 'e'], `${ENTER}${CLEAR.slice(3)}de`],
    ['that was erased on the main screen', ['a', `b${CLEAR}c`], `${CLEAR.slice(3)}c`],
    ['that is erased from its top', ['a', 'b\u001b[H\u001b[Jc'], '\u001b[H\u001b[Jc'],
    ['of a sequence in two pieces', ['a\u001b[?10', '49hb'], `${ENTER}${ENTER}b`],
    ['of a program that was left', [`${ENTER}a${LEAVE}$ `, 'ls'], undefined],
    ['of a terminal that was reset', [`${ENTER}a\u001bcb`], '\u001bcb'],
    ['of a shell', ['$ ls\r\n', 'a b\r\n'], undefined],
  ] as const) {
    it(what, async () => {
      assert.equal(await read(Buffer.byteLength(shown.join('')), shown), expected);
    });
  }

  it('holds nothing of what was shown later, and no half of a character', async () => {
    const shown = [`${ENTER}a`, '\u7d42', 'later'];
    assert.equal(await read(Buffer.byteLength(`${ENTER}a`) + 2, shown), `${ENTER}${ENTER}a`);
    assert.equal(await read(Buffer.byteLength(`${ENTER}a`) + 3, shown), `${ENTER}${ENTER}a\u7d42`);
  });

  it('waits for what is on its way into the recording', async () => {
    const shown = Buffer.byteLength(`${ENTER}abc`);
    assert.equal(await read(shown, [`${ENTER}a`], { open: ['b', 'cd', 'e'] }), `${ENTER}${ENTER}abc`);
  });

  it('is bounded', async () => {
    const piece = 'x'.repeat(700_000);
    const shown = [ENTER, piece, piece, piece, piece, 'end'];
    const text = await read(Buffer.byteLength(shown.join('')), shown);
    assert.equal(text?.length, ENTER.length + 1024 * 1024);
    assert.ok(text.endsWith('xend'));
  });

  it('is none without a terminal', async () => {
    assert.equal(await read(1000, [`${ENTER}a`], { tty: false }), undefined);
  });

  for (const [what, stored, words] of [
    ['encrypted', { summary: { encrypted: true } }, /encrypted, and --identity is missing/],
    ['very long', { summary: { bytes: 65 * 2 ** 20 } }, /longer than 64 MiB/],
    ['not whole', { problem: 'is missing' }, /not whole: 00000002\.cast is missing/],
  ] as const) {
    it(`is not known of a recording that is ${what}`, async () => {
      await assert.rejects(read(9, [`${ENTER}a`], stored), words);
    });
  }
});
