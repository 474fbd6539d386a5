// A node for streams that is all stream: it accepts every exec, and either prints as many bytes as the command
// `print BYTES` says, in WebSocket frames of 32 kB on the channel of standard output, or says nothing.
// Run by streams/streams.ts: stand-in-process.ts PORT PKI_FOLDER.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';

const [port, pki = ''] = process.argv.slice(2);
const read = (name: string): string => readFileSync(join(pki, name), 'utf8');

const FRAME_BYTES = 32 * 1024;
/** FIN and binary, a length of 16 bits, then channel 1 (RFC 6455 §5.2; KEP-4006). */
const FRAME = Buffer.alloc(FRAME_BYTES, 'x');
FRAME.set([0x82, 126, ((FRAME_BYTES - 4) >> 8) & 0xff, (FRAME_BYTES - 4) & 0xff, 1]);
/** One write of two frames: what a kubelet's copy loop and its kernel make of a busy pipe. */
const FRAMES = Buffer.concat([FRAME, FRAME]);

const server = createServer({
  cert: read('node.crt'),
  key: read('node.key'),
  ca: read('kubelet-client-ca.crt'),
  requestCert: true,
  rejectUnauthorized: true,
});
server.on('upgrade', (request, socket: Duplex) => {
  socket.on('error', () => undefined);
  const key = request.headers['sec-websocket-key'] ?? '';
  const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  const lines = [
    'Upgrade: websocket',
    `Sec-WebSocket-Accept: ${accept}`,
    'Sec-WebSocket-Protocol: v5.channel.k8s.io',
  ];
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n${lines.join('\r\n')}\r\n\r\n`);
  socket.resume();
  const [command, bytes] = new URL(request.url ?? '/', 'https://node').searchParams.getAll('command');
  if (command === 'print') print(socket, Number(bytes));
});
server.listen({ port: Number(port), host: '127.0.0.1', backlog: 4096 });

function print(socket: Duplex, bytes: number): void {
  let left = bytes;
  const go = (): void => {
    while (left > 0) {
      left -= FRAMES.length;
      if (!socket.write(FRAMES)) {
        socket.once('drain', go);
        return;
      }
    }
    socket.end();
  };
  go();
}
