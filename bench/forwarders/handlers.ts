// The same job done by each forwarder: pass a GET on over mutual TLS and kept-alive connections, and stream the answer
// back. `kubelet-gateway` is src/forward as it is, with its header rules, limits and counting; the others do only that.

import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import { Pool } from 'undici';
import type { Action } from '../../src/core/action.ts';
import type { Grant } from '../../src/core/decision.ts';
import type { Credentialed } from '../../src/core/exchange.ts';
import { HeaderLines } from '../../src/core/headers.ts';
import { Lifetime } from '../../src/core/lifetime.ts';
import { isNodeName } from '../../src/core/names.ts';
import type { NodeEntry, KubeletCredential } from '../../src/core/node.ts';
import type { Observation } from '../../src/core/observation.ts';
import { systemClock } from '../../src/core/ports.ts';
import { Secret } from '../../src/core/secret.ts';
import { createForward } from '../../src/forward/forward.ts';
import { createPools } from '../../src/upstream/pools.ts';
import { createReach } from '../../src/outbound/reach.ts';
import type { ForwarderName, Material } from './forwarders.ts';

export async function createHandler(name: ForwarderName, material: Material): Promise<RequestListener> {
  switch (name) {
    case 'kubelet-gateway':
      return forwardWithGateway(material);
    case 'undici':
      return forwardWithUndici(material);
    case 'node:https':
      return forwardWithHttps(material);
    case 'http-proxy': {
      const { default: httpProxy } = await import('http-proxy');
      return forwardWithProxy(httpProxy.createProxyServer(toProxyOptions(material)));
    }
    case 'http-proxy-3': {
      const { createProxyServer } = await import('http-proxy-3');
      return forwardWithProxy(createProxyServer(toProxyOptions(material)));
    }
    default:
      throw new Error(`no forwarder is called ${String(name satisfies never)}`);
  }
}

const toTls = ({ ca, client }: Material) => ({
  ca,
  cert: client.certificate,
  key: client.key,
  servername: 'localhost',
});

const toAgent = (material: Material): Agent => new Agent({ keepAlive: true, ...toTls(material) });

const toProxyOptions = (material: Material) => ({
  target: `https://127.0.0.1:${material.backendPort}`,
  agent: toAgent(material),
  secure: true,
});

interface WebProxy {
  web(request: IncomingMessage, response: ServerResponse): void;
}

const forwardWithProxy =
  (proxy: WebProxy): RequestListener =>
  (request, response) =>
    proxy.web(request, response);

function forwardWithHttps(material: Material): RequestListener {
  const agent = toAgent(material);
  return (request, response) => {
    const { method, url } = request;
    const outgoing = httpsRequest({
      agent,
      host: '127.0.0.1',
      port: material.backendPort,
      method,
      path: url,
    });
    outgoing.on('response', (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    outgoing.on('error', () => response.destroy());
    outgoing.end();
  };
}

function forwardWithUndici(material: Material): RequestListener {
  const pool = new Pool(`https://127.0.0.1:${material.backendPort}`, {
    connect: toTls(material),
    allowH2: false,
    connections: 100,
  });
  return (request, response) => {
    const { method = 'GET', url = '/' } = request;
    pool.dispatch(
      { method, path: url },
      {
        onRequestStart: () => undefined,
        onResponseStart: (_controller, code, headers) => void response.writeHead(code, headers),
        onResponseData: (controller, chunk) => {
          if (response.write(chunk)) return;
          controller.pause();
          response.once('drain', () => controller.resume());
        },
        onResponseEnd: () => void response.end(),
        onResponseError: () => void response.destroy(),
      },
    );
  };
}

const ACTIONS: Readonly<Record<string, Action>> = {
  '/healthz': { kind: 'healthz', verbose: false, exclude: [] },
  '/pods': { kind: 'pods' },
  '/metrics': { kind: 'metrics', endpoint: 'kubelet' },
};

const UNOBSERVED: Observation = {
  received: () => undefined,
  found: () => undefined,
  started: () => undefined,
  complete: () => undefined,
  panic: () => undefined,
};

function forwardWithGateway(material: Material): RequestListener {
  const log = { debug: ignore, info: ignore, warn: ignore, error: ignore };
  const limits = { idleMs: 3_600_000, absoluteMs: 3_600_000 };
  const timeouts = {
    connectTimeoutMs: 5_000,
    answerTimeoutMs: 60_000,
    keepAliveTimeoutMs: 60_000,
    maxConnectionsPerNode: 100,
    runTimeoutMs: 60_000,
    checkpointTimeoutMs: 60_000,
    profileTimeoutMs: 60_000,
  };
  const sessions = {
    default: limits,
    exec: limits,
    attach: limits,
    portForward: limits,
    containerLogs: limits,
    credentialExpiryGraceMs: 0,
  };
  const words = (problem: string): string => problem;
  const reach = createReach({ judge: () => undefined, words, log });
  const pools = createPools({ clock: systemClock, log, reach }, timeouts);
  const stage = createForward({ clock: systemClock, log, pools }, { ...timeouts, sessions });
  const found = toFound(material);
  return (request, response) => {
    const action = ACTIONS[request.url ?? ''];
    if (action === undefined) throw new Error('not a path of this benchmark');
    const exchange: Credentialed = {
      ...found,
      action,
      auditId: '00000000-0000-4000-8000-000000000000',
      receivedAt: Date.now(),
      method: 'GET',
      target: request.url ?? '',
      headers: new HeaderLines(request.rawHeaders),
      body: request,
      reply: { kind: 'http', request, response },
      lifetime: new Lifetime(),
    };
    stage.forward(exchange, UNOBSERVED).catch(() => response.destroy());
  };
}

/** What the stages before `forward` would have found, once for all requests. */
function toFound(material: Material) {
  const name = 'node-1';
  if (!isNodeName(name)) throw new TypeError('not a name');
  const entry: NodeEntry = {
    name,
    address: '127.0.0.1',
    port: material.backendPort,
    serverName: 'localhost',
    certificateAuthority: material.ca,
    fingerprint: 'node-1',
  };
  const { certificate, key } = material.client;
  const credential: KubeletCredential = {
    name: 'reader',
    fingerprint: 'reader',
    material: { kind: 'certificate', certificate, key: new Secret(key) },
  };
  const user = { name: 'bob', uid: '', groups: [], extra: {} };
  const by = {
    verb: 'get',
    apiGroup: '',
    version: 'v1',
    resource: 'nodes',
    subresource: 'proxy',
    namespace: '',
    name,
  } as const;
  return {
    peer: { sourceIPs: ['127.0.0.1'], certificate: undefined },
    authentication: { user, method: 'jwt', expiresAt: Number.MAX_SAFE_INTEGER },
    node: name,
    transport: { kind: 'http' },
    requirement: [by],
    surface: 'kubelet',
    // Only `authorize` makes a Grant; here nothing is authorized.
    grant: { by, reason: '' } as unknown as Grant,
    entry,
    credential,
  } as const;
}

const ignore = (): void => undefined;
