// An administrator of a real cluster, by the caller's kubeconfig: creates and removes the few kinds of objects that the
// scenarios need. Authentication, exec plugins included, is that of Kubernetes' own client library.

import { readFile } from 'node:fs/promises';
import type { RequestOptions } from 'node:https';
import { request } from 'node:https';
import { text } from 'node:stream/consumers';
import { KubeConfig } from '@kubernetes/client-node';
import type { ClusterObject } from './cluster.ts';

export interface Admin {
  readonly server: string;
  /** PEM; undefined: the system's roots. */
  readonly certificateAuthority: string | undefined;
  readonly tlsServerName: string | undefined;
  create(object: ClusterObject): Promise<void>;
  /** An object that is not there is removed already. */
  remove(object: ClusterObject): Promise<void>;
  /** Rejects with an AdminError for anything but a 2xx. */
  call(method: 'GET' | 'POST' | 'DELETE', path: string, body?: object): Promise<unknown>;
}

export class AdminError extends Error {
  readonly code: number;

  constructor(method: string, path: string, code: number, body: string) {
    super(`${method} ${path}: HTTP ${code}: ${body.slice(0, 1000)}`);
    this.code = code;
  }
}

const TIMEOUT_MS = 30_000;

/** Where objects of a kind are; `{ns}` stands for the namespace. */
const COLLECTIONS: Readonly<Record<string, string>> = {
  Namespace: '/api/v1/namespaces',
  ServiceAccount: '/api/v1/namespaces/{ns}/serviceaccounts',
  Pod: '/api/v1/namespaces/{ns}/pods',
  ClusterRole: '/apis/rbac.authorization.k8s.io/v1/clusterroles',
  ClusterRoleBinding: '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings',
  Role: '/apis/rbac.authorization.k8s.io/v1/namespaces/{ns}/roles',
  RoleBinding: '/apis/rbac.authorization.k8s.io/v1/namespaces/{ns}/rolebindings',
};

export async function createAdmin(kubeconfig: string): Promise<Admin> {
  const config = new KubeConfig();
  config.loadFromString(kubeconfig);
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw new Error('the kubeconfig has no current context');
  if (cluster.skipTLSVerify) {
    throw new Error('the kubeconfig skips the verification of the API server, which the gateway never does');
  }
  const { caData, caFile } = cluster;
  const call: Admin['call'] = async (method, path, body) => {
    const options: RequestOptions = { method, timeout: TIMEOUT_MS, headers: {} };
    await config.applyToHTTPSOptions(options);
    const own = new Map(Object.entries(options.headers ?? {}));
    own.set('accept', 'application/json').set('content-type', 'application/json');
    const headers = Object.fromEntries(own);
    const url = `${cluster.server.replace(/\/+$/, '')}${path}`;
    const { code, answer } = await send(url, { ...options, headers }, body);
    if (code < 200 || code > 299) throw new AdminError(method, path, code, answer);
    const parsed: unknown = JSON.parse(answer);
    return parsed;
  };
  return {
    server: cluster.server,
    tlsServerName: cluster.tlsServerName,
    certificateAuthority:
      caData !== undefined
        ? Buffer.from(caData, 'base64').toString()
        : caFile !== undefined
          ? await readFile(caFile, 'utf8')
          : undefined,
    call,
    create: async (object) => {
      await call('POST', toCollection(object), object);
    },
    remove: async (object) => {
      try {
        await call('DELETE', `${toCollection(object)}/${object.metadata.name}`);
      } catch (error) {
        if (!(error instanceof AdminError) || error.code !== 404) throw error;
      }
    },
  };
}

function toCollection({ kind, metadata: { namespace } }: ClusterObject): string {
  const collection = COLLECTIONS[kind];
  if (collection === undefined) throw new TypeError(`the scenarios have no ${kind}`);
  if (collection.includes('{ns}') && namespace === undefined)
    throw new TypeError(`a ${kind} has a namespace`);
  return collection.replace('{ns}', namespace ?? '');
}

const send = (
  url: string,
  options: RequestOptions,
  body: object | undefined,
): Promise<{ readonly code: number; readonly answer: string }> =>
  new Promise((resolve, reject) => {
    const outgoing = request(url, options, (incoming) => {
      text(incoming).then((answer) => resolve({ code: incoming.statusCode ?? 0, answer }), reject);
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)));
    outgoing.on('error', reject).end(body === undefined ? undefined : JSON.stringify(body));
  });
