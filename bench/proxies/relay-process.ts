// The floor: a relay of node:http behind tls.Server and the gateway's client (src/upstream), which passes on what a relay
// must (RFC 9110 §7.6.1: the header fields of both sides but those of a connection), and checks nobody, decides nothing,
// logs nothing and counts nothing; or the same of the gateway's own server and client (src/listen/plain-side.ts); or with
// undici's Pool.dispatch for a client, of public packages alone. Upgrades are joined as bytes. Run by proxies/relay.ts as
// a process of its own: relay-process.ts PORT NODE_PORT PKI_FOLDER [http|own|undici].

import { readFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import type { OnReadOpts } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { connect, createSecureContext, createServer as createTlsServer } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { Pool } from 'undici';
import type { Dispatcher } from 'undici';
import type { HttpAnswer } from '../../src/core/http-answer.ts';
import type { ReadConnection } from '../../src/listen/plain-side.ts';
import { systemClock } from '../../src/core/ports.ts';
import { createPlainSide } from '../../src/listen/plain-side.ts';
import { ConnectionPool } from '../../src/upstream/connection-pool.ts';
import { NodeRequest } from '../../src/upstream/node-request.ts';
import { NODE_SERVER_NAME } from './ground.ts';

// An end that lets a profiler write down what it saw.
process.once('SIGTERM', () => process.exit(0));
const [port, nodePort, pki = '', kind = 'http'] = process.argv.slice(2);
const read = (name: string): string => readFileSync(join(pki, name), 'utf8');

const secureContext = createSecureContext({
  ca: read('kubelet-ca.crt'),
  cert: read('client.crt'),
  key: read('client.key'),
});
const dial = (onread?: OnReadOpts): TLSSocket =>
  connect({
    host: '127.0.0.1',
    port: Number(nodePort),
    servername: NODE_SERVER_NAME,
    secureContext,
    ALPNProtocols: ['http/1.1'],
    ...(onread === undefined ? {} : { onread }),
  }).setNoDelay(true);

/** Name, value, name, value … */
interface Asked {
  readonly target: string;
  readonly lines: readonly string[];
}

/** Asks the node for what the client asks for, and passes on what it says. */
type Relay = (asked: Asked, response: HttpAnswer) => void;

/** Of one connection alone, or made anew by who sends. */
const HOP_BY_HOP = new Set([
  'connection',
  'host',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Name, value, name, value …: the header fields of a GET that reach the node. */
function toNodeHeaders({ lines }: Asked): string[] {
  const passed: string[] = [];
  for (let i = 0; i < lines.length; i += 2) {
    const name = lines[i] ?? '';
    if (!HOP_BY_HOP.has(name.toLowerCase())) passed.push(name, lines[i + 1] ?? '');
  }
  return passed;
}

/** The end-to-end fields that the stand-in writes. */
const ANSWERED = ['content-type', 'content-length', 'last-modified', 'etag', 'accept-ranges'];

/** By the client of the gateway itself. */
function createOwnRelay(): Relay {
  const pool = new ConnectionPool(
    {
      clock: systemClock,
      dial: (_signal, onread) => secure(dial(onread)),
      readInto: Buffer.alloc(16 * 1024),
    },
    { maxConnections: 100, keepAliveTimeoutMs: 60_000 },
  );
  const upstream = { pool, authority: `127.0.0.1:${nodePort ?? ''}` };
  return (asked, response) => {
    const request = new NodeRequest(
      upstream,
      { method: 'GET', target: asked.target, headers: toNodeHeaders(asked) },
      {
        onHead: (code, headers) => {
          const lines: string[] = [];
          for (const name of ANSWERED) {
            const value = headers.only(name);
            if (value !== undefined) lines.push(name, value);
          }
          response.writeHead(code, lines);
        },
        onData: (chunk) => {
          if (response.write(chunk)) return true;
          response.once('drain', () => request.resume());
          return false;
        },
        onEnd: () => response.end(),
        onFault: () => response.destroy(),
      },
    );
    request.send();
  };
}

const secure = (socket: TLSSocket): Promise<TLSSocket> =>
  new Promise((resolve, reject) => {
    socket.once('error', reject).once('secureConnect', () => resolve(socket));
  });

/** By undici, as the gateway did once. */
function createUndiciRelay(): Relay {
  const pool = new Pool(`https://127.0.0.1:${nodePort ?? ''}`, {
    connect: (_options, callback) => {
      secure(dial()).then(
        (socket) => callback(null, socket),
        (error: unknown) => callback(error instanceof Error ? error : new Error('dial failed'), null),
      );
    },
    connections: 100,
    pipelining: 1,
    allowH2: false,
    keepAliveTimeout: 60_000,
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  return (asked, response) => {
    pool.dispatch(
      { method: 'GET', path: asked.target, headers: toNodeHeaders(asked) },
      new Relayed(response),
    );
  };
}

/** The answer's head and body, passed on as they come. */
class Relayed implements Dispatcher.DispatchHandler {
  readonly #response: HttpAnswer;

  constructor(response: HttpAnswer) {
    this.#response = response;
  }

  onRequestStart(): void {
    // Nothing to prepare.
  }

  onResponseStart(
    _controller: unknown,
    code: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    const lines: string[] = [];
    for (const name of ANSWERED) {
      const value = headers[name];
      if (typeof value === 'string') lines.push(name, value);
    }
    this.#response.writeHead(code, lines);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#response.write(chunk)) return;
    controller.pause();
    this.#response.once('drain', () => controller.resume());
  }

  onResponseEnd(): void {
    this.#response.end();
  }

  onResponseError(): void {
    this.#response.destroy();
  }
}

const http = createHttpServer({ keepAliveTimeout: 75_000, headersTimeout: 0, requestTimeout: 0 });
const relay = kind === 'undici' ? createUndiciRelay() : createOwnRelay();
http.on('request', (request: IncomingMessage, response: ServerResponse) => {
  relay({ target: request.url ?? '/', lines: request.rawHeaders }, response);
});
http.on('upgrade', (request: IncomingMessage, client: Duplex, head: Buffer) => {
  const node = dial();
  const end = (): void => {
    client.destroy();
    node.destroy();
  };
  node.on('error', end).on('close', end);
  client.on('error', end).on('close', end);
  const lines = [`${request.method ?? ''} ${request.url ?? ''} HTTP/1.1`];
  for (let i = 0; i < request.rawHeaders.length; i += 2) {
    lines.push(`${request.rawHeaders[i] ?? ''}: ${request.rawHeaders[i + 1] ?? ''}`);
  }
  node.write(`${lines.join('\r\n')}\r\n\r\n`);
  node.write(head);
  node.pipe(client).pipe(node);
});

const tls = createTlsServer({
  cert: read('server.crt'),
  key: read('server.key'),
  ALPNProtocols: ['http/1.1'],
});
const readPlainly = createPlainSide<ReadConnection>(
  {
    clock: systemClock,
    request: (_connection, { target, headers }, response) => {
      const lines: string[] = [];
      for (const name of headers.names()) lines.push(name, headers.first(name) ?? '');
      relay({ target, lines }, response);
    },
    leave: ({ socket }) => void http.emit('connection', socket),
  },
  75_000,
);
const toConnection = (socket: TLSSocket): ReadConnection => ({
  socket: socket.on('error', () => void socket.destroy()),
  closing: false,
  unread: () => undefined,
  handedToNode: () => undefined,
});
tls.on('secureConnection', (socket) => {
  if (kind === 'own') readPlainly(toConnection(socket));
  else http.emit('connection', socket);
});
tls.on('tlsClientError', (_error, socket) => socket.destroy());
createTcpServer({ noDelay: true }, (socket) => {
  socket.on('error', () => undefined);
  tls.emit('connection', socket);
}).listen(Number(port), '127.0.0.1');
