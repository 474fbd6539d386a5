// Answers cut everywhere, answers that no two parsers read alike, and random ones in random pieces.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Fault } from '../../src/core/fault.ts';
import { AnswerDecoder } from '../../src/wire/answer-decoder.ts';

interface Seen {
  code: number;
  headers: string[];
  body: string;
  whole: boolean;
  persists: boolean;
}

/** What one answer is, in these pieces. `closes`: the connection ends after them. */
function decode(pieces: readonly Buffer[], closes = false): Seen {
  const seen: Seen = { code: 0, headers: [], body: '', whole: false, persists: false };
  const decoder = new AnswerDecoder({
    onHead: ({ code, headers }) => {
      assert.equal(seen.code, 0, 'one head');
      seen.code = code;
      seen.headers = [...headers.names()];
    },
    onData: (chunk) => {
      assert.ok(chunk.length > 0 && !seen.whole && seen.code > 0);
      seen.body += chunk.toString('latin1');
    },
    onEnd: () => {
      assert.equal(seen.whole, false, 'one end');
      seen.whole = true;
    },
  });
  decoder.begin();
  // Chunks are moved together in what is pushed: the pieces are needed again.
  for (const piece of pieces) decoder.push(Buffer.from(piece));
  if (closes) decoder.close();
  assert.equal(decoder.isWhole, seen.whole);
  return { ...seen, persists: decoder.persists };
}

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');
const bytes = (buffer: Buffer): Buffer[] => [...buffer].map((byte) => Buffer.of(byte));

/** Whole, byte by byte, and cut at every position. */
function everyCut(answer: string, closes = false): Seen[] {
  const all = latin1(answer);
  const cuts = Array.from({ length: all.length - 1 }, (_, at) => [
    all.subarray(0, at + 1),
    all.subarray(at + 1),
  ]);
  return [[all], bytes(all), ...cuts].map((pieces) => decode(pieces, closes));
}

const OK = 'HTTP/1.1 200 OK\r\n';

describe('an answer', () => {
  const ROWS: readonly (readonly [
    what: string,
    answer: string,
    closes: boolean,
    body: string,
    persists: boolean,
  ])[] = [
    ['has a length', `${OK}Content-Length: 5\r\n\r\nhello`, false, 'hello', true],
    ['has no body', `${OK}Content-Length: 0\r\n\r\n`, false, '', true],
    [
      'comes in chunks',
      `${OK}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x="y"\r\n0123456789\r\n0\r\n\r\n`,
      false,
      'abc0123456789',
      true,
    ],
    [
      'has trailers, which are dropped',
      `${OK}transfer-encoding: Chunked\r\n\r\n1\r\na\r\n0\r\nA: b\r\nC: d\r\n\r\n`,
      false,
      'a',
      true,
    ],
    ['has chunks of size 000', `${OK}Transfer-Encoding: chunked\r\n\r\n000\r\n\r\n`, false, '', true],
    ['ends with the connection', `${OK}\r\nto the end`, true, 'to the end', false],
    ['ends with the connection and is empty', `${OK}\r\n`, true, '', false],
    [
      'says that it is the last',
      `${OK}Content-Length: 1\r\nConnection: foo, Close\r\n\r\nx`,
      false,
      'x',
      false,
    ],
    [
      'says that it is not the last',
      `${OK}Content-Length: 1\r\nConnection: closed, keep-alive\r\n\r\nx`,
      false,
      'x',
      true,
    ],
    [
      'follows interim ones',
      `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 X\r\nLink: a\r\n\r\n${OK}Content-Length: 1\r\n\r\nx`,
      false,
      'x',
      true,
    ],
    ['204 has no body whatever it says', 'HTTP/1.1 204 X\r\nContent-Length: 5\r\n\r\n', false, '', true],
    ['304 has no body whatever it says', 'HTTP/1.1 304 X\r\nContent-Length: 5\r\n\r\n', false, '', true],
    ['304 without a length', 'HTTP/1.1 304 X\r\n\r\n', false, '', false],
    ['204 in chunks of none', 'HTTP/1.1 204 X\r\nTransfer-Encoding: chunked\r\n\r\n', false, '', false],
    [
      'has a body of every byte',
      `${OK}Content-Length: 256\r\n\r\n${Buffer.from(Array.from({ length: 256 }, (_, i) => i)).toString('latin1')}`,
      false,
      Buffer.from(Array.from({ length: 256 }, (_, i) => i)).toString('latin1'),
      true,
    ],
  ];
  for (const [what, answer, closes, body, persists] of ROWS) {
    it(what, () => {
      for (const seen of everyCut(answer, closes)) {
        assert.equal(seen.body, body);
        assert.equal(seen.whole, true);
        assert.equal(seen.persists, persists);
      }
    });
  }

  it('is not whole when its connection ends early', () => {
    for (const answer of [
      OK,
      `${OK}Content-Length: 2\r\n\r\nx`,
      `${OK}Transfer-Encoding: chunked\r\n\r\n`,
      `${OK}Transfer-Encoding: chunked\r\n\r\n2\r\nx`,
      `${OK}Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n`,
    ]) {
      for (const seen of everyCut(answer, true)) assert.equal(seen.whole, false, answer);
    }
  });

  it('follows another on the same connection', () => {
    let ends = 0;
    const bodies: string[] = [];
    const decoder = new AnswerDecoder({
      onHead: () => undefined,
      onData: (chunk) => bodies.push(chunk.toString()),
      onEnd: () => void (ends += 1),
    });
    for (const text of ['one', 'two']) {
      assert.equal(decoder.isWhole, true);
      decoder.begin();
      assert.equal(decoder.isWhole, false);
      decoder.push(latin1(`${OK}Content-Length: 3\r\n\r\n${text}`));
    }
    assert.deepEqual(bodies, ['one', 'two']);
    assert.equal(ends, 2);
  });
});

describe('an answer that is meant to be dear', () => {
  it('has thousands of chunks of a byte, and is one part of a body for each push', () => {
    const parts: string[] = [];
    const decoder = new AnswerDecoder({
      onHead: () => undefined,
      onData: (part) => parts.push(part.toString()),
      onEnd: () => parts.push('end'),
    });
    decoder.begin();
    decoder.push(latin1(`${OK}Transfer-Encoding: chunked\r\n\r\n`));
    decoder.push(latin1('1\r\nx\r\n'.repeat(1_000)));
    decoder.push(latin1(`${'1;a=b\r\ny\r\n'.repeat(1_000)}0\r\n\r\n`));
    assert.deepEqual(parts, ['x'.repeat(1_000), 'y'.repeat(1_000), 'end']);
  });

  it('has a head that comes byte by byte behind interim ones, and each byte is looked at once', () => {
    const interim = `HTTP/1.1 100 X\r\n${'a:b\r\n'.repeat(100)}\r\n`.repeat(8);
    const all = latin1(`${interim}${OK}X: ${'y'.repeat(60_000)}\r\nContent-Length: 1\r\n\r\nz`);
    // Quadratic, this would be hours, and the runner would end it.
    for (let i = 0; i < 10; i += 1) assert.equal(decode(bytes(all)).body, 'z');
  });
});

describe('an answer that can be read in two ways', () => {
  const CHUNKED = `${OK}Transfer-Encoding: chunked\r\n\r\n`;
  const ROWS: readonly (readonly [what: string, answer: string])[] = [
    ['two lengths', `${OK}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab`],
    ['the same length twice', `${OK}Content-Length: 1\r\nContent-Length: 1\r\n\r\na`],
    ['lengths in a list', `${OK}Content-Length: 1, 1\r\n\r\na`],
    ['a length with a sign', `${OK}Content-Length: +1\r\n\r\na`],
    ['a length in hexadecimal', `${OK}Content-Length: 0x1\r\n\r\na`],
    ['a length beyond numbers', `${OK}Content-Length: 9999999999999999\r\n\r\na`],
    ['no length', `${OK}Content-Length:\r\n\r\na`],
    ['a length and chunks', `${OK}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['another coding', `${OK}Transfer-Encoding: gzip\r\n\r\n`],
    ['two codings', `${OK}Transfer-Encoding: gzip, chunked\r\n\r\n`],
    ['two coding lines', `${OK}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n`],
    ['a coding after a vertical tab', `${OK}Transfer-Encoding:\x0bchunked\r\n\r\n`],
    ['a folded line', `${OK}Transfer-Encoding:\r\n chunked\r\n\r\n`],
    ['a space before the colon', `${OK}Content-Length : 1\r\n\r\na`],
    ['a line without a colon', `${OK}Content-Length\r\n\r\n`],
    ['a bare line feed in the head', `${OK}A: b\nContent-Length: 1\r\n\r\na`],
    ['a bare carriage return in the head', `${OK}A: b\rContent-Length: 1\r\n\r\na`],
    ['a NUL in the head', `${OK}A: b\0\r\n\r\n`],
    ['HTTP/1.0', 'HTTP/1.0 200 OK\r\n\r\n'],
    ['HTTP/2', 'HTTP/2 200\r\n\r\n'],
    ['lower case', 'http/1.1 200 OK\r\n\r\n'],
    ['a space before it', ' HTTP/1.1 200 OK\r\n\r\n'],
    ['a line end before it', '\r\nHTTP/1.1 200 OK\r\n\r\n'],
    ['another protocol', 'SSH-2.0-OpenSSH_9.0\r\n'],
    ['a status of two digits', 'HTTP/1.1 99 X\r\n\r\n'],
    ['a status of 600', 'HTTP/1.1 600 X\r\n\r\n'],
    ['a switch of protocols that nobody asked for', 'HTTP/1.1 101 X\r\nUpgrade: SPDY/3.1\r\n\r\n'],
    ['interim answers without end', `${'HTTP/1.1 100 X\r\n\r\n'.repeat(9)}${OK}\r\n`],
    ['a chunk without a size', `${CHUNKED}\r\n`],
    ['a chunk size with a sign', `${CHUNKED}-1\r\na`],
    ['a chunk size with a prefix', `${CHUNKED}0x1\r\na\r\n`],
    ['a chunk size with a space before it', `${CHUNKED} 1\r\na\r\n`],
    ['a chunk size beyond numbers', `${CHUNKED}10000000000000000\r\n`],
    ['a chunk size that ends without CR', `${CHUNKED}1\na\r\n0\r\n\r\n`],
    ['a chunk extension with a control character', `${CHUNKED}1;a\x01\r\na\r\n`],
    ['a chunk that is longer than it says', `${CHUNKED}1\r\nab\r\n0\r\n\r\n`],
    ['a chunk that ends without CR', `${CHUNKED}1\r\na\n0\r\n\r\n`],
    ['a chunk line without end', `${CHUNKED}1;${'x'.repeat(2_000)}`],
    ['trailers without end', `${CHUNKED}0\r\n${'A: b\r\n'.repeat(65)}`],
    ['a trailer that is none', `${CHUNKED}0\r\nGET / HTTP/1.1\r\n\r\n`],
    ['more than it says', `${OK}Content-Length: 1\r\n\r\nab`],
    ['a second answer', `${OK}Content-Length: 1\r\n\r\na${OK}Content-Length: 1\r\n\r\nb`],
    ['bytes after 304', 'HTTP/1.1 304 X\r\nContent-Length: 1\r\n\r\na'],
  ];
  for (const [what, answer] of ROWS) {
    it(`is refused: ${what}`, () => {
      const all = latin1(answer);
      for (const pieces of [[all], bytes(all)]) {
        assert.throws(
          () => decode(pieces),
          (error) =>
            error instanceof Fault && error.reason === 'BadGateway' && !error.message.includes('OpenSSH'),
        );
      }
    });
  }

  it('is refused: a head without end', () => {
    assert.throws(() => decode([latin1(`${OK}X: ${'x'.repeat(70_000)}`)]), Fault);
    assert.throws(
      () => decode(Array.from({ length: 70 }, (_, i) => latin1(i === 0 ? `${OK}X: ` : 'x'.repeat(1_000)))),
      Fault,
    );
    assert.throws(() => decode([latin1(`${OK}${'X: y\r\n'.repeat(200)}\r\n`)]), Fault);
  });

  it('costs no more than its length: 60,000 spaces before what no value may hold', () => {
    // Quadratic, this would take minutes, and the runner would end it.
    for (let i = 0; i < 200; i += 1)
      assert.throws(() => decode([latin1(`${OK}X:${' '.repeat(60_000)}\x01\r\n\r\n`)]), Fault);
  });
});

it('any answer in any pieces is read as it was written', () => {
  const body = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));
  const chunked = fc.array(
    body.filter(({ length }) => length > 0),
    { maxLength: 6 },
  );
  const framed = fc.oneof(
    body.map((one) => ({
      wire: Buffer.concat([latin1(`${OK}A: b\r\nContent-Length: ${one.length}\r\n\r\n`), one]),
      body: one,
      closes: false,
    })),
    chunked.map((chunks) => ({
      wire: Buffer.concat([
        latin1(`${OK}Transfer-Encoding: chunked\r\n\r\n`),
        ...chunks.flatMap((chunk) => [latin1(`${chunk.length.toString(16)}\r\n`), chunk, latin1('\r\n')]),
        latin1('0\r\n\r\n'),
      ]),
      body: Buffer.concat(chunks),
      closes: false,
    })),
    body.map((one) => ({ wire: Buffer.concat([latin1(`${OK}\r\n`), one]), body: one, closes: true })),
  );
  fc.assert(
    fc.property(
      framed,
      fc.array(fc.integer({ min: 1, max: 64 }), { minLength: 1, maxLength: 50 }),
      (answer, sizes) => {
        const pieces: Buffer[] = [];
        for (let at = 0, i = 0; at < answer.wire.length; i += 1) {
          const size = sizes[i % sizes.length] ?? 1;
          pieces.push(answer.wire.subarray(at, at + size));
          at += size;
        }
        const seen = decode(pieces, answer.closes);
        assert.equal(seen.body, answer.body.toString('latin1'));
        assert.equal(seen.whole, true);
      },
    ),
  );
});

it('no bytes bring it to anything but a Fault', () => {
  const noise = fc.array(
    fc.oneof(
      fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array).toString('latin1')),
      fc.constantFrom(
        OK,
        'Content-Length: 3\r\n',
        'Transfer-Encoding: chunked\r\n',
        '\r\n',
        '3\r\nabc\r\n',
        '0\r\n',
        'x',
      ),
    ),
    { maxLength: 12 },
  );
  fc.assert(
    fc.property(noise, fc.boolean(), (parts, closes) => {
      try {
        decode(
          [latin1(OK), ...parts.map(latin1)].filter(({ length }) => length > 0),
          closes,
        );
      } catch (error) {
        assert.ok(error instanceof Fault, String(error));
      }
    }),
    { numRuns: 2_000 },
  );
});
