import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Fault } from '../../src/core/fault.ts';
import {
  CHANNEL,
  ChannelDecoder,
  encodeChannelClose,
  encodeChannelMessage,
  parseChannelProtocol,
} from '../../src/wire/channels.ts';
import type { ChannelEvent, ChannelProtocol } from '../../src/wire/channels.ts';
import { OPCODE, WebSocketDecoder, encodeWebSocketFrame } from '../../src/wire/websocket-frame.ts';
import type { Opcode, WebSocketPiece } from '../../src/wire/websocket-frame.ts';
import { cuts, lend, readCapture } from './captures.ts';

const protocolOf = (name: string): ChannelProtocol => {
  const protocol = parseChannelProtocol(name);
  assert.ok(protocol);
  return protocol;
};

const message = (payload: Buffer | string, opcode: Opcode = OPCODE.binary, fin = true): Buffer =>
  encodeWebSocketFrame({ opcode, payload: Buffer.from(payload), fin });

/** Events as text: `0:data` with the parts of a message joined, `close 0`. */
const decode = (name: string, chunks: readonly Buffer[], from: 'client' | 'server' = 'server'): string[] => {
  const frames = new WebSocketDecoder({ from });
  const channels = new ChannelDecoder(protocolOf(name));
  const texts: string[] = [];
  let part = '';
  const note = (event: ChannelEvent): void => {
    if (event.kind === 'close') texts.push(`close ${event.channel}`);
    else {
      part += event.data.toString('latin1');
      if (!event.last) return;
      texts.push(`${event.channel}:${part}`);
      part = '';
    }
  };
  for (const chunk of chunks) {
    const deliver = (piece: WebSocketPiece): void => {
      if (piece.opcode > OPCODE.binary) return;
      const event = channels.push(piece);
      if (event !== undefined) note(event);
    };
    lend(chunk, (lent) => frames.push(lent, deliver));
  }
  return texts;
};

describe('ChannelDecoder', () => {
  const ROWS: readonly (readonly [string, string, readonly Buffer[], readonly string[]])[] = [
    ['binary', 'v4.channel.k8s.io', [message('\x01out'), message('\x02err')], ['1:out', '2:err']],
    ['text read like binary', 'v5.channel.k8s.io', [message('\x00in', OPCODE.text)], ['0:in']],
    ['the first, empty message of a server', 'v5.channel.k8s.io', [message('\x01')], ['1:']],
    ['a message without channel', 'v4.channel.k8s.io', [message('')], []],
    ['an unknown channel', 'v4.channel.k8s.io', [message('Cx')], ['67:x']],
    [
      'fragments, each with a channel of its own',
      'v4.channel.k8s.io',
      [message('\x00AB', OPCODE.binary, false), message('CD', OPCODE.continuation)],
      ['0:AB', '67:D'],
    ],
    [
      'base64',
      'v4.base64.channel.k8s.io',
      [message('1aGVsbG8K', OPCODE.text), message('1')],
      ['1:hello\n', '1:'],
    ],
    ['base64 in a binary frame', 'base64.channel.k8s.io', [message('2/+8=')], ['2:\xff\xef']],
    ['half close', 'v5.channel.k8s.io', [message(Buffer.from([255, 0]))], ['close 0']],
    ['no half close in v4', 'v4.channel.k8s.io', [message(Buffer.from([255, 0]))], ['255:\0']],
    ['no protocol', '', [message('\x01x')], ['1:x']],
  ];
  for (const [name, protocol, frames, events] of ROWS) {
    it(`reads ${name}, however it is cut`, () => {
      for (const chunks of cuts(Buffer.concat(frames))) assert.deepEqual(decode(protocol, chunks), events);
    });
  }

  const BAD: readonly (readonly [string, string, Buffer, RegExp])[] = [
    ['CLOSE of nothing', 'v5.channel.k8s.io', message(Buffer.from([255])), /must name one channel/],
    ['CLOSE of two', 'v5.channel.k8s.io', message(Buffer.from([255, 0, 1])), /must name one channel/],
    ['CLOSE of channel 5', 'v5.channel.k8s.io', message(Buffer.from([255, 5])), /unknown channel/],
    ['base64 cut short', 'v4.base64.channel.k8s.io', message('1aGVsbG8', OPCODE.text), /cut short/],
    ['base64 with a foreign letter', 'v4.base64.channel.k8s.io', message('1aGV*', OPCODE.text), /not base64/],
    ['base64 after its padding', 'v4.base64.channel.k8s.io', message('1aG==aGVs', OPCODE.text), /not base64/],
  ];
  for (const [name, protocol, frame, reason] of BAD) {
    it(`refuses ${name}`, () => {
      for (const chunks of cuts(frame)) {
        assert.throws(
          () => decode(protocol, chunks),
          (error) => error instanceof Fault && reason.test(error.message),
        );
      }
    });
  }

  it('reads a real exec with input', () => {
    const client = readCapture('exec-stdin.ws.apiserver-kubelet', 'c2s').bytes;
    assert.deepEqual(decode('v5.channel.k8s.io', [client], 'client'), [
      '0:line 1\n',
      '0:line 2\n',
      'close 0',
    ]);
    const server = readCapture('exec-stdin.ws.apiserver-kubelet', 's2c').bytes;
    const expected = ['1:', '1:line 1\n', '1:line 2\n', '3:{"metadata":{},"status":"Success"}'];
    assert.deepEqual(decode('v5.channel.k8s.io', [server]), expected);
  });

  it('reads a real terminal being resized', () => {
    const client = readCapture('exec-tty-resize.ws.apiserver-kubelet', 'c2s').bytes;
    const events = decode('v5.channel.k8s.io', [client], 'client');
    assert.deepEqual(
      events.filter((event) => event.startsWith('4:')),
      ['4:{"Width":80,"Height":24}\n', '4:{"Width":100,"Height":40}\n'],
    );
  });
});

describe('encodeChannelMessage', () => {
  for (const name of [
    'v5.channel.k8s.io',
    'v4.channel.k8s.io',
    'v4.base64.channel.k8s.io',
    'base64.channel.k8s.io',
    '',
  ]) {
    it(`writes ${name === '' ? 'the nameless protocol' : name} so that it is read`, () => {
      const frame = encodeWebSocketFrame(
        encodeChannelMessage(protocolOf(name), CHANNEL.error, Buffer.from('caf\xe9', 'latin1')),
      );
      assert.deepEqual(decode(name, [frame]), ['3:caf\xe9']);
    });
  }

  it('writes a half close as kubectl does', () => {
    const { opcode, payload } = encodeChannelClose(CHANNEL.stdin);
    assert.deepEqual([opcode, payload.toString('hex')], [OPCODE.binary, 'ff00']);
  });
});

describe('parseChannelProtocol', () => {
  it('knows only what kubelets speak over WebSocket', () => {
    for (const name of [
      'v3.channel.k8s.io',
      'v2.channel.k8s.io',
      'V5.channel.k8s.io',
      'SPDY/3.1+portforward.k8s.io',
    ]) {
      assert.equal(parseChannelProtocol(name), undefined);
    }
  });
});
