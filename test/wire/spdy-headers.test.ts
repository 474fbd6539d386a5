import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { constants, createDeflate, createInflate, deflateRawSync, deflateSync } from 'node:zlib';
import { Fault } from '../../src/core/fault.ts';
import { SPDY_DICTIONARY_ID, spdyDictionary } from '../../src/wire/spdy-dictionary.ts';
import { SpdyDecoder } from '../../src/wire/spdy-frame.ts';
import { SpdyHeaderDecoder, SpdyHeaderEncoder } from '../../src/wire/spdy-headers.ts';
import { HOPS, SCENARIOS, readCapture } from './captures.ts';

const hex = (text: string): Buffer => Buffer.from(text, 'hex');

/** Blocks of a real client and a real server, in wire order. */
const CLIENT: readonly (readonly [string, string])[] = [
  ['78f9e3c6a7c26260606004a7b392a2d4c45c6851c29a0a0a6800000000ffff', 'error'],
  ['c22e555c92929907000000ffff', 'stdin'],
  ['c22ac5565c92925f5a02000000ffff', 'stdout'],
  ['c22e57945a9c59950a000000ffff', 'resize'],
];
const SERVER = ['78f9e3c6a7c26260606000000000ffff', '026100000000ffff', '026100000000ffff'];

const plain = (...headers: readonly (readonly [string, string])[]): Buffer => {
  const uint32 = (value: number): Buffer => hex(value.toString(16).padStart(8, '0'));
  const text = (value: string): Buffer => Buffer.concat([uint32(value.length), Buffer.from(value, 'latin1')]);
  return Buffer.concat([
    uint32(headers.length),
    ...headers.flatMap(([name, value]) => [text(name), text(value)]),
  ]);
};

const ZLIB_HEAD = hex('78f9e3c6a7c2');
const flushed = { finishFlush: constants.Z_SYNC_FLUSH } as const;
/** A first block with these bytes as its plain text. */
const compress = (text: Buffer): Buffer =>
  Buffer.concat([ZLIB_HEAD, deflateRawSync(text, { ...flushed, dictionary: spdyDictionary() })]);

describe('SPDY dictionary', () => {
  it('is the one of the protocol', () => {
    const digest = createHash('sha256').update(spdyDictionary()).digest('hex');
    assert.equal(digest, '51d27341373f923f3cd88e1eb7162aeaa3723d7585ff2399201dc06498407f02');
    let a = 1;
    let b = 0;
    for (const byte of spdyDictionary()) {
      a = (a + byte) % 65_521;
      b = (b + a) % 65_521;
    }
    assert.equal(b * 65_536 + a, SPDY_DICTIONARY_ID);
  });
});

describe('SpdyHeaderDecoder', () => {
  it("reads a real client's blocks in a row", () => {
    const decoder = new SpdyHeaderDecoder();
    for (const [block, streamType] of CLIENT) {
      assert.deepEqual([...decoder.decode(hex(block))], [['streamtype', [streamType]]]);
    }
  });

  it("reads a real server's empty blocks in a row", () => {
    const decoder = new SpdyHeaderDecoder();
    for (const block of SERVER) assert.equal(decoder.decode(hex(block)).size, 0);
  });

  it('reads what a zlib stream of Node writes, over more than its window', async () => {
    const deflate = createDeflate({ dictionary: spdyDictionary(), level: 9 });
    const decoder = new SpdyHeaderDecoder();
    let seed = 7;
    for (let i = 0; i < 40; i++) {
      seed = (seed * 48_271) % 2_147_483_647;
      const value = `${seed}`.repeat(1 + (seed % 300));
      deflate.write(plain(['streamtype', 'data'], ['port', '8080'], [`x-${i}`, value]));
      deflate.flush(constants.Z_SYNC_FLUSH);
      const chunks: Buffer[] = [];
      while (!Buffer.concat(chunks).subarray(-4).equals(hex('0000ffff'))) {
        const [chunk] = (await once(deflate, 'data')) as [Buffer];
        chunks.push(chunk);
      }
      const headers = decoder.decode(Buffer.concat(chunks));
      assert.deepEqual(headers.get(`x-${i}`), [value]);
      assert.deepEqual(headers.get('port'), ['8080']);
    }
    deflate.destroy();
  });

  it('reads a stream without the dictionary', () => {
    const block = deflateSync(plain(['streamtype', 'error']), flushed);
    assert.deepEqual([...new SpdyHeaderDecoder().decode(block)], [['streamtype', ['error']]]);
  });

  it('takes several values apart', () => {
    const headers = new SpdyHeaderDecoder().decode(compress(plain(['a', 'one\0two'])));
    assert.deepEqual(headers.get('a'), ['one', 'two']);
  });

  const storedTooLong = Buffer.concat([ZLIB_HEAD, hex('00ff0000ff'), plain(['a', '\0\0\xff\xff'])]);
  const BAD: readonly (readonly [string, Buffer, RegExp])[] = [
    ['nothing', Buffer.alloc(0), /no zlib header/],
    ['another compression', hex('77f90000ffff'), /not a zlib stream/],
    ['a broken zlib header', hex('78f80000ffff'), /not a zlib stream/],
    ['a foreign dictionary', hex('78f900000001000000ffff'), /unknown dictionary/],
    ['a cut dictionary id', hex('78f9e3c6'), /unknown dictionary/],
    ['no flush at the end', Buffer.concat([ZLIB_HEAD, deflateRawSync(plain())]), /not flushed/],
    ['a stored block that goes on in the next frame', storedTooLong, /not a whole deflate block/],
    ['garbage', Buffer.concat([ZLIB_HEAD, hex('ffffffff0000ffff')]), /not a whole deflate block/],
    [
      'a stream that ends',
      Buffer.concat([ZLIB_HEAD, deflateRawSync(plain(), { dictionary: spdyDictionary() }), hex('0000ffff')]),
      /after the end of the stream/,
    ],
    ['more than the limit', compress(plain(['a', 'x'.repeat(70_000)])), /more than 65536 bytes/],
    ['no count', compress(hex('0000')), /cut short/],
    ['a count without headers', compress(hex('00000001')), /cut short/],
    ['a name longer than the block', compress(hex('0000000100000009aa')), /cut short/],
    ['more headers than the limit', compress(hex('000003e9')), /1001 headers, at most 1000/],
    ['a name in upper case', compress(plain(['Streamtype', 'error'])), /lower case/],
    ['an empty name', compress(plain(['', 'error'])), /empty/],
    ['a name twice', compress(plain(['a', '1'], ['a', '2'])), /twice/],
    ['bytes after the last header', compress(Buffer.concat([plain(), hex('00')])), /after the last header/],
  ];
  for (const [name, block, message] of BAD) {
    it(`refuses ${name}, and everything after it`, () => {
      const decoder = new SpdyHeaderDecoder();
      assert.throws(
        () => decoder.decode(block),
        (error) => error instanceof Fault && message.test(error.message),
      );
      assert.throws(() => decoder.decode(compress(plain())), message);
    });
  }

  for (const scenario of SCENARIOS) {
    for (const hop of HOPS) {
      it(`reads every block of ${scenario} between ${hop}`, () => {
        for (const direction of ['c2s', 's2c'] as const) {
          const headers = new SpdyHeaderDecoder();
          const types: string[] = [];
          new SpdyDecoder().push(readCapture(`${scenario}.spdy.${hop}`, direction).bytes, (frame) => {
            if ('headerBlock' in frame)
              types.push(headers.decode(frame.headerBlock).get('streamtype')?.[0] ?? '-');
          });
          const first = direction === 'c2s' ? 'error' : '-';
          assert.equal(types[0], first);
        }
      });
    }
  }
});

describe('SpdyHeaderEncoder', () => {
  it('writes what a zlib stream of Node reads, over more than its window', async () => {
    const inflate = createInflate({ dictionary: spdyDictionary() });
    const encoder = new SpdyHeaderEncoder();
    for (let i = 0; i < 40; i++) {
      const value = `${i * 7919}`.repeat(1 + ((i * 37) % 300));
      const expected = plain(['streamtype', 'data'], ['requestid', `${i}`], ['x', value]);
      inflate.write(
        encoder.encode([
          ['Streamtype', 'data'],
          ['requestid', `${i}`],
          ['x', value],
        ]),
      );
      const chunks: Buffer[] = [];
      while (Buffer.concat(chunks).length < expected.length) {
        const [chunk] = (await once(inflate, 'data')) as [Buffer];
        chunks.push(chunk);
      }
      assert.deepEqual(Buffer.concat(chunks), expected);
    }
    inflate.destroy();
  });

  it('and SpdyHeaderDecoder understand each other, several values too', () => {
    const encoder = new SpdyHeaderEncoder();
    const decoder = new SpdyHeaderDecoder();
    const sets: readonly (readonly (readonly [string, readonly string[]])[])[] = [
      [],
      [['streamtype', ['error']]],
      [
        ['port', ['80']],
        ['many', ['a', 'b']],
      ],
      [],
    ];
    for (const set of sets) assert.deepEqual([...decoder.decode(encoder.encode(set))], set);
  });
});
