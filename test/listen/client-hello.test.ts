// The reader of ClientHello messages: real ones, whole, byte by byte, cut at every position and spread over records;
// and odd ones, which must be told as odd and must not do anything else.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { before, describe, it } from 'node:test';
import type { ConnectionOptions } from 'node:tls';
import { connect } from 'node:tls';
import type { ClientHelloResult } from '../../src/listen/client-hello.ts';
import { ClientHelloReader } from '../../src/listen/client-hello.ts';

/** The first bytes of a real TLS client. */
async function captureHello(options: ConnectionOptions): Promise<Buffer> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  const client = connect({ host: '127.0.0.1', port: address.port, ...options });
  client.on('error', () => undefined);
  const hello = await new Promise<Buffer>((resolve) => {
    server.once('connection', (socket) => {
      socket.on('error', () => undefined);
      socket.once('data', (chunk) => {
        socket.destroy();
        resolve(chunk);
      });
    });
  });
  client.destroy();
  server.close();
  return hello;
}

function read(...chunks: readonly Uint8Array[]): ClientHelloResult {
  const reader = new ClientHelloReader();
  for (const chunk of chunks) {
    const result = reader.push(chunk);
    if (result.kind !== 'more') return result;
  }
  return { kind: 'more' };
}

const uint = (value: number, bytes: number): Buffer => {
  const buffer = Buffer.alloc(bytes);
  buffer.writeUIntBE(value, 0, bytes);
  return buffer;
};
const prefixed = (bytes: number, ...parts: readonly Buffer[]): Buffer => {
  const data = Buffer.concat(parts);
  return Buffer.concat([uint(data.length, bytes), data]);
};
const record = (fragment: Buffer, type = 22): Buffer =>
  Buffer.concat([Buffer.from([type, 3, 1]), prefixed(2, fragment)]);
const handshake = (body: Buffer, type = 1): Buffer => Buffer.concat([Buffer.from([type]), prefixed(3, body)]);
const hello = (...extensions: readonly Buffer[]): Buffer =>
  handshake(
    Buffer.concat([
      Buffer.alloc(34, 3),
      prefixed(1, Buffer.alloc(32, 7)),
      prefixed(2, Buffer.from([0x13, 0x01])),
      prefixed(1, Buffer.from([0])),
      prefixed(2, ...extensions),
    ]),
  );
const extension = (type: number, data: Buffer): Buffer => Buffer.concat([uint(type, 2), prefixed(2, data)]);
const hostName = (name: string, type = 0): Buffer =>
  Buffer.concat([Buffer.from([type]), prefixed(2, Buffer.from(name, 'latin1'))]);
const serverName = (...names: readonly Buffer[]): Buffer => extension(0, prefixed(2, ...names));

describe('a real ClientHello', () => {
  const helloes: {
    readonly name: string;
    readonly bytes: Buffer;
    readonly serverName: string | undefined;
  }[] = [];
  before(async () => {
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      for (const servername of ['People.Example.ORG', '']) {
        helloes.push({
          name: `${maxVersion} ${servername}`,
          bytes: await captureHello({ maxVersion, servername }),
          serverName: servername === '' ? undefined : 'people.example.org',
        });
      }
    }
  });

  it('is read whole', () => {
    for (const { bytes, name, serverName } of helloes) {
      assert.deepEqual(read(bytes), { kind: 'read', serverName }, name);
    }
  });

  it('is read byte by byte, and only at its last byte', () => {
    for (const { bytes, serverName } of helloes) {
      const bits = [...bytes].map((byte) => Uint8Array.of(byte));
      assert.deepEqual(read(...bits.slice(0, -1)), { kind: 'more' });
      assert.deepEqual(read(...bits), { kind: 'read', serverName });
    }
  });

  it('is read cut at every position', () => {
    for (const { bytes, serverName } of helloes) {
      for (let at = 0; at <= bytes.length; at += 1) {
        assert.deepEqual(read(bytes.subarray(0, at), bytes.subarray(at)), { kind: 'read', serverName });
      }
    }
  });

  it('is read when it is spread over records', () => {
    for (const { bytes, serverName } of helloes) {
      const message = bytes.subarray(5);
      for (const size of [10, 17, 100, message.length - 1]) {
        const records: Buffer[] = [];
        for (let at = 0; at < message.length; at += size)
          records.push(record(message.subarray(at, at + size)));
        const expected: ClientHelloResult =
          records.length > 64 ? { kind: 'odd' } : { kind: 'read', serverName };
        assert.deepEqual(read(Buffer.concat(records)), expected);
      }
    }
  });

  it('never makes the reader throw when bytes of it are changed', () => {
    for (const { bytes } of helloes) {
      for (let at = 0; at < bytes.length; at += 1) {
        for (const value of [0, 1, 0x7f, 0xff]) {
          const changed = Buffer.from(bytes);
          changed[at] = value;
          assert.ok(['more', 'read', 'odd'].includes(read(changed).kind));
        }
      }
    }
  });
});

describe('a made-up ClientHello', () => {
  const rows: readonly [name: string, bytes: Buffer, expected: ClientHelloResult][] = [
    ['one name', record(hello(serverName(hostName('a.b')))), { kind: 'read', serverName: 'a.b' }],
    [
      'other extensions around it',
      record(
        hello(extension(16, Buffer.alloc(3)), serverName(hostName('a')), extension(43, Buffer.alloc(0))),
      ),
      { kind: 'read', serverName: 'a' },
    ],
    [
      'a name with NUL and Unicode bytes',
      record(hello(serverName(hostName('a\0\xff')))),
      { kind: 'read', serverName: 'a\0\xff' },
    ],
    [
      'a name of 255 bytes',
      record(hello(serverName(hostName('x'.repeat(255))))),
      { kind: 'read', serverName: 'x'.repeat(255) },
    ],
    ['no extensions', record(hello()), { kind: 'read', serverName: undefined }],
    [
      'no extension block',
      record(handshake(Buffer.concat([Buffer.alloc(34), prefixed(1), prefixed(2), prefixed(1)]))),
      { kind: 'read', serverName: undefined },
    ],
    ['a name of 256 bytes', record(hello(serverName(hostName('x'.repeat(256))))), { kind: 'odd' }],
    ['an empty name', record(hello(serverName(hostName('')))), { kind: 'odd' }],
    ['an empty list', record(hello(serverName())), { kind: 'odd' }],
    ['two names', record(hello(serverName(hostName('a'), hostName('b')))), { kind: 'odd' }],
    ['two extensions', record(hello(serverName(hostName('a')), serverName(hostName('b')))), { kind: 'odd' }],
    ['a name of another type', record(hello(serverName(hostName('a', 1)))), { kind: 'odd' }],
    ['an extension that ends early', record(hello(Buffer.from([0, 0, 0]))), { kind: 'odd' }],
    [
      'bytes after the extensions',
      record(handshake(Buffer.concat([hello().subarray(4), Buffer.from([1])]))),
      { kind: 'odd' },
    ],
    ['an empty message', record(handshake(Buffer.alloc(0))), { kind: 'odd' }],
    ['a ServerHello', record(handshake(Buffer.alloc(40), 2)), { kind: 'odd' }],
    ['an alert', record(Buffer.from([2, 40]), 21), { kind: 'odd' }],
    ['an empty record', record(Buffer.alloc(0)), { kind: 'odd' }],
    ['a record above 16 KiB', Buffer.from([22, 3, 1, 0x40, 0x01]), { kind: 'odd' }],
    ['a message above 16 KiB', record(Buffer.from([1, 0, 0x40, 0x01])), { kind: 'odd' }],
    ['SSL 2', Buffer.from('802e0100020015', 'hex'), { kind: 'odd' }],
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n'), { kind: 'odd' }],
    [
      '65 records of one byte',
      Buffer.concat([...handshake(Buffer.alloc(100)).subarray(0, 65)].map((byte) => record(Buffer.of(byte)))),
      { kind: 'odd' },
    ],
    [
      '64 records of one byte',
      Buffer.concat([...handshake(Buffer.alloc(100)).subarray(0, 64)].map((byte) => record(Buffer.of(byte)))),
      { kind: 'more' },
    ],
    ['nothing', Buffer.alloc(0), { kind: 'more' }],
    ['half a record header', Buffer.from([22, 3]), { kind: 'more' }],
  ];
  for (const [name, bytes, expected] of rows) {
    it(`${name}: ${expected.kind}`, () => {
      assert.deepEqual(read(bytes), expected);
      assert.deepEqual(read(...[...bytes].map((byte) => Uint8Array.of(byte))), expected);
    });
  }
});
