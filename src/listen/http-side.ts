// The HTTP/1.1 side of a listener: its connections, read plainly as long as that will do (plain-side.ts), and then by
// Node's server, which listens nowhere itself.

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { PresentedCertificate } from '../core/exchange.ts';
import { Fault } from '../core/fault.ts';
import type { Clock } from '../core/ports.ts';
import type { Acceptor } from './accept.ts';
import { Connection } from './connection.ts';
import { toMalformed } from './head-rules.ts';
import type { ListenerLimits } from './options.ts';
import { toCanonicalAddress } from './peer.ts';
import { createPlainSide } from './plain-side.ts';

/** Not malformed: the client left, with or without a word, in the middle of a request. */
const LEFT: readonly unknown[] = ['ECONNRESET', 'HPE_INVALID_EOF_STATE'];

export interface HttpSide {
  /** Reads requests from a connection whose handshake is complete. */
  take(socket: TLSSocket, certificate: PresentedCertificate | undefined): void;
  /** The connections that are open now. */
  connections(): readonly Connection[];
}

export function createHttpSide(
  ports: { readonly clock: Clock; readonly acceptor: Acceptor },
  limits: ListenerLimits,
): HttpSide {
  const connections = new Map<Duplex, Connection>();
  const server = createHttp(limits, ports.acceptor, (socket) => connections.get(socket));

  const readPlainly = createPlainSide<Connection>(
    {
      clock: ports.clock,
      request: (connection, head, answer) => ports.acceptor.plain(connection, head, answer),
      leave: ({ socket }) => void server.emit('connection', socket),
    },
    limits.idleMs,
  );
  const onOverdue = (connection: Connection): void => {
    const fault = new Fault('RequestTimeout', 'the head of the request took too long', {
      headers: { connection: 'close' },
    });
    ports.acceptor.malformed(connection, fault);
  };

  return {
    take: (socket, certificate) => {
      const peerAddress = toCanonicalAddress(socket.remoteAddress?.split('%')[0] ?? '');
      // The client has left already.
      if (peerAddress === undefined) {
        socket.destroy();
        return;
      }
      const from = { socket, peerAddress, certificate };
      const connection = new Connection({ clock: ports.clock, onOverdue }, limits, from);
      connections.set(socket, connection);
      socket.on('close', () => connections.delete(socket));
      readPlainly(connection);
    },
    connections: () => [...connections.values()],
  };
}

function createHttp(
  limits: ListenerLimits,
  acceptor: Acceptor,
  connectionOf: (socket: Duplex) => Connection | undefined,
): Server {
  const server = createServer({
    maxHeaderSize: limits.maxHeadBytes,
    keepAliveTimeout: limits.idleMs,
    insecureHTTPParser: false,
    // Checked in head-rules.ts, with a Status for an answer.
    requireHostHeader: false,
    // Node checks these only on servers that listen; connection.ts holds the deadlines.
    headersTimeout: 0,
    requestTimeout: 0,
  });
  // Node would cut the list silently; head-rules.ts counts.
  server.maxHeadersCount = 0;

  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    const connection = connectionOf(request.socket);
    if (connection === undefined) request.socket.destroy();
    else acceptor.request(connection, request, response);
  };
  server.on('request', onRequest);
  server.on('checkContinue', onRequest);
  server.on('checkExpectation', onRequest);
  server.on('upgrade', (request, socket, head) => {
    const connection = connectionOf(socket);
    if (connection === undefined) socket.destroy();
    else acceptor.upgrade(connection, request, socket, head);
  });
  server.on('connect', (request, socket, head) => {
    const connection = connectionOf(socket);
    if (connection === undefined) socket.destroy();
    else acceptor.connect(connection, request, socket, head);
  });
  server.on('clientError', (error, socket) => {
    const connection = connectionOf(socket);
    const gone = !socket.writable || ('code' in error && LEFT.includes(error.code));
    // The rest of a refused request: the refusal is on its way, and its deadline runs.
    if (connection?.closing === true && !socket.writable) return;
    if (connection === undefined || gone) socket.destroy();
    else acceptor.malformed(connection, toMalformed(error));
  });
  return server;
}
