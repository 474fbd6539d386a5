// Asciicast lines: characters cut anywhere stay whole, bytes that are none can be got back, and time runs one way.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createByteLines } from '../../src/record/cast-lines.ts';
import { CastTranscript } from '../../src/record/cast-transcript.ts';
import { createJsonTextWriter } from '../../src/record/json-text.ts';
import type { StdinMode } from '../../src/core/recording.ts';
import type { RecordingSubject } from '../../src/record/subject.ts';
import { Utf8Boundary } from '../../src/record/utf8-boundary.ts';
import { parseCast } from './support.ts';

const subject: RecordingSubject = {
  auditId: 'an-id',
  user: 'alice',
  groups: [],
  authenticatedBy: 'jwt',
  clientAddresses: ['127.0.0.1'],
  node: 'node-1',
  action: 'exec',
  namespace: 'default',
  pod: 'shell',
  transport: 'spdy',
};
type Stream = 'stdin' | 'stdout' | 'stderr';

const writeBytes = createByteLines(createJsonTextWriter());

/** A transcript, and the text of what it has written so far. */
function createTranscript(stdin: StdinMode = 'on'): { transcript: CastTranscript; text: () => string } {
  const written: Buffer[] = [];
  const write = (lines: string | Buffer): void => void written.push(Buffer.from(lines));
  const transcript = new CastTranscript({ write, writeBytes }, { subject, stdin });
  return { transcript, text: () => Buffer.concat(written).toString() };
}

/** `flushed`: each chunk becomes a line of its own. */
function write(
  chunks: readonly (readonly [Stream, Buffer])[],
  { flushed = true } = {},
): ReturnType<typeof parseCast> {
  const { transcript, text } = createTranscript();
  transcript.header(1000);
  for (const [at, [stream, data]] of chunks.entries()) {
    transcript.event({ kind: 'data', stream, data }, 1000 + at);
    if (flushed) transcript.flush();
  }
  transcript.end(2000);
  return parseCast(text());
}

describe('an asciicast', () => {
  it('keeps a character whole wherever it is cut', () => {
    const text = 'aä€𝄞ö';
    const bytes = Buffer.from(text);
    for (let first = 0; first <= bytes.length; first++) {
      for (let second = first; second <= bytes.length; second++) {
        const parts = [bytes.subarray(0, first), bytes.subarray(first, second), bytes.subarray(second)];
        const cast = write(parts.map((part) => ['stdout', part]));
        assert.equal(cast.events.map(({ data }) => data).join(''), text);
        assert.ok(cast.events.every(({ code }) => code === 'o'));
      }
    }
  });

  it('gives back every byte of every stream, whatever it is and however it is cut', () => {
    const stream = fc.constantFrom<Stream>('stdin', 'stdout', 'stderr');
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes)),
      fc.string({ unit: 'binary', maxLength: 6 }).map((text) => Buffer.from(text)),
      fc
        .constantFrom('\xe2', '\x82', '\xac', '\xf0\x9f', '\xed\xa0\x80', '\xc0\x80')
        .map((text) => Buffer.from(text, 'latin1')),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(stream, piece), { maxLength: 20 }), (chunks) => {
        for (const flushed of [true, false]) {
          const cast = write(chunks, { flushed });
          for (const name of ['stdin', 'stdout', 'stderr'] as const) {
            const expected = Buffer.concat(chunks.filter(([of]) => of === name).map(([, data]) => data));
            assert.ok(cast.bytes(name).equals(expected), `${name}: ${JSON.stringify(chunks)}`);
          }
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('never holds more than three bytes', () => {
    const boundary = new Utf8Boundary();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 10 }), (bytes) => {
        boundary.push(Buffer.from(bytes));
        assert.ok(boundary.flush().length <= 3);
      }),
    );
  });

  it('gives back long streams, text or not, and shows what is text in them', () => {
    const noise = randomBytes(300_000);
    const words = Buffer.from('grüße "quoted" \\ \x1b[0m\r\n'.repeat(12_000));
    const odd = Buffer.from(words);
    odd[100_000] = 0xff;
    for (const bytes of [noise, words, odd, Buffer.alloc(200_000, 1), Buffer.concat([words, noise, words])]) {
      for (const size of [1000, 16_384, 65_533, 65_536, 1_000_000]) {
        const chunks: (readonly [Stream, Buffer])[] = [];
        for (let at = 0; at < bytes.length; at += size)
          chunks.push(['stdout', bytes.subarray(at, at + size)]);
        assert.ok(write(chunks, { flushed: false }).bytes('stdout').equals(bytes), String(size));
      }
    }
    const cast = write([['stdout', odd]], { flushed: false });
    const shown = cast.events.map(({ code, data }) => (code === 'o' ? data : '')).join('');
    assert.equal(shown.replaceAll('\uFFFD', '').length, odd.toString().replaceAll('\uFFFD', '').length);
    const encoded = write([['stdout', noise]], { flushed: false }).events.filter(({ code }) => code === 'O');
    assert.ok(encoded.length >= 4, String(encoded.length));
  });

  it('makes one line of what comes in many pieces, of the time of the first', () => {
    const { transcript, text } = createTranscript();
    transcript.header(1000);
    for (let at = 0; at < 5; at++) {
      transcript.event({ kind: 'data', stream: 'stdout', data: Buffer.from('ab') }, 1100 + at);
    }
    assert.equal(transcript.held, 10);
    transcript.event({ kind: 'data', stream: 'stderr', data: Buffer.from('!') }, 1200);
    transcript.event({ kind: 'resize', columns: 1, rows: 2 }, 1300);
    assert.equal(transcript.held, 0);
    const { events } = parseCast(text());
    assert.deepEqual(events, [
      { atMs: 100, code: 'o', data: 'ababababab' },
      { atMs: 200, code: 'e', data: '' },
      { atMs: 200, code: 'o', data: '!' },
      { atMs: 300, code: 'r', data: '1x2' },
    ]);
  });

  it('has no stdin in it where that is off, and still its count', () => {
    const { transcript, text } = createTranscript('off');
    transcript.header(0);
    transcript.event({ kind: 'data', stream: 'stdin', data: Buffer.from('secret') }, 1);
    transcript.event({ kind: 'stdinClosed' }, 2);
    transcript.end(3);
    assert.ok(!text().includes('secret'));
    assert.deepEqual(transcript.summary(), { stdinBytes: 6, stdoutBytes: 0, stderrBytes: 0 });
  });

  it('writes its header at once, sizes as columns by rows, the status and the exit code', () => {
    const { transcript, text } = createTranscript();
    transcript.header(1000);
    transcript.event({ kind: 'data', stream: 'stdout', data: Buffer.from('before any size') }, 1500);
    transcript.event({ kind: 'resize', columns: 132, rows: 43 }, 1750);
    transcript.event({ kind: 'status', text: '{}', exitCode: 3 }, 1750);
    transcript.note('a note', 1750);
    transcript.end(1750);
    const cast = parseCast(text());
    assert.deepEqual(cast.header['term'], { cols: 80, rows: 24 });
    assert.deepEqual(cast.events, [
      { atMs: 500, code: 'o', data: 'before any size' },
      { atMs: 750, code: 'r', data: '132x43' },
      { atMs: 750, code: 's', data: '{}' },
      { atMs: 750, code: 'm', data: 'kubelet-gateway: a note' },
      { atMs: 750, code: 'x', data: '3' },
    ]);
  });

  it('does not run backwards with the wall clock', () => {
    const { transcript, text } = createTranscript();
    transcript.header(1000);
    for (const atMs of [2000, 500, 2100]) {
      transcript.event({ kind: 'data', stream: 'stdout', data: Buffer.from('x') }, atMs);
      transcript.flush();
    }
    assert.deepEqual(
      parseCast(text()).events.map(({ atMs }) => atMs),
      [1000, 1000, 1100],
    );
  });
});
