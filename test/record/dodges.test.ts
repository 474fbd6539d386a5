// Ways to make a recorder see another session than the container (S22): where recording is required the session ends
// with a reason; where it is not, what a kubelet would read is what is recorded.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { StreamFlags } from '../../src/core/action.ts';
import { createDecoder } from '../../src/record/decode/create-decoder.ts';
import type { DecoderOptions } from '../../src/record/decode/create-decoder.ts';
import type { SessionEvent } from '../../src/record/decode/session-event.ts';
import { encodeSpdyFrame } from '../../src/wire/spdy-frame.ts';
import type { SpdyFrame } from '../../src/wire/spdy-frame.ts';
import { SpdyHeaderEncoder } from '../../src/wire/spdy-headers.ts';
import { OPCODE, encodeWebSocketFrame } from '../../src/wire/websocket-frame.ts';
import type { WebSocketFrame } from '../../src/wire/websocket-frame.ts';
import { namespaceName, podName } from '../support/resolved.ts';
import { toSynStream } from '../support/syn-stream.ts';

const MASK = Buffer.from([0x11, 0x22, 0x33, 0x44]);
const ALL: StreamFlags = { stdin: true, stdout: true, stderr: true, tty: true };
const pod = { namespace: namespaceName('default'), name: podName('shell') };

function decode(options: DecoderOptions, bytes: Buffer): { stdin: string; events: readonly SessionEvent[] } {
  const events: SessionEvent[] = [];
  createDecoder(options, (event) => events.push(event)).fromClient(bytes);
  const stdin = events.map((event) => (event.kind === 'data' ? event.data.toString('latin1') : '')).join('');
  return { stdin, events };
}

interface Row {
  readonly what: string;
  readonly bytes: Buffer;
  readonly protocol?: string;
  readonly streams?: StreamFlags;
  /** In strict mode. */
  readonly refused: RegExp | undefined;
  /** What the container reads in the other mode; undefined: that is not known either. */
  readonly stdin: string | undefined;
}

const frame = (text: string, more: Partial<WebSocketFrame> = {}): Buffer =>
  encodeWebSocketFrame({
    opcode: OPCODE.binary,
    payload: Buffer.from(text, 'latin1'),
    mask: MASK,
    ...more,
  });
const frames = (...parts: readonly Buffer[]): Buffer => Buffer.concat(parts);

const WEBSOCKET: readonly Row[] = [
  {
    what: 'plain messages',
    bytes: frames(frame('\x00ab'), frame('\x00cd')),
    refused: undefined,
    stdin: 'abcd',
  },
  {
    what: 'a message in two frames, which a server reads as two messages',
    bytes: frames(frame('\x00ab', { fin: false }), frame('\x00cd', { opcode: OPCODE.continuation })),
    refused: /messages in several frames/,
    stdin: 'abcd',
  },
  {
    what: 'a continuation frame whose first byte is no open channel',
    bytes: frames(frame('\x00AB', { fin: false }), frame('CD', { opcode: OPCODE.continuation })),
    refused: /messages in several frames/,
    stdin: 'AB',
  },
  {
    what: 'a ping between two frames',
    bytes: frames(frame('\x00ab'), frame('ping', { opcode: OPCODE.ping }), frame('\x00cd')),
    refused: undefined,
    stdin: 'abcd',
  },
  {
    what: 'a text frame on a binary protocol',
    bytes: frame('\x00ls', { opcode: OPCODE.text }),
    refused: /a text frame on a binary protocol/,
    stdin: 'ls',
  },
  {
    what: 'a binary frame on a base64 protocol',
    protocol: 'v4.base64.channel.k8s.io',
    bytes: frame(`0${Buffer.from('ls').toString('base64')}`),
    refused: /a binary frame on a base64 protocol/,
    stdin: 'ls',
  },
  {
    what: 'base64 that is none',
    protocol: 'v4.base64.channel.k8s.io',
    bytes: frame('0***', { opcode: OPCODE.text }),
    refused: /base64/,
    stdin: undefined,
  },
  {
    what: 'stdin that was not asked for',
    streams: { ...ALL, stdin: false },
    bytes: frame('\x00ls'),
    refused: /stdin is not open/,
    stdin: '',
  },
  {
    what: 'stdin after its end',
    bytes: frames(frame('\x00ls'), frame('\xff\x00'), frame('\x00rm')),
    refused: /data on a closed stdin/,
    stdin: 'ls',
  },
  { what: 'a channel that is not there', bytes: frame('\x09ls'), refused: /channel 9/, stdin: '' },
  { what: 'a channel that only a node writes', bytes: frame('\x01ls'), refused: /channel 1/, stdin: '' },
  {
    what: 'a frame after the close frame',
    bytes: frames(frame('', { opcode: OPCODE.close }), frame('\x00ls')),
    refused: /after the close frame/,
    stdin: '',
  },
  {
    what: 'a frame without a mask',
    bytes: encodeWebSocketFrame({ opcode: OPCODE.binary, payload: Buffer.from('\x00ls') }),
    refused: /without mask/,
    stdin: undefined,
  },
  {
    what: 'a reserved bit',
    bytes: Buffer.from(frame('\x00ls').map((byte, at) => (at === 0 ? byte | 0x40 : byte))),
    refused: /reserved bit/,
    stdin: undefined,
  },
  {
    what: 'a frame of 32 MiB and one byte',
    bytes: Buffer.from('82ff000000000200000100000000', 'hex'),
    refused: /longer than 33554432 bytes/,
    stdin: undefined,
  },
  { what: 'an empty message', bytes: frame(''), refused: undefined, stdin: '' },
];

/** Frames of a client, and the compressed headers that go with them. */
function spdy(write: (client: Client) => void): Buffer {
  const parts: Buffer[] = [];
  const encoder = new SpdyHeaderEncoder();
  const send = (sent: SpdyFrame): void => void parts.push(encodeSpdyFrame(sent));
  write({
    open: (streamId, type, more = {}) =>
      send({ ...toSynStream(streamId, encoder.encode([['streamtype', type]])), ...more }),
    data: (streamId, text, fin = false) => send({ kind: 'data', streamId, fin, data: Buffer.from(text) }),
    headers: (streamId, type) =>
      send({ kind: 'headers', streamId, fin: false, headerBlock: encoder.encode([['streamtype', type]]) }),
    send,
  });
  return Buffer.concat(parts);
}

interface Client {
  readonly open: (
    id: number,
    type: string | readonly string[],
    more?: { readonly fin?: boolean; readonly unidirectional?: boolean },
  ) => void;
  readonly data: (id: number, text: string, fin?: boolean) => void;
  readonly headers: (id: number, type: string) => void;
  readonly send: (frame: SpdyFrame) => void;
}

const spdyRow = (
  what: string,
  refused: RegExp | undefined,
  stdin: string | undefined,
  write: (client: Client) => void,
  streams = ALL,
): Row => ({ what, bytes: spdy(write), refused, stdin, streams });

/** Frames at which moby/spdystream (spdy/read.go) ends the reading of a connection. */
const DEADLY: readonly { readonly what: string; readonly hex: string; readonly refused: RegExp }[] = [
  { what: 'data on stream 0', hex: '00000000 00000002 6c73', refused: /stream 0/ },
  { what: 'the end of stream 0', hex: '00000000 01000000', refused: /stream 0/ },
  { what: 'a reset without a status', hex: '80030003 00000008 00000003 00000000', refused: /status 0/ },
  { what: 'a reset of stream 0', hex: '80030003 00000008 00000000 00000005', refused: /stream 0/ },
  { what: 'a ping without a number', hex: '80030006 00000004 00000000', refused: /PING 0/ },
  { what: 'a ping with a flag', hex: '80030006 01000004 00000001', refused: /type 6 with flags/ },
  {
    what: 'a GOAWAY with a flag',
    hex: '80030007 80000008 00000000 00000000',
    refused: /type 7 with flags/,
  },
  {
    what: 'a WINDOW_UPDATE with a flag',
    hex: '80030009 01000008 00000001 00000001',
    refused: /type 9 with flags/,
  },
];

const SPDY: readonly Row[] = [
  spdyRow('what kubectl sends', undefined, 'ls', ({ open, data }) => {
    open(1, 'error');
    open(3, 'stdin');
    data(1, '', true);
    data(3, 'ls', true);
  }),
  spdyRow('an unknown stream type', /unknown type/, 'ls', ({ open, data }) => {
    open(1, 'stdin');
    open(3, 'stdinn');
    data(3, 'rm');
    data(1, 'ls');
  }),
  spdyRow('two streams for stdin', /second stream for stdin/, undefined, ({ open, data }) => {
    open(1, 'stdin');
    open(3, 'stdin');
    data(3, 'rm');
  }),
  spdyRow('several types in one header', /several types/, 'ls', ({ open, data }) => {
    open(1, ['stdin', 'error']);
    data(1, 'ls');
  }),
  spdyRow(
    'a stream that was not asked for, and that a server reads all the same',
    /stdin was not asked for/,
    'ls',
    ({ open, data }) => {
      open(1, 'stdin');
      data(1, 'ls');
    },
    { ...ALL, stdin: false },
  ),
  spdyRow('data before the stream', /not open/, '', ({ data }) => data(1, 'ls')),
  spdyRow('data after the end', /not open/, 'ls', ({ open, data }) => {
    open(1, 'stdin');
    data(1, 'ls', true);
    data(1, 'rm');
  }),
  spdyRow('data after a reset', /not open/, 'ls', ({ open, data, send }) => {
    open(1, 'stdin');
    data(1, 'ls');
    send({ kind: 'rstStream', streamId: 1, status: 5 });
    data(1, 'rm');
  }),
  spdyRow('a stream that is closed as it opens', /not open/, '', ({ open, data }) => {
    open(1, 'stdin', { fin: true });
    data(1, 'rm');
  }),
  spdyRow('an id that was used', /odd and increase/, 'ls', ({ open, data }) => {
    open(3, 'stdin');
    open(1, 'stdout');
    data(3, 'ls');
  }),
  spdyRow('an even id', /odd and increase/, '', ({ open }) => open(2, 'stdin')),
  spdyRow('headers that come later', /headers frame/, 'ls', ({ open, data, headers }) => {
    open(1, 'stdin');
    headers(1, 'stdout');
    data(1, 'ls');
  }),
  spdyRow('a unidirectional stream', /unidirectional/, 'ls', ({ open, data }) => {
    open(1, 'stdin', { unidirectional: true });
    data(1, 'ls');
  }),
  spdyRow('data on a stream that nobody reads', /data from the client on stdout/, '', ({ open, data }) => {
    open(1, 'stdout');
    data(1, 'ls');
  }),
  spdyRow(
    'data after GOAWAY, which servers of one version read and others not',
    /data after GOAWAY/,
    'ls',
    (client) => {
      client.open(1, 'stdin');
      client.send({ kind: 'goAway', lastStreamId: 0, status: 0 });
      client.data(1, 'ls');
    },
  ),
  spdyRow('a stream after GOAWAY', /a stream after GOAWAY/, '', (client) => {
    client.send({ kind: 'goAway', lastStreamId: 0, status: 0 });
    client.open(1, 'stdin');
    client.data(1, 'ls');
  }),
  spdyRow('a flood of settings and pings', undefined, 'ls', ({ open, data, send }) => {
    open(1, 'stdin');
    for (let id = 1; id < 5000; id += 2) {
      send({ kind: 'settings', clear: false, entries: [{ flags: 0, id: 4, value: id }] });
      send({ kind: 'ping', id });
    }
    data(1, 'ls');
  }),
  {
    what: 'data within a RST_STREAM that is longer than one is, which a server reads as data',
    bytes: Buffer.concat([
      spdy(({ open }) => open(1, 'stdin')),
      Buffer.from('8003000300000013 00000007 00000005'.replaceAll(' ', ''), 'hex'),
      encodeSpdyFrame({ kind: 'data', streamId: 1, fin: false, data: Buffer.from('rm ') }),
    ]),
    refused: /of 19 bytes, not 8/,
    stdin: undefined,
  },
  {
    what: 'a reset of the stream with a reserved bit, which a server does not find',
    bytes: Buffer.concat([
      spdy(({ open }) => open(1, 'stdin')),
      Buffer.from('80030003000000088000000100000005', 'hex'),
      encodeSpdyFrame({ kind: 'data', streamId: 1, fin: false, data: Buffer.from('rm') }),
    ]),
    refused: /a reserved bit before its stream id/,
    stdin: undefined,
  },
  ...DEADLY.map(({ what, hex, refused }): Row => {
    const [before, after] = [
      spdy(({ open, data }) => {
        open(1, 'stdin');
        data(1, 'ls');
      }),
      encodeSpdyFrame({ kind: 'data', streamId: 1, fin: false, data: Buffer.from('rm') }),
    ];
    const bytes = Buffer.concat([before, Buffer.from(hex.replaceAll(' ', ''), 'hex'), after]);
    return { what: `${what}, after which a server reads nothing`, bytes, refused, stdin: undefined };
  }),
  ...['connection', 'host', 'keep-alive', 'proxy-connection', 'transfer-encoding'].map((name): Row => ({
    what: `a stream with the header ${name}, after which a server reads nothing`,
    bytes: encodeSpdyFrame(
      toSynStream(
        1,
        new SpdyHeaderEncoder().encode([
          ['streamtype', 'stdin'],
          [name, 'x'],
        ]),
      ),
    ),
    refused: new RegExp(`a stream with the header ${name}`),
    stdin: undefined,
  })),
  spdyRow('a header block larger than any client sends', /more than 65536 bytes/, undefined, ({ open }) =>
    open(1, 'x'.repeat(70_000)),
  ),
  {
    what: 'more headers than a server takes',
    bytes: encodeSpdyFrame(
      toSynStream(
        1,
        new SpdyHeaderEncoder().encode(Array.from({ length: 1001 }, (_, at) => [`name-${at}`, ''] as const)),
      ),
    ),
    refused: /1001 headers, at most 1000/,
    stdin: undefined,
  },
  {
    what: 'a zlib stream with a dictionary that nobody knows',
    bytes: Buffer.from('800300010000001500000001000000000000' + '78bb00000001' + '000000ffff', 'hex'),
    refused: /unknown dictionary/,
    stdin: undefined,
  },
  spdyRow('a stream id above 127', undefined, 'ls', ({ open, data }) => {
    open(1_000_001, 'stdin');
    data(1_000_001, 'ls');
  }),
];

describe('sizes of a terminal', () => {
  const SIZE = { kind: 'resize', columns: 80, rows: 24 };
  const rows: readonly (readonly [string, string, readonly unknown[]])[] = [
    ['as kubectl sends them', '{"Width":80,"Height":24}\n{"Width":80,"Height":24}\n', [SIZE, SIZE]],
    ['in other letters, in another order, with more in it', '{"height":24,"x":{"y":"}"},"WIDTH":80}', [SIZE]],
    [
      'null, in place of a size or a number',
      'null{"Width":null,"Height":24}{"Width":80,"Height":24}',
      [SIZE],
    ],
    ['given twice, of which the last counts', '{"Width":9,"Width":80,"Height":24}', [SIZE]],
    ['behind what is none, where a server has stopped reading', 'x{"Width":80,"Height":24}', []],
    ['too large, negative or text', '{"Width":70000,"Height":24}{"Width":80,"Height":24}', []],
    ['as text', '{"Width":"80","Height":24}{"Width":80,"Height":24}', []],
    ['as fractions', '{"Width":80.0,"Height":24}{"Width":80,"Height":24}', []],
    ['with an exponent', '{"Width":8e1,"Height":24}{"Width":80,"Height":24}', []],
    ['nothing below nothing', '{"Width":-0,"Height":24}{"Width":80,"Height":24}', []],
    ['beyond all numbers', '{"Width":1e999,"Height":24}{"Width":80,"Height":24}', []],
    ['the largest', '{"Width":65535,"Height":65535}', [{ kind: 'resize', columns: 65_535, rows: 65_535 }]],
    [
      'in several spellings, of which the last counts',
      '{"Width":9,"width":10,"Width":80,"Height":1,"\\u0048eight":24}',
      [SIZE],
    ],
    ['deeper than the size itself', '{"x":{"Width":9},"Width":80,"y":[{"Height":9}],"Height":24}', [SIZE]],
    ['nothing, which is no size', '{"Width":0,"Height":24}{}{"Width":80,"Height":24}', [SIZE]],
    ['within an array', '[{"Width":80,"Height":24}]', []],
  ];
  for (const [what, text, expected] of rows) {
    it(`${what}: read as Go reads them, wherever they are cut`, () => {
      const action = { kind: 'exec', pod, command: ['sh'], streams: ALL } as const;
      const options = {
        action,
        transport: 'websocket',
        protocol: 'v5.channel.k8s.io',
        strict: true,
      } as const;
      for (let at = 0; at <= Math.min(text.length, 60); at++) {
        const bytes = frames(frame(`\x04${text.slice(0, at)}`), frame(`\x04${text.slice(at)}`));
        assert.deepEqual(decode(options, bytes).events, expected, `cut at ${at}`);
      }
    });
  }
});

describe('a size of a terminal that is longer than any, and that a server reads', () => {
  const text = `{"x":"${'}'.repeat(2000)}","Width":80,"Height":24}`;
  const bytes = frames(frame(`\x04${text.slice(0, 1500)}`), frame(`\x04${text.slice(1500)}`));
  const action = { kind: 'exec', pod, command: ['sh'], streams: ALL } as const;
  const options = { action, transport: 'websocket', protocol: 'v5.channel.k8s.io' } as const;
  it('ends a session that must be recorded', () => {
    assert.throws(() => decode({ ...options, strict: true }, bytes), /size of more than 1024 bytes/);
  });
  it('is left out of the recording of another', () => {
    assert.deepEqual(decode({ ...options, strict: false }, bytes).events, []);
  });
});

const TABLES = [
  { transport: 'websocket', protocol: 'v5.channel.k8s.io', rows: WEBSOCKET },
  { transport: 'spdy', protocol: 'v4.channel.k8s.io', rows: SPDY },
] as const;

for (const { transport, protocol, rows } of TABLES) {
  describe(`exec over ${transport}`, () => {
    for (const row of rows) {
      const action = { kind: 'exec', pod, command: ['sh'], streams: row.streams ?? ALL } as const;
      const options = { action, transport, protocol: row.protocol ?? protocol };
      it(`${row.what}: ${row.refused === undefined ? 'passes' : 'ends a session that must be recorded'}`, () => {
        const strict = () => decode({ ...options, strict: true }, row.bytes);
        if (row.refused === undefined) assert.equal(strict().stdin, row.stdin);
        else assert.throws(strict, row.refused);
      });
      it(`${row.what}: ${row.stdin === undefined ? 'is not guessed' : 'is recorded as it is read'}`, () => {
        const lenient = () => decode({ ...options, strict: false }, row.bytes);
        if (row.stdin === undefined) assert.throws(lenient);
        else assert.equal(lenient().stdin, row.stdin);
      });
    }
  });
}

describe('what a client resets and reads on', () => {
  it('output on a stream that the client has reset is recorded', () => {
    const events: SessionEvent[] = [];
    const action = { kind: 'exec', pod, command: ['sh'], streams: ALL } as const;
    const decoder = createDecoder(
      { action, transport: 'spdy', protocol: 'v4.channel.k8s.io', strict: true },
      (event) => events.push(event),
    );
    decoder.fromClient(
      spdy(({ open, send }) => {
        open(1, 'stdout');
        send({ kind: 'rstStream', streamId: 1, status: 5 });
      }),
    );
    decoder.fromNode(spdy(({ data }) => data(1, 'output')));
    assert.deepEqual(events, [{ kind: 'data', stream: 'stdout', data: Buffer.from('output') }]);
  });
});

describe('port-forward', () => {
  const action = { kind: 'portForward', pod, ports: [] } as const;
  const open = (
    encoder: SpdyHeaderEncoder,
    streamId: number,
    headers: readonly (readonly [string, string])[],
  ): Buffer => encodeSpdyFrame(toSynStream(streamId, encoder.encode(headers)));
  const rows: readonly (readonly [string, RegExp, readonly (readonly (readonly [string, string])[])[]])[] = [
    ['no port', /without a port/, [[['streamtype', 'data']]]],
    [
      'a port that is none',
      /without a port/,
      [
        [
          ['streamtype', 'data'],
          ['port', '99999'],
        ],
      ],
    ],
    [
      'an unknown type',
      /unknown type/,
      [
        [
          ['streamtype', 'stdin'],
          ['port', '80'],
        ],
      ],
    ],
    [
      'another port for the second stream of a pair',
      /another port/,
      [
        [
          ['streamtype', 'error'],
          ['port', '80'],
          ['requestid', '0'],
        ],
        [
          ['streamtype', 'data'],
          ['port', '22'],
          ['requestid', '0'],
        ],
      ],
    ],
  ];
  for (const [what, refused, streams] of rows) {
    it(`${what}: refused, or passed over as a kubelet does`, () => {
      for (const strict of [true, false]) {
        const encoder = new SpdyHeaderEncoder();
        const bytes = Buffer.concat(streams.map((headers, at) => open(encoder, at * 2 + 1, headers)));
        const run = () =>
          decode({ action, transport: 'spdy', protocol: 'portforward.k8s.io', strict }, bytes).events;
        if (strict) assert.throws(run, refused);
        else assert.deepEqual(run(), []);
      }
    });
  }

  it('counts the bytes of channels without the ports that a node names first', () => {
    const events: SessionEvent[] = [];
    const decoder = createDecoder(
      {
        action: { kind: 'portForward', pod, ports: [80, 443] },
        transport: 'websocket',
        protocol: 'v4.channel.k8s.io',
        strict: true,
      },
      (event) => events.push(event),
    );
    const node = (text: string): Buffer =>
      encodeWebSocketFrame({ opcode: OPCODE.binary, payload: Buffer.from(text, 'latin1') });
    decoder.fromNode(
      frames(node('\x00\x50\x00'), node('\x01\x50\x00'), node('\x02\xbb\x01'), node('\x03\xbb\x01')),
    );
    decoder.fromClient(frame('\x02hello'));
    decoder.fromNode(frames(node('\x02world!'), node('\x01refused')));
    decoder.end();
    assert.deepEqual(events, [
      { kind: 'opened', connection: 0, port: 80 },
      { kind: 'opened', connection: 2, port: 443 },
      { kind: 'passed', connection: 2, direction: 'toNode', bytes: 5 },
      { kind: 'passed', connection: 2, direction: 'fromNode', bytes: 6 },
      { kind: 'message', connection: 0, text: 'refused' },
      { kind: 'closed', connection: 0 },
      { kind: 'closed', connection: 2 },
    ]);
    assert.throws(() => decoder.fromClient(frame('\x01x')), /channel 1 is not open/);
  });

  describe('in a tunnel', () => {
    const options = { action, transport: 'websocket', protocol: 'SPDY/3.1+portforward.k8s.io' } as const;
    const opened = (): string =>
      open(new SpdyHeaderEncoder(), 1, [
        ['streamtype', 'data'],
        ['port', '80'],
        ['requestid', '0'],
      ]).toString('latin1');
    const event = { kind: 'opened', connection: 1, port: 80 };
    const cut = 12;
    const rows: readonly (readonly [string, () => Buffer, RegExp, readonly unknown[] | undefined])[] = [
      ['a text frame', () => frame('x', { opcode: OPCODE.text }), /in a tunnel/, undefined],
      [
        'a message in two frames',
        () =>
          frames(
            frame(opened().slice(0, cut), { fin: false }),
            frame(opened().slice(cut), { opcode: OPCODE.continuation }),
          ),
        /messages in several frames/,
        [event],
      ],
      [
        'a frame after the close frame',
        () => frames(frame('', { opcode: OPCODE.close }), frame(opened())),
        /after the close frame/,
        [],
      ],
      [
        'a frame without a mask',
        () => encodeWebSocketFrame({ opcode: OPCODE.binary, payload: Buffer.from('x') }),
        /without mask/,
        undefined,
      ],
      [
        'a reserved bit',
        () => Buffer.from(frame('x').map((byte, at) => (at === 0 ? byte | 0x10 : byte))),
        /reserved bit/,
        undefined,
      ],
      [
        'data on a stream that is not open',
        () =>
          frame(
            encodeSpdyFrame({ kind: 'data', streamId: 9, fin: false, data: Buffer.from('x') }).toString(
              'latin1',
            ),
          ),
        /not open/,
        [],
      ],
    ];
    for (const [what, bytes, refused, expected] of rows) {
      it(`${what}: refused, and read as a kubelet does where that is known`, () => {
        assert.throws(() => decode({ ...options, strict: true }, bytes()), refused);
        const lenient = () => decode({ ...options, strict: false }, bytes()).events;
        if (expected === undefined) assert.throws(lenient);
        else assert.deepEqual(lenient(), expected);
      });
    }
  });
});
