// A node for streams that is all stream: it accepts every exec. `print BYTES [text|random]` prints so many in WebSocket
// frames of 32 kB on the channel of standard output, `take BYTES` reads so many and closes, `answer` prints one byte when
// the first ones come, over SPDY too, any other says nothing.
// Run by streams/streams.ts: stand-in-process.ts PORT PKI_FOLDER.

import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { encodeSpdyFrame } from '../../src/wire/spdy-frame.ts';
import { OPCODE, encodeWebSocketFrame } from '../../src/wire/websocket-frame.ts';

const [port, pki = ''] = process.argv.slice(2);
const read = (name: string): string => readFileSync(join(pki, name), 'utf8');

const FRAME_BYTES = 32 * 1024;
/** What a listing of files looks like: words, quotes, two characters at each end of a line. */
const LINE = 'drwxr-xr-x  2 root root  4096 Nov 23 21:58 "some file.txt"\r\n';
/** One write of two frames: what a kubelet's copy loop and its kernel make of a busy pipe. */
const toFrames = (payload: Buffer): Buffer => {
  const frame = Buffer.from(payload.subarray(0, FRAME_BYTES));
  // FIN and binary, a length of 16 bits, then channel 1 (RFC 6455 §5.2; KEP-4006).
  frame.set([0x82, 126, ((FRAME_BYTES - 4) >> 8) & 0xff, (FRAME_BYTES - 4) & 0xff, 1]);
  return Buffer.concat([frame, frame]);
};
const FRAMES: Readonly<Record<string, Buffer>> = {
  same: toFrames(Buffer.alloc(FRAME_BYTES, 'x')),
  text: toFrames(Buffer.from(LINE.repeat(Math.ceil(FRAME_BYTES / LINE.length)))),
  random: toFrames(randomBytes(FRAME_BYTES)),
};

const SPDY_ACCEPTED = ['Upgrade: SPDY/3.1', 'X-Stream-Protocol-Version: v4.channel.k8s.io'];
const toWebSocketAccepted = (key: string): readonly string[] => [
  'Upgrade: websocket',
  `Sec-WebSocket-Accept: ${createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')}`,
  'Sec-WebSocket-Protocol: v5.channel.k8s.io',
];
const WEBSOCKET_BYTE = encodeWebSocketFrame({ opcode: OPCODE.binary, payload: Buffer.from([1, 0x78]) });
/** On the client's third stream, which is that of standard output. */
const SPDY_BYTE = encodeSpdyFrame({ kind: 'data', streamId: 5, fin: false, data: Buffer.from('x') });

const server = createServer({
  cert: read('node.crt'),
  key: read('node.key'),
  ca: read('kubelet-client-ca.crt'),
  requestCert: true,
  rejectUnauthorized: true,
});
server.on('upgrade', (request, socket: Duplex) => {
  socket.on('error', () => undefined);
  const key = request.headers['sec-websocket-key'];
  const lines = key === undefined ? SPDY_ACCEPTED : toWebSocketAccepted(key);
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n${lines.join('\r\n')}\r\n\r\n`);
  const words = new URL(request.url ?? '/', 'https://node').searchParams.getAll('command');
  const [command, bytes, kind = 'same'] = words;
  if (command === 'take') take(socket, Number(bytes));
  if (command === 'answer')
    socket.once('data', () => socket.write(key === undefined ? SPDY_BYTE : WEBSOCKET_BYTE));
  socket.resume();
  if (command === 'print') print(socket, Number(bytes), FRAMES[kind] ?? Buffer.alloc(0));
});
server.listen({ port: Number(port), host: '127.0.0.1', backlog: 4096 });

function take(socket: Duplex, bytes: number): void {
  let taken = 0;
  socket.on('data', (chunk: Buffer) => {
    taken += chunk.length;
    if (taken >= bytes) socket.end();
  });
}

function print(socket: Duplex, bytes: number, frames: Buffer): void {
  let left = bytes;
  const go = (): void => {
    while (left > 0) {
      left -= frames.length;
      if (!socket.write(frames)) {
        socket.once('drain', go);
        return;
      }
    }
    socket.end();
  };
  go();
}
