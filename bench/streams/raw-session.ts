// An upgraded connection as bytes.

import { once } from 'node:events';
import { connect } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import type { Way } from './way.ts';

/** Resolves with the socket, paused, after a 101; what came after it is put back. */
export async function openRaw(way: Way, head: string): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port: way.port, ...way.tls });
  await once(socket, 'secureConnect');
  socket.setNoDelay(true);
  socket.write(head);
  let received = Buffer.alloc(0);
  while (!received.includes('\r\n\r\n')) {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    received = Buffer.concat([received, chunk]);
  }
  socket.pause();
  const end = received.indexOf('\r\n\r\n') + 4;
  const text = received.toString('latin1', 0, end);
  if (!text.startsWith('HTTP/1.1 101'))
    throw new Error(`${way.name} answered: ${text}${received.toString('utf8', end)}`);
  if (received.length > end) socket.unshift(received.subarray(end));
  return socket;
}
