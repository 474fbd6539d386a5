// Looks at the server name that a client asks for before its TLS handshake begins, and puts the bytes back.

import type { Socket } from 'node:net';
import type { Clock } from '../core/ports.ts';
import { ClientHelloReader } from './client-hello.ts';

/**
 * Calls `done` once with the server name, or with undefined when there is none or the bytes are odd. The socket is
 * then paused, its bytes unread. A socket that ends first, or has not said enough after `timeoutMs`, is destroyed and
 * `done` is not called.
 */
export function peekServerName(
  ports: { readonly clock: Clock },
  socket: Socket,
  timeoutMs: number,
  done: (serverName: string | undefined) => void,
): void {
  const reader = new ClientHelloReader();
  const seen: Buffer[] = [];

  const stop = (): void => {
    cancel();
    socket.off('data', onData);
    socket.off('close', stop);
  };
  const onData = (chunk: Buffer): void => {
    seen.push(chunk);
    const result = reader.push(chunk);
    if (result.kind === 'more') return;
    stop();
    socket.pause();
    socket.unshift(Buffer.concat(seen));
    done(result.kind === 'read' ? result.serverName : undefined);
  };
  const cancel = ports.clock.after(timeoutMs, () => {
    stop();
    socket.destroy();
  });
  socket.on('data', onData);
  socket.on('close', stop);
}
