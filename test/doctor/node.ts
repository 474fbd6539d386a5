// A node to be examined: a TLS server with whatever defects a test wants, and the kubelet's answers behind it.

import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { createServer as createTcpServer } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { NodeEntry } from '../../src/core/node.ts';
import type { Finding } from '../../src/doctor/finding.ts';
import type { TriedCredential } from '../../src/doctor/doctor.ts';
import type { Authority, LeafOptions } from '../../src/pki/issue.ts';
import { createAuthority } from '../../src/pki/issue.ts';
import { ruleAllows } from '../../src/authorize/rbac.ts';
import { ACTION_KINDS } from '../../src/core/action.ts';
import { systemClock } from '../../src/core/ports.ts';
import { Secret } from '../../src/core/secret.ts';
import { examine } from '../../src/doctor/doctor.ts';
import { createKeptLog } from '../support/kept-log.ts';
import { nodeName } from '../support/resolved.ts';
import { reachAnything } from '../support/reach.ts';

export type Respond = (request: IncomingMessage, response: ServerResponse, isKnown: boolean) => void;

/** The kubelet's own answers in the mode Webhook to somebody with all rights, and 401 to others. */
export const asKubelet: Respond = (request, response, isKnown) => {
  if (!isKnown) response.writeHead(401, { 'content-type': 'text/plain' }).end('Unauthorized');
  else if (request.url === '/configz') response.end(configz({}));
  else response.end('ok');
};

export const configz = (more: object): string =>
  JSON.stringify({
    kubeletconfig: {
      authentication: {
        x509: { clientCAFile: '/ca.crt' },
        webhook: { enabled: true },
        anonymous: { enabled: false },
      },
      authorization: { mode: 'Webhook' },
      ...more,
    },
  });

export interface DefectiveNode {
  readonly entry: NodeEntry;
  readonly credential: TriedCredential;
  /** What was asked for, with whether the certificate was believed. */
  readonly asked: readonly (readonly [string, boolean])[];
  close(): Promise<void>;
}

export interface NodeOptions {
  readonly serving?: LeafOptions;
  /** Whom the gateway trusts, and who signs: the same unless said otherwise. */
  readonly signer?: (trusted: Authority) => Promise<Authority>;
  readonly entry?: Partial<NodeEntry>;
  readonly respond?: Respond;
}

export async function startNode({
  serving,
  signer,
  entry,
  respond = asKubelet,
}: NodeOptions = {}): Promise<DefectiveNode> {
  const [trusted, clients] = await Promise.all([createAuthority('nodes'), createAuthority('clients')]);
  const by = (await signer?.(trusted)) ?? trusted;
  const leaf = await by.issue({ commonName: 'node-1', dnsNames: ['node-1'], usages: ['server'], ...serving });
  const client = await clients.issue({ commonName: 'gateway', usages: ['client'] });
  const asked: [string, boolean][] = [];
  const http = createHttpServer((request, response) => {
    const socket: unknown = request.socket;
    const isKnown =
      typeof socket === 'object' && socket !== null && 'authorized' in socket && socket.authorized === true;
    asked.push([request.url ?? '', isKnown]);
    respond(request, response, isKnown);
  });
  const tls = createTlsServer({
    cert: leaf.certificate,
    key: leaf.key,
    ca: clients.certificate,
    requestCert: true,
    rejectUnauthorized: false,
  });
  const sockets = track(tls);
  tls.on('secureConnection', (socket) => http.emit('connection', socket));
  tls.on('tlsClientError', () => undefined);
  const port = await listen(tls);
  return {
    entry: {
      name: nodeName('node-1'),
      address: '127.0.0.1',
      port,
      serverName: 'node-1',
      certificateAuthority: trusted.certificate,
      fingerprint: 'f',
      ...entry,
    },
    credential: {
      credential: {
        name: 'operator',
        fingerprint: 'c',
        material: { kind: 'certificate', certificate: client.certificate, key: new Secret(client.key) },
      },
      neededFor: new Set(ACTION_KINDS),
    },
    asked,
    close: async () => {
      const closed = once(tls, 'close');
      tls.close();
      http.closeAllConnections();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** A port that does as `onConnection` says. */
export async function startPort(onConnection: (socket: Socket) => void) {
  const server = createTcpServer(onConnection);
  const sockets = track(server);
  const port = await listen(server);
  return {
    port,
    close: async (): Promise<void> => {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

type Listening = ReturnType<typeof createTcpServer>;

function track(server: Listening): ReadonlySet<Socket> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
  });
  return sockets;
}

async function listen(server: Listening): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

export interface ExamineOptions {
  readonly readOnlyPort?: number;
  readonly answerTimeoutMs?: number;
  readonly connectTimeoutMs?: number;
  readonly grants?: Parameters<typeof examine>[1]['grants'];
}

/** A port of this host at which nobody listens. */
export async function closedPort(): Promise<number> {
  const { port, close } = await startPort(() => undefined);
  await close();
  return port;
}

export const examineNode = async (
  { entry, credential }: Pick<DefectiveNode, 'entry' | 'credential'>,
  options: ExamineOptions = {},
): Promise<readonly Finding[]> =>
  examine(
    { clock: systemClock, log: createKeptLog(), reach: reachAnything(), allows: ruleAllows },
    {
      entry,
      credentials: [credential],
      connectTimeoutMs: options.connectTimeoutMs ?? 5000,
      answerTimeoutMs: options.answerTimeoutMs ?? 5000,
      readOnlyPort: options.readOnlyPort ?? (await closedPort()),
      ...(options.grants === undefined ? {} : { grants: options.grants }),
    },
  );

export const idsOf = (findings: readonly Finding[]): readonly string[] =>
  findings.filter(({ severity }) => severity !== 'info').map(({ id }) => id);
