import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { Fault } from '../../src/core/fault.ts';
import {
  OPCODE,
  WebSocketDecoder,
  encodeClosePayload,
  encodeWebSocketFrame,
  toCloseCode,
  toWebSocketAccept,
} from '../../src/wire/websocket-frame.ts';
import type { WebSocketDecoderOptions, WebSocketPiece } from '../../src/wire/websocket-frame.ts';
import { HOPS, SCENARIOS, cuts, lend, readCapture } from './captures.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');

interface Frame {
  readonly opcode: number;
  readonly fin: boolean;
  readonly payload: string;
}

/** Pieces of one frame joined again, payload in hex. */
const decode = (chunks: readonly Buffer[], options: WebSocketDecoderOptions): Frame[] => {
  const decoder = new WebSocketDecoder(options);
  const frames: Frame[] = [];
  let payload = '';
  const deliver = (piece: WebSocketPiece): void => {
    payload = piece.first ? piece.payload.toString('hex') : payload + piece.payload.toString('hex');
    if (piece.last) frames.push({ opcode: piece.opcode, fin: piece.fin, payload });
  };
  for (const chunk of chunks) lend(chunk, (lent) => decoder.push(lent, deliver));
  return frames;
};

const SERVER = { from: 'server' } as const;
const CLIENT = { from: 'client' } as const;

describe('WebSocketDecoder', () => {
  const FRAMES: readonly (readonly [string, WebSocketDecoderOptions, string, readonly Frame[]])[] = [
    ['a text (RFC 6455 §5.7)', SERVER, '810548656c6c6f', [{ opcode: 1, fin: true, payload: '48656c6c6f' }]],
    [
      'a masked text (RFC 6455 §5.7)',
      CLIENT,
      '818537fa213d7f9f4d5158',
      [{ opcode: 1, fin: true, payload: '48656c6c6f' }],
    ],
    [
      'fragments (RFC 6455 §5.7), which it does not join',
      SERVER,
      '010348656c 80026c6f',
      [
        { opcode: 1, fin: false, payload: '48656c' },
        { opcode: 0, fin: true, payload: '6c6f' },
      ],
    ],
    [
      'a ping between fragments',
      SERVER,
      '010148 8900 800165',
      [
        { opcode: 1, fin: false, payload: '48' },
        { opcode: 9, fin: true, payload: '' },
        { opcode: 0, fin: true, payload: '65' },
      ],
    ],
    ['an empty message', CLIENT, '8280 00000000', [{ opcode: 2, fin: true, payload: '' }]],
    [
      'a 16-bit length',
      SERVER,
      `827e0100${'ab'.repeat(256)}`,
      [{ opcode: 2, fin: true, payload: 'ab'.repeat(256) }],
    ],
    ['a 64-bit length', SERVER, '827f0000000000000002 0102', [{ opcode: 2, fin: true, payload: '0102' }]],
    ['close 1000', SERVER, '880203e8', [{ opcode: 8, fin: true, payload: '03e8' }]],
  ];
  for (const [name, options, bytes, frames] of FRAMES) {
    it(`reads ${name}, however it is cut`, () => {
      for (const chunks of cuts(hex(bytes))) assert.deepEqual(decode(chunks, options), frames);
    });
  }

  it('passes a long payload on as it comes, unmasked, and holds nothing back', () => {
    const text = Buffer.from('abcdefghij'.repeat(1000));
    const frame = encodeWebSocketFrame({ opcode: OPCODE.binary, payload: text, mask: hex('01020304') });
    const decoder = new WebSocketDecoder(CLIENT);
    const got: Buffer[] = [];
    for (let at = 0; at < frame.length; at += 777) {
      decoder.push(frame.subarray(at, at + 777), (piece) => got.push(Buffer.from(piece.payload)));
      if (at > 0) assert.equal(decoder.buffered, 0);
    }
    assert.ok(got.length > 10);
    assert.deepEqual(Buffer.concat(got), text);
  });

  it('unmasks into memory that what is pushed next is in too: whoever keeps a piece copies it', () => {
    const toFrames = (...texts: string[]): Buffer =>
      Buffer.concat(
        texts.map((text) =>
          encodeWebSocketFrame({ opcode: OPCODE.binary, payload: Buffer.from(text), mask: hex('01020304') }),
        ),
      );
    const kept: Buffer[] = [];
    const decoder = new WebSocketDecoder(CLIENT);
    decoder.push(toFrames('one', 'two'), ({ payload }) => kept.push(payload));
    assert.deepEqual(kept.map(String), ['one', 'two']);
    decoder.push(toFrames('others'), ({ payload }) => kept.push(payload));
    assert.deepEqual(kept.map(String), ['oth', 'ers', 'others']);
  });

  it('unmasks a piece of any length', () => {
    for (const length of [1, 65_536, 65_537, 300_000]) {
      const payload = randomBytes(length);
      const frame = encodeWebSocketFrame({ opcode: OPCODE.binary, payload, mask: hex('a1b2c3d4') });
      new WebSocketDecoder(CLIENT).push(frame, (piece) => assert.ok(piece.payload.equals(payload)));
    }
  });

  it('delivers a control frame whole', () => {
    const decoder = new WebSocketDecoder(SERVER);
    const got: WebSocketPiece[] = [];
    for (const byte of hex('8904deadbeef')) decoder.push(Buffer.from([byte]), (piece) => got.push(piece));
    assert.deepEqual(got, [{ opcode: 9, fin: true, first: true, last: true, payload: hex('deadbeef') }]);
  });

  const BAD: readonly (readonly [string, WebSocketDecoderOptions, string, RegExp, number])[] = [
    ['a reserved bit', SERVER, 'c10161', /reserved bit/, 1002],
    ['an unknown opcode', SERVER, '830161', /unknown opcode 3/, 1002],
    ['an unknown control opcode', SERVER, '8b00', /unknown opcode 11/, 1002],
    ['a client frame without mask', CLIENT, '820161', /without mask/, 1002],
    ['a server frame with mask', SERVER, '8281 00000000 61', /with mask/, 1002],
    ['a control frame in fragments', SERVER, '0900', /control frame in fragments/, 1002],
    ['a long control frame', SERVER, '897e007e', /longer than 125/, 1002],
    ['more than 32 MiB', CLIENT, '82ff 0000000002000001 00000000', /longer than 33554432 bytes/, 1009],
    ['a length with the highest bit', CLIENT, '82ff ffffffffffffffff 00000000', /longer than/, 1009],
    ['more than a limit of 10', { ...SERVER, maxPayloadBytes: 10 }, '820b', /longer than 10 bytes/, 1009],
    ['a fragment where refused', { ...SERVER, fragments: 'refuse' }, '020161', /several frames/, 1002],
    ['a continuation where refused', { ...SERVER, fragments: 'refuse' }, '800161', /several frames/, 1002],
  ];
  for (const [name, options, bytes, message, code] of BAD) {
    it(`refuses ${name}, after what came before it, and everything after it`, () => {
      const pong = options.from === 'client' ? hex('8a8000000000') : hex('8a00');
      for (const chunks of cuts(Buffer.concat([pong, hex(bytes)]))) {
        const decoder = new WebSocketDecoder(options);
        const seen: number[] = [];
        const push = (chunk: Buffer): void => decoder.push(chunk, (piece) => seen.push(piece.opcode));
        assert.throws(
          () => chunks.forEach(push),
          (error) => error instanceof Fault && message.test(error.message) && toCloseCode(error) === code,
        );
        assert.deepEqual(seen, [OPCODE.pong]);
        assert.throws(() => push(pong), message);
      }
    });
  }

  for (const scenario of SCENARIOS) {
    for (const hop of HOPS) {
      it(`reads ${scenario} between ${hop} and writes the server's side back identically`, () => {
        for (const direction of ['c2s', 's2c'] as const) {
          const { bytes } = readCapture(`${scenario}.ws.${hop}`, direction);
          const options = direction === 'c2s' ? CLIENT : SERVER;
          const whole = decode([bytes], options);
          assert.deepEqual(
            decode(
              Array.from(bytes, (_, at) => bytes.subarray(at, at + 1)),
              options,
            ),
            whole,
          );
          if (direction === 'c2s') continue;
          const again: Buffer[] = [];
          new WebSocketDecoder(options).push(bytes, ({ opcode, payload }) => {
            again.push(encodeWebSocketFrame({ opcode, payload }));
          });
          assert.deepEqual(Buffer.concat(again), bytes);
        }
      });
    }
  }
});

describe('encodeWebSocketFrame', () => {
  for (const length of [0, 1, 125, 126, 65_535, 65_536]) {
    for (const mask of [undefined, hex('a1b2c3d4')]) {
      it(`writes ${length} bytes ${mask === undefined ? 'bare' : 'masked'} so that they are read`, () => {
        const payload = Buffer.alloc(length, 'xyz');
        const frame = { opcode: OPCODE.text, payload, fin: false, ...(mask === undefined ? {} : { mask }) };
        const [read, ...rest] = decode([encodeWebSocketFrame(frame)], mask === undefined ? SERVER : CLIENT);
        assert.deepEqual(read, { opcode: 1, fin: false, payload: payload.toString('hex') });
        assert.deepEqual(rest, []);
      });
    }
  }

  it('writes close payloads', () => {
    assert.equal(encodeClosePayload(1000).toString('hex'), '03e8');
    assert.equal(encodeClosePayload(1002, 'no').toString('hex'), '03ea6e6f');
  });
});

describe('toWebSocketAccept', () => {
  it('is the one of RFC 6455 §1.3 and of a real kubelet', () => {
    assert.equal(toWebSocketAccept('dGhlIHNhbXBsZSBub25jZQ=='), 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
    const key = /Sec-Websocket-Key: (\S+)/.exec(readCapture('exec-ok.ws.apiserver-kubelet', 'c2s').head)?.[1];
    const accept = /Sec-WebSocket-Accept: (\S+)/.exec(
      readCapture('exec-ok.ws.apiserver-kubelet', 's2c').head,
    )?.[1];
    assert.equal(toWebSocketAccept(key ?? ''), accept);
  });
});

describe('the mask', () => {
  it('is taken off every byte, whatever the length and wherever the payload is cut', () => {
    const mask = hex('a1b2c3d4');
    for (const length of [0, 1, 2, 3, 4, 5, 7, 8, 31, 200]) {
      const payload = Buffer.from(Array.from({ length }, (_, at) => (at * 7) & 0xff));
      const frame = encodeWebSocketFrame({ opcode: OPCODE.binary, payload, mask });
      const body = frame.subarray(frame.length - length);
      assert.deepEqual(
        [...body],
        [...payload].map((byte, at) => byte ^ (mask[at & 3] ?? 0)),
      );
      for (let cut = 0; cut <= frame.length; cut++) {
        const [read] = decode([frame.subarray(0, cut), frame.subarray(cut)], CLIENT);
        assert.equal(read?.payload, payload.toString('hex'), `${length} at ${cut}`);
      }
    }
  });
});

describe('what is passed over', () => {
  it('comes empty, wherever it is cut, and all else as ever', () => {
    const mask = hex('a1b2c3d4');
    const frame = (opcode: 2 | 9, payload: string): Buffer =>
      encodeWebSocketFrame({ opcode, payload: hex(payload), mask });
    const stream = Buffer.concat([
      frame(OPCODE.binary, '00736563726574'),
      frame(OPCODE.binary, '047b7d'),
      frame(OPCODE.ping, '0001'),
      frame(OPCODE.binary, ''),
      frame(OPCODE.binary, '00'),
      frame(OPCODE.binary, 'ff00'),
    ]);
    const options: WebSocketDecoderOptions = { ...CLIENT, passOver: (first) => first === 0 };
    for (let cut = 0; cut <= stream.length; cut++) {
      const read = decode([stream.subarray(0, cut), stream.subarray(cut)], options);
      assert.deepEqual(
        read.map(({ payload }) => payload),
        ['', '047b7d', '0001', '', '', 'ff00'],
        `at ${cut}`,
      );
    }
  });
});
