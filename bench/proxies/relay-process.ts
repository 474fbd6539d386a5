// The floor: a relay of the same server and client library as the gateway (node:http behind tls.Server, undici's
// Pool.dispatch), which checks nobody, decides nothing, logs nothing and counts nothing. Upgrades are joined as bytes.
// Run by proxies/relay.ts as a process of its own: relay-process.ts PORT NODE_PORT PKI_FOLDER.

import { readFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { connect, createSecureContext, createServer as createTlsServer } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { Pool } from 'undici';
import type { Dispatcher } from 'undici';
import { NODE_SERVER_NAME } from './ground.ts';

// An end that lets a profiler write down what it saw.
process.once('SIGTERM', () => process.exit(0));
const [port, nodePort, pki = ''] = process.argv.slice(2);
const read = (name: string): string => readFileSync(join(pki, name), 'utf8');

const secureContext = createSecureContext({
  ca: read('kubelet-ca.crt'),
  cert: read('client.crt'),
  key: read('client.key'),
});
const dial = (): TLSSocket =>
  connect({
    host: '127.0.0.1',
    port: Number(nodePort),
    servername: NODE_SERVER_NAME,
    secureContext,
    ALPNProtocols: ['http/1.1'],
  }).setNoDelay(true);

const pool = new Pool(`https://127.0.0.1:${nodePort ?? ''}`, {
  connect: (_options, callback) => {
    const socket = dial();
    socket.once('error', (error: Error) => callback(error, null));
    socket.once('secureConnect', () => callback(null, socket));
  },
  connections: 100,
  pipelining: 1,
  allowH2: false,
  keepAliveTimeout: 60_000,
  headersTimeout: 0,
  bodyTimeout: 0,
});

/** The answer's head and body, passed on as they come. */
class Relayed implements Dispatcher.DispatchHandler {
  readonly #response: ServerResponse;

  constructor(response: ServerResponse) {
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
    for (const name of ['content-type', 'content-length']) {
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
http.on('request', (request: IncomingMessage, response: ServerResponse) => {
  pool.dispatch({ method: 'GET', path: request.url ?? '/' }, new Relayed(response));
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
tls.on('secureConnection', (socket) => http.emit('connection', socket));
tls.on('tlsClientError', (_error, socket) => socket.destroy());
createTcpServer({ noDelay: true }, (socket) => {
  socket.on('error', () => undefined);
  tls.emit('connection', socket);
}).listen(Number(port), '127.0.0.1');
