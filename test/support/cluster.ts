// A cluster as the tests of the gateway use one: objects are created and deleted by requests to its API server, and by
// nothing else, so that the same scenarios can run against a real one. `startCluster` is the tests' own API server, whose
// decisions follow the RBAC objects that it holds.

import { request } from 'node:https';
import type { ResourceName, Resources, KubeObject } from './api-resources.ts';
import type { ApiServer } from './api-server.ts';
import { startApiServer } from './api-server.ts';
import type { KubeConnection } from '../../src/core/kube-connection.ts';
import type { ReviewSpec, ReviewStatus } from '../../src/kube/subject-access-review.ts';

export interface Cluster {
  /** A kubeconfig file that the gateway may use. */
  readonly kubeconfig: string;
  create(resource: ResourceName, object: KubeObject): Promise<void>;
  replace(resource: ResourceName, object: KubeObject): Promise<void>;
  remove(resource: ResourceName, name: string, namespace?: string): Promise<void>;
}

const GROUPS: Readonly<Record<ResourceName, string>> = {
  nodes: '/api/v1',
  pods: '/api/v1',
  clusterroles: '/apis/rbac.authorization.k8s.io/v1',
  clusterrolebindings: '/apis/rbac.authorization.k8s.io/v1',
  roles: '/apis/rbac.authorization.k8s.io/v1',
  rolebindings: '/apis/rbac.authorization.k8s.io/v1',
};

const KINDS: Readonly<Record<ResourceName, string>> = {
  nodes: 'Node',
  pods: 'Pod',
  clusterroles: 'ClusterRole',
  clusterrolebindings: 'ClusterRoleBinding',
  roles: 'Role',
  rolebindings: 'RoleBinding',
};

/** A cluster behind this connection, whose credential may write RBAC objects. */
export function connectCluster(connection: KubeConnection, kubeconfig: string): Cluster {
  const send = async (
    method: string,
    resource: ResourceName,
    name: string,
    object: KubeObject | undefined,
    namespace?: string,
  ) => {
    const within = namespace === undefined ? '' : `/namespaces/${namespace}`;
    const path = `${GROUPS[resource]}${within}/${resource}${name === '' ? '' : `/${name}`}`;
    const apiVersion = GROUPS[resource].replace(/^\/apis?\//, '');
    const body = object && JSON.stringify({ apiVersion, kind: KINDS[resource], ...object });
    const code = await call(connection, method, path, body);
    if (code >= 300) throw new Error(`${method} ${path} was answered ${code}`);
  };
  return {
    kubeconfig,
    create: (resource, object) => send('POST', resource, '', object, object.metadata.namespace),
    replace: (resource, object) =>
      send('PUT', resource, object.metadata.name, object, object.metadata.namespace),
    remove: (resource, name, namespace) => send('DELETE', resource, name, undefined, namespace),
  };
}

/** The tests' own API server. */
export async function startCluster(): Promise<Cluster & { readonly api: ApiServer }> {
  const api: ApiServer = await startApiServer({ decide: (spec) => decideByRbac(api.resources, spec) });
  return { ...connectCluster(api.connection, api.kubeconfig), api };
}

const call = (
  { server, certificateAuthority, credential }: KubeConnection,
  method: string,
  path: string,
  body: string | undefined,
): Promise<number> =>
  new Promise((resolve, reject) => {
    const outgoing = request(
      `${server}${path}`,
      {
        method,
        agent: false,
        ...(certificateAuthority === undefined ? {} : { ca: certificateAuthority }),
        ...(credential.kind === 'certificate'
          ? { cert: credential.certificate, key: credential.key.reveal() }
          : {}),
        headers: {
          'content-type': 'application/json',
          ...(credential.kind === 'token' ? { authorization: `Bearer ${credential.token.reveal()}` } : {}),
        },
      },
      (response) => {
        response.resume();
        response.on('end', () => resolve(response.statusCode ?? 0));
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });

interface Rule {
  readonly verbs: readonly string[];
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
}

interface Binding {
  readonly metadata: { readonly namespace?: string };
  readonly roleRef: { readonly kind: string; readonly name: string };
  readonly subjects?: readonly {
    readonly kind: string;
    readonly name: string;
    readonly namespace?: string;
  }[];
}

/** What the objects allow, by the rules of pkg/apis/rbac/v1/evaluation_helpers.go; written apart from the gateway's own. */
export function decideByRbac(resources: Resources, spec: ReviewSpec): ReviewStatus {
  if (!('resourceAttributes' in spec)) return { allowed: false };
  const { verb, group, resource, subresource, name, namespace } = spec.resourceAttributes;
  const wanted = subresource === '' ? resource : `${resource}/${subresource}`;
  const has = (list: readonly string[] | undefined, ...values: readonly string[]): boolean =>
    list !== undefined && ['*', ...values].some((value) => list.includes(value));
  const allows = (rule: Rule): boolean =>
    has(rule.verbs, verb) &&
    has(rule.apiGroups, group) &&
    has(rule.resources, wanted, ...(subresource === '' ? [] : [`*/${subresource}`])) &&
    (rule.resourceNames === undefined ||
      rule.resourceNames.length === 0 ||
      rule.resourceNames.includes(name));
  const isSubject = ({ subjects = [], metadata }: Binding): boolean =>
    subjects.some((subject) => {
      if (subject.kind === 'Group') return spec.groups.includes(subject.name);
      if (subject.kind === 'User') return spec.user === subject.name;
      const own = subject.namespace ?? metadata.namespace ?? '';
      return spec.user === `system:serviceaccount:${own}:${subject.name}`;
    });
  const rulesOf = ({ roleRef, metadata }: Binding): readonly Rule[] => {
    const isCluster = roleRef.kind === 'ClusterRole';
    const role = resources
      .list(isCluster ? 'clusterroles' : 'roles')
      .find(
        (one) =>
          one.metadata.name === roleRef.name && (isCluster || one.metadata.namespace === metadata.namespace),
      );
    return (role?.['rules'] ?? []) as readonly Rule[];
  };
  const bindings = [
    ...resources.list('clusterrolebindings'),
    ...resources
      .list('rolebindings')
      .filter((one) => one.metadata.namespace === namespace && namespace !== ''),
  ] as unknown as readonly Binding[];
  const allowed = bindings.some((binding) => isSubject(binding) && rulesOf(binding).some(allows));
  return { allowed, reason: allowed ? 'RBAC: allowed' : '' };
}
