import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Fault } from '../../src/core/fault.ts';
import { SpdyDecoder, encodeSpdyFrame } from '../../src/wire/spdy-frame.ts';
import type { SpdyDecoderOptions, SpdyEvent, SpdyFrame } from '../../src/wire/spdy-frame.ts';
import { HOPS, SCENARIOS, cuts, lend, readCapture } from './captures.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');

/** Pieces of one DATA frame joined again, so that frames can be compared however the bytes were cut. */
const decode = (chunks: readonly Buffer[], options?: SpdyDecoderOptions): SpdyFrame[] => {
  const decoder = new SpdyDecoder(options);
  const frames: SpdyFrame[] = [];
  let data = Buffer.alloc(0);
  const deliver = (event: SpdyEvent): void => {
    if (event.kind !== 'data') {
      frames.push('headerBlock' in event ? { ...event, headerBlock: Buffer.from(event.headerBlock) } : event);
      return;
    }
    data = Buffer.concat([data, event.data]);
    if (!event.last) return;
    frames.push({ kind: 'data', streamId: event.streamId, fin: event.fin, data });
    data = Buffer.alloc(0);
  };
  for (const chunk of chunks) lend(chunk, (lent) => decoder.push(lent, deliver));
  return frames;
};

const data = (streamId: number, text: string, fin = false): SpdyFrame => ({
  kind: 'data',
  streamId,
  fin,
  data: Buffer.from(text),
});

/** One row a frame type: its bytes and what they say. The first ones are a real TTY exec's. */
const FRAMES: readonly (readonly [string, string, SpdyFrame])[] = [
  [
    'SYN_STREAM',
    '80030001000000170000000300000000 0000 c22e555c92929907000000ffff',
    {
      kind: 'synStream',
      streamId: 3,
      associatedId: 0,
      priority: 0,
      slot: 0,
      fin: false,
      unidirectional: false,
      headerBlock: hex('c22e555c92929907000000ffff'),
    },
  ],
  [
    'SYN_STREAM, unidirectional and finished, of priority 5 in slot 9',
    '80030001 0300000b 7fffffff 80000002 a009 aa',
    {
      kind: 'synStream',
      streamId: 0x7fffffff,
      associatedId: 2,
      priority: 5,
      slot: 9,
      fin: true,
      unidirectional: true,
      headerBlock: hex('aa'),
    },
  ],
  [
    'SYN_REPLY',
    '800300020000000c00000003026100000000ffff',
    { kind: 'synReply', streamId: 3, fin: false, headerBlock: hex('026100000000ffff') },
  ],
  [
    'DATA',
    '00000007000000197b225769647468223a38302c22486569676874223a32347d0a',
    data(7, '{"Width":80,"Height":24}\n'),
  ],
  ['DATA, empty, FIN', '0000000301000000', data(3, '', true)],
  ['RST_STREAM', '80030003000000080000000300000005', { kind: 'rstStream', streamId: 3, status: 5 }],
  ['GOAWAY', '80030007000000080000000700000000', { kind: 'goAway', lastStreamId: 7, status: 0 }],
  ['PING', '800300060000000400000001', { kind: 'ping', id: 1 }],
  [
    'SETTINGS',
    '80030004 0100000c 00000001 01000007 00010000',
    { kind: 'settings', clear: true, entries: [{ flags: 1, id: 7, value: 65_536 }] },
  ],
  [
    'HEADERS',
    '80030008 01000005 00000009 bb',
    { kind: 'headers', streamId: 9, fin: true, headerBlock: hex('bb') },
  ],
  [
    'WINDOW_UPDATE',
    '80030009 00000008 00000005 00001000',
    { kind: 'windowUpdate', streamId: 5, delta: 4096 },
  ],
];

describe('SpdyDecoder', () => {
  for (const [name, bytes, frame] of FRAMES) {
    it(`reads ${name}, however it is cut, and encodeSpdyFrame writes the same`, () => {
      for (const chunks of cuts(hex(bytes))) {
        const [decoded, ...rest] = decode(chunks);
        assert.deepEqual(rest, []);
        // The highest bit of an associated id is reserved and not kept.
        assert.deepEqual(decoded, frame);
      }
      assert.equal(
        encodeSpdyFrame(frame).toString('hex'),
        hex(bytes.replace('80000002', '00000002')).toString('hex'),
      );
    });
  }

  it('reads all frames in a row, cut at every position', () => {
    const all = hex(FRAMES.map(([, bytes]) => bytes).join(''));
    const expected = FRAMES.map(([, , frame]) => frame);
    for (const chunks of cuts(all)) assert.deepEqual(decode(chunks), expected);
  });

  it('passes the payload of a long DATA frame on as it comes and holds nothing back', () => {
    const decoder = new SpdyDecoder();
    const pieces: SpdyEvent[] = [];
    const deliver = (event: SpdyEvent): void => void pieces.push(event);
    decoder.push(hex('00000001 01ffffff'), deliver);
    decoder.push(Buffer.alloc(1_000_000), deliver);
    assert.equal(decoder.buffered, 0);
    assert.equal(pieces.length, 1);
    decoder.push(Buffer.alloc(0xffffff - 1_000_000), deliver);
    const [first, second] = pieces;
    assert.ok(first?.kind === 'data' && !first.last && !first.fin);
    assert.ok(second?.kind === 'data' && second.last && second.fin);
  });

  const BAD: readonly (readonly [string, string, RegExp])[] = [
    ['an unknown type', '80030005 00000000', /unknown control frame type 5/],
    ['a control frame over the limit', '80030001 00010001', /65537 bytes, at most 65536/],
    ['a short SYN_STREAM', '80030001 00000009 000000000000000000', /type 1 of 9 bytes, needs 10/],
    ['a short SYN_REPLY', '80030002 00000003 000000', /needs 4/],
    ['a short RST_STREAM', '80030003 00000004 00000001', /of 4 bytes, not 8/],
    ['a short PING', '80030006 00000000', /of 0 bytes, not 4/],
    ['a short GOAWAY', '80030007 00000004 00000000', /of 4 bytes, not 8/],
    ['a short HEADERS', '80030008 00000000', /needs 4/],
    ['a short WINDOW_UPDATE', '80030009 00000004 00000000', /of 4 bytes, not 8/],
    // A server that does not look at the length reads the rest as frames.
    ['a long RST_STREAM', '80030003 0000000a 00000003 00000005 0000', /of 10 bytes, not 8/],
    ['a long PING', '80030006 0000000c 00000001 00000003 00000000', /of 12 bytes, not 4/],
    ['a long GOAWAY', '80030007 00000009 00000003 00000000 00', /of 9 bytes, not 8/],
    ['a long WINDOW_UPDATE', '80030009 00000009 00000003 00000001 00', /of 9 bytes, not 8/],
    ['a stream id with its reserved bit', '80030003 00000008 80000003 00000005', /a reserved bit/],
    ['SETTINGS with more entries than bytes', '80030004 00000004 ffffffff', /4294967295 entries/],
    ['SETTINGS without a count', '80030004 00000000', /needs 4/],
  ];
  for (const [name, bytes, message] of BAD) {
    it(`refuses ${name}, after what came before it, and everything after it`, () => {
      for (const chunks of cuts(Buffer.concat([hex('800300060000000400000001'), hex(bytes)]))) {
        const decoder = new SpdyDecoder();
        const seen: SpdyEvent[] = [];
        const push = (chunk: Buffer): void => decoder.push(chunk, (event) => seen.push(event));
        assert.throws(
          () => chunks.forEach(push),
          (error) => error instanceof Fault && message.test(error.message),
        );
        assert.deepEqual(seen, [{ kind: 'ping', id: 1 }]);
        assert.throws(() => push(hex('800300060000000400000001')), message);
      }
    });
  }

  it('takes another limit for control frames', () => {
    assert.throws(
      () => decode([hex('80030007000000080000000700000000')], { maxControlBytes: 7 }),
      /at most 7/,
    );
  });

  it('is not put off by an exception of the one it delivers to', () => {
    const decoder = new SpdyDecoder();
    const ping = hex('800300060000000400000001');
    assert.throws(
      () =>
        decoder.push(ping, () => {
          throw new Error('mine');
        }),
      /mine/,
    );
    const seen: SpdyEvent[] = [];
    decoder.push(ping, (event) => seen.push(event));
    assert.equal(seen.length, 1);
  });

  for (const scenario of SCENARIOS) {
    for (const hop of HOPS) {
      it(`reads ${scenario} between ${hop} to the last byte and writes it back identically`, () => {
        for (const direction of ['c2s', 's2c'] as const) {
          const { bytes } = readCapture(`${scenario}.spdy.${hop}`, direction);
          const whole = decode([bytes]);
          const bytewise = decode(Array.from(bytes, (_, at) => bytes.subarray(at, at + 1)));
          assert.deepEqual(bytewise, whole);
          assert.deepEqual(Buffer.concat(whole.map(encodeSpdyFrame)), bytes);
        }
      });
    }
  }
});

describe('encodeSpdyFrame', () => {
  it('refuses DATA longer than 24 bits can say', () => {
    const frame = { kind: 'data', streamId: 1, fin: false, data: Buffer.alloc(0x1000000) } as const;
    assert.throws(() => encodeSpdyFrame(frame), /longer than 16777215/);
  });
});
