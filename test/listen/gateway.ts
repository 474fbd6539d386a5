// A real listener on 127.0.0.1 for tests, and clients that write raw bytes to it through TLS.

import { once } from 'node:events';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { connect } from 'node:tls';
import type { TestContext } from 'node:test';
import type { Received } from '../../src/core/exchange.ts';
import type { Fault } from '../../src/core/fault.ts';
import type { EndReason } from '../../src/core/lifetime.ts';
import type { Refused } from '../../src/listen/accept.ts';
import { systemClock } from '../../src/core/ports.ts';
import { Secret } from '../../src/core/secret.ts';
import { sendAnswer } from '../../src/listen/answer.ts';
import type { LiveExchanges } from '../../src/listen/live.ts';
import { createLiveExchanges } from '../../src/listen/live.ts';
import type { ListenerOptions } from '../../src/listen/options.ts';
import type { Listener, ListenerPorts } from '../../src/listen/server.ts';
import { createListener } from '../../src/listen/server.ts';
import type { KeptLog } from '../support/kept-log.ts';
import { createKeptLog } from '../support/kept-log.ts';
import type { TestAuthority } from '../support/pki.ts';
import { createAuthority } from '../support/pki.ts';

export interface TestPki {
  readonly serverCA: TestAuthority;
  readonly clientCA: TestAuthority;
  readonly options: ListenerOptions;
}

/** A serving certificate for localhost and gateway.test, a client CA, and the options of a listener that asks. */
export async function createPki(): Promise<TestPki> {
  const serverCA = await createAuthority('serving');
  const clientCA = await createAuthority('client-ca');
  const serving = await serverCA.issue({
    commonName: 'gateway',
    dnsNames: ['localhost', 'gateway.test', 'people.test'],
    ipAddresses: ['127.0.0.1'],
    usages: ['server'],
  });
  const options: ListenerOptions = {
    address: '127.0.0.1',
    port: 0,
    tls: {
      certificate: serving.certificate,
      privateKey: new Secret(serving.key),
      minVersion: 'VersionTLS12',
    },
    clientCertificates: { request: true, exceptServerNames: [] },
    clientCertificateAuthority: clientCA.certificate,
    trustedProxies: [],
  };
  return { serverCA, clientCA, options };
}

export interface TestListener {
  readonly listener: Listener;
  readonly port: number;
  readonly live: LiveExchanges;
  readonly log: KeptLog;
  readonly received: Received[];
  readonly refused: Fault[];
  /** What else was told of each of them. */
  readonly refusedFrom: Refused[];
  /** Opens a TLS connection; resolves when its handshake is complete. */
  open(options?: ConnectionOptions): Promise<TLSSocket>;
  /** Sends `bytes` on a connection of its own and resolves with everything that comes until it is closed. */
  say(bytes: string, options?: ConnectionOptions): Promise<string>;
}

/** A path whose requests Node's server reads, and one whose requests the plain side does, when they are plain ones. */
export const PATHS = ['/x', '/nodes/x'] as const;

export const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;

/** What a line that says yes to everything answers. */
export const sayOk = (received: Received): void =>
  void sendAnswer(received, { contentType: 'text/plain', body: `ok ${received.method} ${received.target}` });

export interface Hands {
  readonly onReceived: (received: Received) => void;
  next(): Promise<Received>;
}

/** A line that keeps what it is given, for the test to answer. */
export function createHands(): Hands {
  const waiting: ((received: Received) => void)[] = [];
  const kept: Received[] = [];
  return {
    onReceived: (received) => {
      const resolve = waiting.shift();
      if (resolve === undefined) kept.push(received);
      else resolve(received);
    },
    next: () => {
      const received = kept.shift();
      return received === undefined
        ? new Promise((resolve) => {
            waiting.push(resolve);
          })
        : Promise.resolve(received);
    },
  };
}

export const ended = (received: Received): Promise<EndReason> =>
  new Promise((resolve) => {
    received.lifetime.onEnd(resolve);
  });

export async function startListener(
  context: Pick<TestContext, 'after'>,
  pki: TestPki,
  options: Partial<ListenerOptions> = {},
  ports: Partial<ListenerPorts> = {},
): Promise<TestListener> {
  const received: Received[] = [];
  const refused: Fault[] = [];
  const refusedFrom: Refused[] = [];
  const live = createLiveExchanges();
  const log = createKeptLog();
  const answer = ports.onReceived ?? sayOk;
  const listener = createListener(
    {
      clock: systemClock,
      log,
      live,
      onRefused: (fault, from) => {
        refused.push(fault);
        refusedFrom.push(from);
      },
      ...ports,
      onReceived: (exchange) => {
        received.push(exchange);
        answer(exchange);
      },
    },
    { ...pki.options, ...options },
  );
  const { port } = await listener.start();
  context.after(() => listener.close());

  const open = async (connection: ConnectionOptions = {}): Promise<TLSSocket> => {
    const socket = connect({
      host: '127.0.0.1',
      port,
      servername: 'localhost',
      ca: pki.serverCA.certificate,
      ...connection,
    });
    await once(socket, 'secureConnect');
    context.after(() => socket.destroy());
    return socket;
  };
  const say = async (bytes: string, connection: ConnectionOptions = {}): Promise<string> => {
    const socket = await open(connection);
    const answered = readAll(socket);
    socket.write(bytes, 'latin1');
    return answered;
  };
  return { listener, port, live, log, received, refused, refusedFrom, open, say };
}

/** Everything that comes until the connection is closed, by whichever means. */
export async function readAll(socket: TLSSocket): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.on('error', () => undefined);
  if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve));
  return Buffer.concat(chunks).toString('latin1');
}

/** Resolves with all bytes so far when `pattern` occurs in them. */
export function readUntil(socket: TLSSocket, pattern: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const onData = (chunk: Buffer): void => {
      text += chunk.toString('latin1');
      if (!text.includes(pattern)) return;
      socket.off('data', onData);
      resolve(text);
    };
    socket.on('data', onData);
    socket.once('close', () => {
      reject(new Error(`closed after ${JSON.stringify(text)}`));
    });
  });
}

export interface ParsedAnswer {
  readonly code: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** One answer with all its bytes. */
export function parseAnswer(text: string): ParsedAnswer {
  const end = text.indexOf('\r\n\r\n');
  const [statusLine = '', ...lines] = text.slice(0, end).split('\r\n');
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
  }
  return { code: Number(statusLine.split(' ')[1]), headers, body: text.slice(end + 4) };
}

/** Without what differs from one answer to the next. */
export const alike = (answers: string): string =>
  answers
    .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/g, 'AUDIT-ID')
    .replaceAll(/date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT/gi, 'Date: NOW');
