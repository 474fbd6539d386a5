// The cluster that the caller provides: a namespace, accounts and roles of the scenarios' own are made in it by an
// administrator, and removed at the end. The gateway has an account that may do what the documentation asks for.

import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { KubeConnection } from '../../src/core/kube-connection.ts';
import type { Admin } from './admin.ts';
import type { Cluster, ClusterNode, ClusterObject } from './cluster.ts';
import type { RealEnvironment } from './environment.ts';
import { Secret } from '../../src/core/secret.ts';
import { eventually } from '../support/eventually.ts';
import { AdminError, createAdmin } from './admin.ts';
import {
  clusterRole,
  clusterRoleBinding,
  GATEWAY_RULES,
  KUBELET_ACCOUNT,
  POD,
  POD_COMMAND,
  serviceAccount,
  USER_ACCOUNT,
} from './cluster.ts';
import { startControlPlane } from './control-plane.ts';

const GATEWAY_ACCOUNT = 'gateway';
/** Of Kubernetes' own; with it a kubelet lets its holder do everything that the gateway needs. */
const KUBELET_ADMIN = 'system:kubelet-api-admin';
const POD_DEADLINE_MS = 180_000;

export async function startReal(environment: RealEnvironment): Promise<Cluster> {
  const { source } = environment;
  const plane = source.kind === 'assets' ? await startControlPlane(source.folder) : undefined;
  const made: ClusterObject[] = [];
  let admin: Admin | undefined;
  const close = async (): Promise<void> => {
    // All of it, and then the first failure: what is left behind is somebody else's cluster.
    const failures: unknown[] = [];
    for (const object of made.toReversed()) {
      if (object.metadata.namespace !== undefined) continue;
      await admin?.remove(object).catch((error: unknown) => failures.push(error));
    }
    await plane?.stop();
    if (failures.length > 0)
      throw new AggregateError(failures, 'not everything was removed from the cluster');
  };
  try {
    const kubeconfig =
      plane?.kubeconfig ?? (source.kind === 'kubeconfig' ? await readFile(source.file, 'utf8') : '');
    admin = await createAdmin(kubeconfig);
    return { ...(await furnish(admin, environment, made)), close };
  } catch (error) {
    await close().catch(() => undefined);
    throw error;
  }
}

async function furnish(
  admin: Admin,
  environment: RealEnvironment,
  made: ClusterObject[],
): Promise<Omit<Cluster, 'close'>> {
  const namespace = `kubelet-gateway-test-${randomBytes(4).toString('hex')}`;
  const create = async (object: ClusterObject): Promise<void> => {
    await admin.create(object);
    made.push(object);
  };
  await create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
  for (const name of [GATEWAY_ACCOUNT, USER_ACCOUNT, KUBELET_ACCOUNT]) {
    await create(serviceAccount(namespace, name));
  }
  const account = (name: string) => ({ kind: 'ServiceAccount', name, namespace }) as const;
  await create(clusterRole(`${namespace}-gateway`, GATEWAY_RULES));
  await create(clusterRoleBinding(`${namespace}-gateway`, `${namespace}-gateway`, account(GATEWAY_ACCOUNT)));
  await create(clusterRoleBinding(`${namespace}-kubelet`, KUBELET_ADMIN, account(KUBELET_ACCOUNT)));
  const node =
    environment.node && (await toClusterNode(admin, environment, environment.node, namespace, create));
  return {
    namespace,
    gateway: await toGateway(admin, namespace),
    signs: environment.signs,
    ...(node === undefined ? {} : { node }),
    create,
    remove: (object) => admin.remove(object),
  };
}

async function toGateway(admin: Admin, namespace: string): Promise<KubeConnection> {
  const answer = await admin.call(
    'POST',
    `/api/v1/namespaces/${namespace}/serviceaccounts/${GATEWAY_ACCOUNT}/token`,
    {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: { audiences: [], expirationSeconds: 3600 },
    },
  );
  const { status } = answer as { readonly status?: { readonly token?: unknown } };
  if (typeof status?.token !== 'string')
    throw new TypeError('the API server issued no token for the gateway');
  const { server, certificateAuthority, tlsServerName } = admin;
  return {
    server,
    ...(certificateAuthority === undefined ? {} : { certificateAuthority }),
    ...(tlsServerName === undefined ? {} : { tlsServerName }),
    credential: { kind: 'token', token: new Secret(status.token) },
  };
}

interface NodeObject {
  readonly status: {
    readonly addresses: readonly { readonly type: string; readonly address: string }[];
    readonly daemonEndpoints?: { readonly kubeletEndpoint?: { readonly Port?: number } };
  };
}

async function toClusterNode(
  admin: Admin,
  { image }: RealEnvironment,
  { name, address, port, serverName, certificateAuthorityFile }: NonNullable<RealEnvironment['node']>,
  namespace: string,
  create: (object: ClusterObject) => Promise<void>,
): Promise<ClusterNode> {
  const { status } = (await admin.call('GET', `/api/v1/nodes/${name}`)) as NodeObject;
  const internal = status.addresses.find(({ type }) => type === 'InternalIP')?.address;
  const found = address ?? internal;
  if (found === undefined) throw new Error(`the node ${name} has no InternalIP: set TEST_CLUSTER_KUBELET`);
  // Admission wants the account `default`, which a controller makes a moment after the namespace.
  await eventually(
    'the account default of the namespace',
    () => create(toPod(namespace, name, image)).then(() => true, unlessForbidden),
    60_000,
  );
  await eventually('the pod', () => isRunning(admin, namespace), POD_DEADLINE_MS);
  return {
    name,
    address: found,
    port: port ?? status.daemonEndpoints?.kubeletEndpoint?.Port ?? 10_250,
    serverName,
    certificateAuthority: await readFile(certificateAuthorityFile, 'utf8'),
  };
}

async function unlessForbidden(error: unknown): Promise<undefined> {
  if (!(error instanceof AdminError) || error.code !== 403) throw error;
  await new Promise((resolve) => setTimeout(resolve, 500));
  return undefined;
}

const toPod = (namespace: string, nodeName: string, image: string): ClusterObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: POD, namespace },
  spec: {
    // No scheduler is asked: the pod is for this node, whatever taints it has.
    nodeName,
    tolerations: [{ operator: 'Exists' }],
    restartPolicy: 'Never',
    terminationGracePeriodSeconds: 0,
    automountServiceAccountToken: false,
    containers: [{ name: POD, image, command: POD_COMMAND }],
  },
});

async function isRunning(admin: Admin, namespace: string): Promise<true | undefined> {
  const pod = (await admin.call('GET', `/api/v1/namespaces/${namespace}/pods/${POD}`)) as {
    readonly status?: { readonly phase?: string; readonly message?: string };
  };
  const { phase = 'Pending', message = '' } = pod.status ?? {};
  if (phase === 'Running') return true;
  if (phase !== 'Pending') throw new Error(`the pod ${POD} is ${phase}: ${message}`);
  await new Promise((resolve) => setTimeout(resolve, 500));
  return undefined;
}
