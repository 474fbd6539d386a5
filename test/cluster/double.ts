// The cluster that is always there: the tests' own API server, deciding by the RBAC objects that it holds, and a simulated
// kubelet that believes the tokens which that server has issued.

import { randomBytes } from 'node:crypto';
import type { RbacObjects } from '../../src/core/rbac.ts';
import type { ReviewStatus } from '../../src/kube/subject-access-review.ts';
import type { KubeletUser } from '../../demo/kubelet/kubelet.ts';
import type { ApiServer, SentTokenReview } from '../support/api-server.ts';
import type { ResourceName } from '../support/api-resources.ts';
import type { Cluster, ClusterObject } from './cluster.ts';
import { startKubelet } from '../../demo/kubelet/kubelet.ts';
import { createRbacAuthorizer } from '../../src/authorize/rbac.ts';
import { startApiServer } from '../support/api-server.ts';
import { createAuthority } from '../support/pki.ts';
import { KUBELET_ACCOUNT, POD, POD_COMMAND, serviceAccount, USER_ACCOUNT } from './cluster.ts';

const NODE = 'double-node';

const COLLECTIONS: Readonly<Record<string, ResourceName>> = {
  ClusterRole: 'clusterroles',
  ClusterRoleBinding: 'clusterrolebindings',
  Role: 'roles',
  RoleBinding: 'rolebindings',
};

interface IssuedToken {
  readonly user: KubeletUser;
  readonly audiences: readonly string[];
}

/** What an API server takes for its own audience. */
const OWN_AUDIENCE = 'https://kubernetes.default.svc.cluster.local';

export async function startDouble(): Promise<Cluster> {
  const namespace = `scenario-${randomBytes(4).toString('hex')}`;
  const accounts = new Set<string>();
  const tokens = new Map<string, IssuedToken>();
  const kubeletTokens: Record<string, KubeletUser> = {};
  const clients = await createAuthority('cluster client CA');
  let api: ApiServer | undefined = undefined;
  const objects = (): RbacObjects => toRbac(api);
  const started = await startApiServer({
    decide: (spec): ReviewStatus => {
      const asked = 'resourceAttributes' in spec ? spec.resourceAttributes : undefined;
      if (asked === undefined) return { allowed: false };
      const { verb, group, version, resource, subresource, namespace: scope, name } = asked;
      const attributes = { verb, apiGroup: group, version, resource, subresource, namespace: scope, name };
      const user = { name: spec.user, uid: spec.uid, groups: spec.groups, extra: spec.extra };
      const decision = createRbacAuthorizer(objects())(user, attributes);
      if (decision instanceof Promise) throw new TypeError('RBAC decides at once');
      return { allowed: decision.kind === 'allow', reason: decision.reason };
    },
    authenticate: (spec) => authenticate(tokens, spec),
  });
  api = started;
  const { issuing } = started;
  issuing.onTokenRequest = ({ namespace: of, serviceAccount: name, audiences: asked }) => {
    if (!accounts.has(`${of}/${name}`)) return 404;
    const audiences = asked.length === 0 ? [OWN_AUDIENCE] : asked;
    const groups = ['system:serviceaccounts', `system:serviceaccounts:${of}`];
    const issued = { user: { name: `system:serviceaccount:${of}:${name}`, groups }, audiences };
    // As the server will call it.
    const token = `token-${issuing.tokenRequests.length}-of-${name}`;
    tokens.set(token, issued);
    // A kubelet asks for the audience of the API server.
    if (audiences.includes(OWN_AUDIENCE)) kubeletTokens[token] = issued.user;
    return undefined;
  };
  const nodes = await createAuthority('cluster kubelet CA');
  const serving = await nodes.issue({
    commonName: `system:node:${NODE}`,
    dnsNames: [NODE],
    usages: ['server'],
  });
  const kubeletUser = `system:serviceaccount:${namespace}:${KUBELET_ACCOUNT}`;
  const kubelet = await startKubelet({
    nodeName: NODE,
    ...serving,
    clientCA: clients.certificate,
    tokens: kubeletTokens,
    // ClusterRole system:kubelet-api-admin.
    authorize: (user) => user.name === kubeletUser,
    pods: [
      {
        namespace,
        name: POD,
        labels: { app: POD },
        containers: [{ name: POD, image: 'registry.example/busybox:1', command: [...POD_COMMAND] }],
      },
    ],
  });
  const create = (object: ClusterObject): Promise<void> => {
    const { kind, metadata } = object;
    const collection = COLLECTIONS[kind];
    if (collection !== undefined) started.resources.put(collection, object);
    else if (kind === 'ServiceAccount') accounts.add(`${metadata.namespace ?? ''}/${metadata.name}`);
    else throw new TypeError(`the double holds no ${kind}`);
    return Promise.resolve();
  };
  for (const name of [USER_ACCOUNT, KUBELET_ACCOUNT]) await create(serviceAccount(namespace, name));
  return {
    namespace,
    gateway: started.connection,
    signs: true,
    node: {
      name: NODE,
      address: '127.0.0.1',
      port: kubelet.port,
      serverName: NODE,
      certificateAuthority: nodes.certificate,
    },
    create,
    remove: ({ kind, metadata }) => {
      const collection = COLLECTIONS[kind];
      if (collection === undefined) throw new TypeError(`the double removes no ${kind}`);
      started.resources.remove(collection, metadata.name, metadata.namespace);
      return Promise.resolve();
    },
    close: async () => {
      await kubelet.close();
      await started.close();
    },
  };
}

function authenticate(
  tokens: ReadonlyMap<string, IssuedToken>,
  { token, audiences }: SentTokenReview,
): object {
  const issued = tokens.get(token);
  if (issued === undefined) return { authenticated: false, error: 'invalid bearer token' };
  const asked = audiences.length === 0 ? [OWN_AUDIENCE] : audiences;
  const shared = issued.audiences.filter((audience) => asked.includes(audience));
  if (shared.length === 0) return { authenticated: false, error: 'token audiences are not the asked ones' };
  const { name, groups } = issued.user;
  return { authenticated: true, user: { username: name, uid: 'u-1', groups }, audiences: shared };
}

/** The objects as they were put, which are manifests, in the shape that the authorizer reads. */
function toRbac(api: ApiServer | undefined): RbacObjects {
  const list = (resource: ResourceName): readonly Manifest[] => api?.resources.list(resource) ?? [];
  const toRules = ({ rules = [] }: Manifest) =>
    rules.map(({ verbs = [], apiGroups = [], resources = [], resourceNames = [] }) => ({
      verbs,
      apiGroups,
      resources,
      resourceNames,
    }));
  const nameOf = ({ metadata: { name } }: Manifest): string => name;
  const namespaceOf = ({ metadata: { namespace = '' } }: Manifest): string => namespace;
  const toBinding = (manifest: Manifest) => ({
    name: nameOf(manifest),
    roleRef: manifest.roleRef ?? { kind: 'Role' as const, name: '' },
    subjects: manifest.subjects ?? [],
  });
  return {
    clusterRoles: list('clusterroles').map((each) => ({ name: nameOf(each), rules: toRules(each) })),
    roles: list('roles').map((each) => ({
      namespace: namespaceOf(each),
      name: nameOf(each),
      rules: toRules(each),
    })),
    clusterRoleBindings: list('clusterrolebindings').map(toBinding),
    roleBindings: list('rolebindings').map((each) => ({ namespace: namespaceOf(each), ...toBinding(each) })),
  };
}

interface Manifest {
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly rules?: readonly Partial<RbacObjects['clusterRoles'][number]['rules'][number]>[];
  readonly roleRef?: RbacObjects['clusterRoleBindings'][number]['roleRef'];
  readonly subjects?: RbacObjects['clusterRoleBindings'][number]['subjects'];
}
