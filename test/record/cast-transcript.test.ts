// Asciicast lines: characters cut anywhere stay whole, bytes that are none can be got back, and time runs one way.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { CastTranscript } from '../../src/record/cast-transcript.ts';
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

function write(chunks: readonly (readonly [Stream, Buffer])[], stdin = true): ReturnType<typeof parseCast> {
  const transcript = new CastTranscript({ subject, stdin });
  const lines = chunks.map(([stream, data], at) =>
    transcript.event({ kind: 'data', stream, data }, 1000 + at),
  );
  return parseCast(transcript.header(1000) + lines.join('') + transcript.end(2000));
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
        const cast = write(chunks);
        for (const name of ['stdin', 'stdout', 'stderr'] as const) {
          const expected = Buffer.concat(chunks.filter(([of]) => of === name).map(([, data]) => data));
          assert.ok(cast.bytes(name).equals(expected), `${name}: ${JSON.stringify(chunks)}`);
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

  it('has no stdin in it where that is off, and still its count', () => {
    const transcript = new CastTranscript({ subject, stdin: false });
    const lines =
      transcript.header(0) +
      transcript.event({ kind: 'data', stream: 'stdin', data: Buffer.from('secret') }, 1) +
      transcript.event({ kind: 'stdinClosed' }, 2) +
      transcript.end(3);
    assert.ok(!lines.includes('secret'));
    assert.deepEqual(transcript.summary(), { stdinBytes: 6, stdoutBytes: 0, stderrBytes: 0 });
  });

  it('writes its header at once, sizes as columns by rows, the status and the exit code', () => {
    const transcript = new CastTranscript({ subject, stdin: true });
    const cast = parseCast(
      transcript.header(1000) +
        transcript.event({ kind: 'data', stream: 'stdout', data: Buffer.from('before any size') }, 1500) +
        transcript.event({ kind: 'resize', columns: 132, rows: 43 }, 1750) +
        transcript.event({ kind: 'status', text: '{}', exitCode: 3 }, 1750) +
        transcript.note('a note', 1750) +
        transcript.end(1750),
    );
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
    const transcript = new CastTranscript({ subject, stdin: true });
    const data = Buffer.from('x');
    const cast = parseCast(
      transcript.header(1000) +
        transcript.event({ kind: 'data', stream: 'stdout', data }, 2000) +
        transcript.event({ kind: 'data', stream: 'stdout', data }, 500) +
        transcript.event({ kind: 'data', stream: 'stdout', data }, 2100),
    );
    assert.deepEqual(
      cast.events.map(({ atMs }) => atMs),
      [1000, 1000, 1100],
    );
  });
});
