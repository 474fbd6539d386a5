// A simulated node that speaks the kubelet's API of Kubernetes 1.36 over mutual TLS: the demo's nodes, and the double that
// tests talk to. SECURITY: exec, attach and run start real processes as the local user, in no sandbox whatever. It is
// made for loopback: whoever may call it owns the account that it runs under.

import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { ServerResponse, createServer as createHttpServer } from 'node:http';
import type { IncomingMessage, Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { createServer as createTlsServer } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import type { Answer } from './answer.ts';
import { goError, muxNotFound, redirect, sendAnswer, text } from './answer.ts';
import { forbiddenText, toAttributes } from './attributes.ts';
import type { KubeletAttributes } from './attributes.ts';
import { startPod } from './containers.ts';
import type { PodSandbox } from './containers.ts';
import { createNodeData } from './data.ts';
import { captureBytes } from './exchange.ts';
import type { Exchange, RecordedRequest, Upgrade } from './exchange.ts';
import { authenticate } from './identity.ts';
import type { KubeletUser, Tokens } from './identity.ts';
import type { SimulatedPod } from './pods.ts';
import { answerRequest } from './routes.ts';
import type { SimulatedNode } from './routes.ts';
import { matchPattern, parseTarget } from './target.ts';

export { demoPods } from './pods.ts';
export type { SimulatedContainer, SimulatedPod } from './pods.ts';
export type { KubeletAttributes } from './attributes.ts';
export type { KubeletUser, Tokens } from './identity.ts';
export type { RecordedRequest } from './exchange.ts';

export interface KubeletOptions {
  readonly nodeName: string;
  /** Default 127.0.0.1. */
  readonly address?: string;
  /** Default 0: any free port. */
  readonly port?: number;
  /** PEM. */
  readonly certificate: string;
  readonly key: string;
  /** PEM; the client certificates that it issued are believed, others are 401. */
  readonly clientCA: string;
  /** Stands for the SubjectAccessReview that a kubelet asks; the resource is `nodes`, the name this node's. */
  readonly authorize: (user: KubeletUser, attributes: KubeletAttributes) => boolean;
  /** Stands for TokenReview. Default: none is believed. */
  readonly tokens?: Tokens;
  readonly pods: readonly SimulatedPod[];
  /** What /logs/ serves. Default: a folder of the simulator's, with the containers' logs below `pods/`. */
  readonly logDirectory?: string;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  /** Remember the bytes of upgraded connections. */
  readonly capture?: boolean;
  /** A kubelet of before 1.32: coarse authorization, neither v5 nor the tunnel over WebSocket. */
  readonly legacy?: boolean;
}

export interface SimulatedKubelet {
  readonly port: number;
  /** Every request, in the order of their heads. */
  readonly requests: readonly RecordedRequest[];
  /** Ends connections as the death of a kubelet does: what runs in containers goes on. */
  cut(): void;
  /** Ends connections and processes and removes what was written. */
  close(): Promise<void>;
}

const HOURS_MS = 3_600_000;

export const startKubelet = async (options: KubeletOptions): Promise<SimulatedKubelet> => {
  const directory = mkdtempSync(join(tmpdir(), 'simulated-kubelet-'));
  const now = options.now ?? Date.now;
  const runtime = { nodeName: options.nodeName, directory, now };
  mkdirSync(join(directory, 'log'));
  writeFileSync(join(directory, 'log', 'kubelet.log'), `kubelet of ${options.nodeName} started\n`);
  const pods = await Promise.all(options.pods.map((pod, index) => startPod(pod, index, runtime)));
  const requests: RecordedRequest[] = [];
  const server = createGoLikeServer(createKubelet(options, pods, join(directory, 'log'), requests, now));
  const sockets = new Set<Socket>();
  const secured = new Set<TLSSocket>();
  // Without ALPNProtocols no protocol is negotiated, as with a kubelet 1.36; an https.Server would set http/1.1.
  const tls = createTlsServer({
    cert: options.certificate,
    key: options.key,
    ca: options.clientCA,
    requestCert: true,
    rejectUnauthorized: false,
    minVersion: 'TLSv1.2',
  });
  // The TCP connections, those in their handshake among them: close() must not wait for a client.
  tls.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  tls.on('secureConnection', (socket) => {
    secured.add(socket);
    socket.on('close', () => secured.delete(socket));
    server.emit('connection', socket);
  });
  // For a program that ends without close().
  const onExit = (): void => {
    for (const pod of pods) pod.kill();
    rmSync(directory, { recursive: true, force: true });
  };
  process.once('exit', onExit);
  tls.listen(options.port ?? 0, options.address ?? '127.0.0.1');
  await once(tls, 'listening');
  const cut = (): void => {
    for (const socket of [...secured, ...sockets]) socket.destroy();
  };
  return {
    port: portOf(tls.address()),
    requests,
    cut,
    close: async () => {
      process.off('exit', onExit);
      const closed = once(tls, 'close');
      tls.close();
      cut();
      await Promise.all([closed, ...pods.map((pod) => pod.stop())]);
      rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
    },
  };
};

const portOf = (address: AddressInfo | string | null): number => {
  if (typeof address !== 'object' || address === null) throw new TypeError('not listening on a port');
  return address.port;
};

type Respond = (
  request: IncomingMessage,
  record: RecordedRequest,
  upgrade?: Upgrade,
) => Promise<Answer | undefined>;

/** What a request gets, with everything but the transport decided. */
const createKubelet = (
  options: KubeletOptions,
  pods: readonly PodSandbox[],
  logDirectory: string,
  requests: RecordedRequest[],
  now: () => number,
): {
  readonly respond: Respond;
  readonly record: (request: IncomingMessage) => RecordedRequest;
  readonly capture: boolean;
} => {
  const legacy = options.legacy === true;
  const node: SimulatedNode = {
    nodeName: options.nodeName,
    pods,
    data: createNodeData(options.nodeName, pods, now),
    logDirectory: options.logDirectory ?? logDirectory,
    startedAt: now(),
    now,
    abilities: { extended: !legacy },
  };
  return {
    capture: options.capture === true,
    record: (request) => {
      const { method = '', url = '', rawHeaders } = request;
      const record: RecordedRequest = { method, target: url, rawHeaders, bytesIn: [], bytesOut: [] };
      requests.push(record);
      return record;
    },
    respond: async (request, record, upgrade) => {
      const method = record.method;
      const target = parseTarget(record.target);
      if (target === undefined) return text(400, '400 Bad Request');
      const match = matchPattern(target, legacy ? ['/flagz', '/statusz'] : []);
      if (match.kind === 'redirect') return redirect(match.location, method);
      if (match.kind === 'notFound') return muxNotFound();
      const user = authenticate(request, options.tokens ?? {});
      if (user === undefined) return text(401, 'Unauthorized');
      record.user = user;
      const attributes = toAttributes(method, target.path, legacy);
      if (!attributes.some((each) => options.authorize(user, each))) {
        return text(403, forbiddenText(user.name, attributes, legacy));
      }
      const exchange: Exchange = { request, method, target, upgrade };
      return answerRequest(exchange, node);
    },
  };
};

/** An HTTP/1.1 server with the limits of a kubelet's: 1 MiB of head, 90 s of idleness, four hours in all. */
const createGoLikeServer = ({ respond, record, capture }: ReturnType<typeof createKubelet>): Server => {
  const server = createHttpServer({
    maxHeaderSize: 1 << 20,
    keepAliveTimeout: 90_000,
    headersTimeout: 4 * HOURS_MS,
    requestTimeout: 4 * HOURS_MS,
  });
  const answer = async (
    request: IncomingMessage,
    entry: RecordedRequest,
    openResponse: () => ServerResponse,
    upgrade?: Upgrade,
  ): Promise<void> => {
    const result = await respond(request, entry, upgrade).catch((error: unknown) =>
      goError(500, error instanceof Error ? error.message : 'internal error'),
    );
    if (result === undefined) return;
    entry.status = result.status;
    sendAnswer(result, openResponse());
  };
  server.on('request', (request, response) => void answer(request, record(request), () => response));
  server.on('upgrade', (request: IncomingMessage, socket: Duplex) => {
    const entry = record(request);
    const onEarlyError = (): void => void socket.destroy();
    socket.on('error', onEarlyError);
    const openResponse = (): ServerResponse => openRefusal(request);
    void answer(request, entry, openResponse, {
      accept: (head) => {
        entry.status = Number(head.split(' ', 2)[1]);
        socket.write(head);
        return capture ? captureBytes(socket, entry) : socket;
      },
    });
  });
  return server;
};

/** A plain answer on a connection that was to be upgraded; it is closed after it. */
const openRefusal = (request: IncomingMessage): ServerResponse => {
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(request.socket);
  response.on('finish', () => request.socket.end());
  return response;
};
