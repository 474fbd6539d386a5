// A Kubernetes API server as far as SubjectAccessReviews and TokenReviews go: real HTTPS, a client certificate or bearer
// token that it insists on, decisions by functions, and faults on demand.

import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { KubeConnection } from '../../src/core/kube-connection.ts';
import { Secret } from '../../src/core/secret.ts';
import type { ReviewSpec, ReviewStatus } from '../../src/kube/subject-access-review.ts';
import type { Issuing } from './api-issuing.ts';
import { createIssuing } from './api-issuing.ts';
import type { Resources } from './api-resources.ts';
import { createResources } from './api-resources.ts';
import { createAuthority } from './pki.ts';

/** What happens to one request instead of an answer by `decide`. */
export type ApiFault =
  | { readonly kind: 'status'; readonly code: number; readonly headers?: Record<string, string> }
  /** The connection is cut without a byte of answer. */
  | { readonly kind: 'reset' }
  /** 201 with this body. */
  | { readonly kind: 'body'; readonly body: string }
  /** No answer at all, until close(). */
  | { readonly kind: 'silence' };

export interface ApiServerOptions {
  /** May return a promise: a slow API server. */
  readonly decide: (spec: ReviewSpec) => ReviewStatus | Promise<ReviewStatus>;
  /** The status of a TokenReview, as it goes over the wire. Absent: no token is known. */
  readonly authenticate?: (spec: SentTokenReview) => object | Promise<object>;
  /** How clients must authenticate. Default: certificate. */
  readonly credential?: 'certificate' | 'token';
  /** Names that the serving certificate is valid for. Default: 127.0.0.1 and localhost. */
  readonly serverNames?: readonly string[];
}

/** TokenReviewSpec as it comes over the wire. */
export interface SentTokenReview {
  readonly token: string;
  readonly audiences: readonly string[];
}

export interface ApiServer {
  readonly url: string;
  /** PEM. */
  readonly certificateAuthority: string;
  /** The specs of all reviews that were asked for, in order, those that met a fault too. */
  readonly requests: readonly ReviewSpec[];
  /** The same of all TokenReviews. Counted together with the others by received(). */
  readonly tokenReviews: readonly SentTokenReview[];
  /** How many TCP connections were made. */
  readonly connectionCount: number;
  /** A connection that this server accepts. */
  readonly connection: KubeConnection;
  /** The same as a kubeconfig file. */
  readonly kubeconfig: string;
  /** The token that it accepts; may be replaced. */
  token: string;
  /** The next requests meet these faults, one each, in order. */
  interrupt(...faults: readonly ApiFault[]): void;
  /** Resolves when so many requests have come in since the start. */
  received(count: number): Promise<void>;
  /** Nodes and RBAC objects, which can be listed, watched and changed. They outlive a restart. */
  readonly resources: Resources;
  /** Tokens of ServiceAccounts and certificates. */
  readonly issuing: Issuing;
  /** Cuts every connection and refuses new ones, until start(). */
  stop(): Promise<void>;
  /** Listens again, at the same port. */
  start(): Promise<void>;
  close(): Promise<void>;
}

export async function startApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const authority = await createAuthority('api-server-ca');
  const clients = await createAuthority('api-client-ca');
  const client = await clients.issue({ commonName: 'kubelet-gateway', usages: ['client'] });
  const serving = await authority.issue({
    commonName: 'kube-apiserver',
    usages: ['server'],
    ...(options.serverNames === undefined
      ? { dnsNames: ['localhost'], ipAddresses: ['127.0.0.1'] }
      : { dnsNames: [...options.serverNames] }),
  });

  const requests: ReviewSpec[] = [];
  const tokenReviews: SentTokenReview[] = [];
  const count = (): number => requests.length + tokenReviews.length;
  const resources = createResources();
  const issuing = await createIssuing();
  const faults: ApiFault[] = [];
  let waiting: { readonly count: number; readonly resolve: () => void }[] = [];
  let connectionCount = 0;
  const sockets = new Set<Socket>();
  const byToken = options.credential === 'token';

  const server = createServer(
    {
      cert: serving.certificate,
      key: serving.key,
      ca: clients.certificate,
      requestCert: !byToken,
      rejectUnauthorized: !byToken,
    },
    (request, response) => {
      answer(request, response).catch(() => request.socket.destroy());
    },
  );
  server.on('connection', (socket: Socket) => {
    connectionCount += 1;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const url = `https://127.0.0.1:${port}`;

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readText(request);
    const review = toReview(request, body);
    if (review === undefined) {
      answerResources(request, response, body);
      return;
    }
    if (review.kind === 'TokenReview') tokenReviews.push(review.spec);
    else requests.push(review.spec);
    for (const { count: wanted, resolve } of waiting) if (count() >= wanted) resolve();
    waiting = waiting.filter(({ count: wanted }) => count() < wanted);
    if (byToken && request.headers.authorization !== `Bearer ${api.token}`) {
      sendStatus(response, 401, {});
      return;
    }
    const fault = faults.shift();
    switch (fault?.kind) {
      case 'status':
        sendStatus(response, fault.code, fault.headers ?? {});
        return;
      case 'reset':
        request.socket.destroy();
        return;
      case 'body':
        response.writeHead(201, { 'content-type': 'application/json' }).end(fault.body);
        return;
      case 'silence':
        return;
      case undefined:
        sendReview(
          response,
          review,
          review.kind === 'TokenReview'
            ? ((await options.authenticate?.(review.spec)) ?? {})
            : await options.decide(review.spec),
        );
    }
  }

  function answerResources(request: IncomingMessage, response: ServerResponse, body: string): void {
    if (byToken && request.headers.authorization !== `Bearer ${api.token}`) sendStatus(response, 401, {});
    else if (!issuing.answer(request, response, body) && !resources.answer(request, response, body))
      request.socket.destroy();
  }

  const stop = async (): Promise<void> => {
    if (!server.listening) return;
    server.close();
    for (const socket of sockets) socket.destroy();
    await once(server, 'close');
  };

  const connection: KubeConnection = {
    server: url,
    certificateAuthority: authority.certificate,
    credential: byToken
      ? { kind: 'token', token: new Secret('api-server-token') }
      : { kind: 'certificate', certificate: client.certificate, key: new Secret(client.key) },
  };
  const api: ApiServer = {
    url,
    certificateAuthority: authority.certificate,
    requests,
    tokenReviews,
    get connectionCount() {
      return connectionCount;
    },
    connection,
    kubeconfig: toKubeconfig(connection),
    token: 'api-server-token',
    interrupt: (...more) => void faults.push(...more),
    received: (wanted) =>
      count() >= wanted
        ? Promise.resolve()
        : new Promise((resolve) => {
            waiting.push({ count: wanted, resolve });
          }),
    resources,
    issuing,
    stop,
    start: async () => {
      server.listen(port, '127.0.0.1');
      await once(server, 'listening');
    },
    close: stop,
  };
  return api;
}

type SentReview =
  | { readonly apiVersion: string; readonly kind: 'SubjectAccessReview'; readonly spec: ReviewSpec }
  | { readonly apiVersion: string; readonly kind: 'TokenReview'; readonly spec: SentTokenReview };

const PATHS: Readonly<Record<string, string>> = {
  'authorization.k8s.io/v1 SubjectAccessReview': '/apis/authorization.k8s.io/v1/subjectaccessreviews',
  'authentication.k8s.io/v1 TokenReview': '/apis/authentication.k8s.io/v1/tokenreviews',
};

async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

/** Decodes a review as an API server does: the exact path, JSON, the right kind and an empty metadata. */
function toReview(request: IncomingMessage, body: string): SentReview | undefined {
  if (!Object.values(PATHS).includes(request.url ?? '')) return undefined;
  const review = JSON.parse(body) as SentReview & { readonly metadata?: unknown };
  const wanted =
    request.method === 'POST' &&
    request.url === PATHS[`${review.apiVersion} ${review.kind}`] &&
    request.headers['content-type'] === 'application/json' &&
    review.metadata === undefined;
  if (!wanted) throw new TypeError('not a review');
  return review;
}

function sendReview(response: ServerResponse, review: SentReview, status: object): void {
  response
    .writeHead(201, { 'content-type': 'application/json' })
    .end(JSON.stringify({ ...review, metadata: {}, status }));
}

function sendStatus(response: ServerResponse, code: number, headers: Record<string, string>): void {
  const status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', code };
  response.writeHead(code, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(status));
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');

function toKubeconfig({ server, certificateAuthority = '', credential }: KubeConnection): string {
  const user =
    credential.kind === 'certificate'
      ? {
          'client-certificate-data': base64(credential.certificate),
          'client-key-data': base64(credential.key.reveal()),
        }
      : credential.kind === 'token'
        ? { token: credential.token.reveal() }
        : { tokenFile: credential.path };
  // JSON is YAML.
  return JSON.stringify(
    {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [
        { name: 'api', cluster: { server, 'certificate-authority-data': base64(certificateAuthority) } },
      ],
      users: [{ name: 'gateway', user }],
      contexts: [{ name: 'gateway', context: { cluster: 'api', user: 'gateway' } }],
      'current-context': 'gateway',
    },
    undefined,
    2,
  );
}
