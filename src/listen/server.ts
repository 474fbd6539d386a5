// A listener: TCP, then one of two TLS doors, then a reader of plain requests (plain-side.ts), which hands a connection
// that brings anything else to an HTTP/1.1 server that listens nowhere itself. Certificates change without a connection
// being dropped, and a drain refuses what is new while what runs goes on.
//
//   net.Server ─┬─(only where some server names are exempt: peek at SNI)─┬─► asking door ─┬─► plain side ─────────► accept
//               └────────────────────────────────────────────────────────┴─► silent door ─┘       └─► http.Server ─┘

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Server, Socket } from 'node:net';
import { createServer } from 'node:net';
import type { Received } from '../core/exchange.ts';
import type { Fault } from '../core/fault.ts';
import type { Clock, Log } from '../core/ports.ts';
import type { Refused } from './accept.ts';
import { createAcceptor } from './accept.ts';
import type { Connection } from './connection.ts';
import { createDoors } from './doors.ts';
import { createHttpSide } from './http-side.ts';
import type { LiveExchanges } from './live.ts';
import type { ListenerLimits, ListenerOptions } from './options.ts';
import { DEFAULT_LIMITS } from './options.ts';
import { createSourceReader } from './peer.ts';
import { peekServerName } from './peek.ts';

export interface ListenerPorts {
  readonly clock: Clock;
  readonly log: Log;
  /** Shared by all listeners. */
  readonly live: LiveExchanges;
  /** Takes a request into the line. Its lifetime is in `live` until it ends. */
  readonly onReceived: (received: Received) => void;
  /** Answers GET and HEAD of /livez, /readyz and /healthz. It must answer. */
  readonly beside?: (request: IncomingMessage, response: ServerResponse) => void;
  /** Whether it answers `/metrics` too, to anybody. Default false. */
  readonly besideMetrics?: boolean;
  /** Told of every refusal that never reaches the line: malformed, oversized, too slow, draining. */
  readonly onRefused?: (fault: Fault, refused: Refused) => void;
}

export interface Listener {
  /** Rejects when the address cannot be listened on. */
  start(): Promise<{ readonly address: string; readonly port: number }>;
  /**
   * Certificate, key, client CA and trusted proxies for the handshakes and requests that come after the returned function
   * was called. Address, port and limits stay. Throws when one of them cannot be used; the function does not.
   */
  prepare(options: ListenerOptions): () => void;
  /** Answers new requests with 503 and closes connections as they become idle. Health checks are still answered. */
  drain(): void;
  /** Stops listening, gives answers that are being written a moment, and closes every connection. */
  close(): Promise<void>;
}

/** Throws when certificate, key, client CA or trusted proxies cannot be used. */
export function createListener(ports: ListenerPorts, options: ListenerOptions): Listener {
  const limits: ListenerLimits = { ...DEFAULT_LIMITS, ...options.limits };
  const tcpSockets = new Set<Socket>();
  let draining = false;

  const toCurrent = (next: ListenerOptions) => ({
    doors: createDoors(next, limits.handshakeMs, {
      onSecure: (socket, certificate) => {
        http.take(socket, certificate);
      },
      onFailed: (error, socket) => {
        ports.log.debug({ error: error.message, peer: socket.remoteAddress }, 'TLS handshake failed');
      },
    }),
    sourcesOf: createSourceReader(next.trustedProxies),
  });
  let current = toCurrent(options);

  const acceptor = createAcceptor(
    {
      ...ports,
      sourcesOf: (peerAddress, headers) => current.sourcesOf(peerAddress, headers),
      isDraining: () => draining,
    },
    limits,
  );
  const http = createHttpSide({ clock: ports.clock, acceptor }, limits);

  const tcp = createServer({ noDelay: true, keepAlive: true, keepAliveInitialDelay: 30_000 }, (socket) => {
    tcpSockets.add(socket);
    socket.on('close', () => tcpSockets.delete(socket)).on('error', ignore);
    const { doors } = current;
    if (doors.exceptServerNames.size === 0) doors.enter(socket, undefined);
    else
      peekServerName(ports, socket, limits.handshakeMs, (name) => {
        doors.enter(socket, name);
      });
  });
  // Without a listener, a failed accept (no file descriptors left) would end the process.
  tcp.on('error', (error) => {
    ports.log.error({ error: error.message }, 'listener');
  });

  return {
    start: () => listenOn(tcp, options),
    prepare: (options) => {
      const next = toCurrent(options);
      return () => void (current = next);
    },
    drain: () => {
      draining = true;
      for (const connection of http.connections()) connection.closeWhenIdle();
    },
    close: async () => {
      draining = true;
      const closed = new Promise((resolve) => tcp.close(resolve));
      const busy = http.connections().filter(({ unanswered }) => unanswered.length > 0);
      for (const connection of busy) connection.closeWhenIdle();
      await settled(busy, ports.clock, limits.closeMs);
      // Handshakes, idle connections, and clients that did not read.
      for (const socket of [...tcpSockets]) socket.destroy();
      await closed;
    },
  };
}

const ignore = (): void => undefined;

function listenOn(
  server: Server,
  at: Pick<ListenerOptions, 'address' | 'port'>,
): ReturnType<Listener['start']> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: at.address, port: at.port }, () => {
      server.off('error', reject);
      const bound = server.address();
      if (bound === null || typeof bound === 'string') reject(new Error('not a TCP listener'));
      else resolve({ address: bound.address, port: bound.port });
    });
  });
}

/** Resolves when all of `connections` are closed, and no later than after `withinMs`. */
function settled(connections: readonly Connection[], clock: Clock, withinMs: number): Promise<void> {
  let left = connections.length;
  if (left === 0) return Promise.resolve();
  return new Promise((resolve) => {
    const cancel = clock.after(withinMs, resolve);
    for (const { socket } of connections) {
      socket.once('close', () => {
        left -= 1;
        if (left > 0) return;
        cancel();
        resolve();
      });
    }
  });
}
