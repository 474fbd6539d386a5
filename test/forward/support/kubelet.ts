// A kubelet for tests, on raw TLS sockets: what it answers is written by the test, byte for byte.

import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import type { PeerCertificate, TLSSocket } from 'node:tls';
import { once } from 'node:events';
import { createServer } from 'node:tls';
import type { IssuedCertificate } from '../../../src/pki/issue.ts';

export interface Connection {
  readonly socket: TLSSocket;
  /** All bytes so far. */
  readonly received: Buffer;
  /** CN of the client's certificate; empty when it showed none. */
  readonly clientName: string;
  /** Resolves with the whole text, as latin1, as soon as it matches. Rejects when the peer ends before. */
  saw(pattern: RegExp): Promise<string>;
  write(text: string | Buffer): void;
  /** Resolves when the peer has said its last word, or is gone. */
  readonly ended: Promise<void>;
}

export interface FakeKubelet {
  readonly port: number;
  readonly connections: readonly Connection[];
  /** Resolves with the connection of this index, waiting for it. */
  connection(index: number): Promise<Connection>;
}

export interface KubeletOptions {
  readonly tls: IssuedCertificate;
  readonly clientCa: string;
  /** Called for each connection whose handshake is complete. */
  readonly onConnection?: (connection: Connection, index: number) => unknown;
}

export const HEAD_END = /\r\n\r\n/;

export async function startKubelet(t: TestContext, options: KubeletOptions): Promise<FakeKubelet> {
  const connections: Connection[] = [];
  const waiting: (() => void)[] = [];
  const server = createServer(
    {
      cert: options.tls.certificate,
      key: options.tls.key,
      ca: options.clientCa,
      requestCert: true,
      rejectUnauthorized: false,
      allowHalfOpen: true,
    },
    (socket) => {
      const connection = toConnection(socket);
      connections.push(connection);
      for (const wake of waiting.splice(0)) wake();
      void options.onConnection?.(connection, connections.length - 1);
    },
  );
  server.on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const { socket } of connections) socket.destroy();
    server.close();
  });
  return {
    port: (server.address() as AddressInfo).port,
    connections,
    async connection(index) {
      for (;;) {
        const found = connections[index];
        if (found !== undefined) return found;
        await new Promise<void>((resolve) => waiting.push(resolve));
      }
    },
  };
}

/** Keeps what comes in on a socket of either side. */
export function toConnection(socket: TLSSocket): Connection {
  let received: Buffer = Buffer.alloc(0);
  let over = false;
  const waiting = new Set<() => void>();
  const wake = (): void => {
    for (const look of [...waiting]) look();
  };
  socket.on('error', () => undefined);
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    wake();
  });
  const end = (): void => {
    over = true;
    wake();
  };
  socket.on('end', end).on('close', end);
  const ended = new Promise<void>((resolve) => {
    socket.once('end', () => resolve()).once('close', () => resolve());
  });
  return {
    socket,
    clientName: toClientName(socket),
    ended,
    get received() {
      return received;
    },
    saw: (pattern) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const text = received.toString('latin1');
          if (pattern.test(text)) {
            waiting.delete(look);
            resolve(text);
          } else if (over) {
            waiting.delete(look);
            reject(new Error(`ended without ${String(pattern)}: ${text}`));
          }
        };
        waiting.add(look);
        look();
      }),
    write: (text) => void socket.write(text),
  };
}

/** Node answers with an empty object where its types promise a certificate. */
function toClientName(socket: TLSSocket): string {
  const { subject } = socket.getPeerCertificate() as Partial<PeerCertificate>;
  return typeof subject?.CN === 'string' ? subject.CN : '';
}
