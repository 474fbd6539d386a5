// Roles and bindings (rbac.authorization.k8s.io/v1) as far as whoever waits for a change of them needs to know: which
// binding names whom, and which role it is about. What a role allows is for the API server to say.

import { toRecord } from './decode.ts';

export const RBAC_COLLECTIONS = {
  clusterRoles: '/apis/rbac.authorization.k8s.io/v1/clusterroles',
  roles: '/apis/rbac.authorization.k8s.io/v1/roles',
  clusterRoleBindings: '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings',
  roleBindings: '/apis/rbac.authorization.k8s.io/v1/rolebindings',
} as const;

/** A Role or ClusterRole. */
export interface RoleFacts {
  /** `NAMESPACE/NAME`; `/NAME` of a ClusterRole. */
  readonly key: string;
  readonly version: string;
}

/** A RoleBinding or ClusterRoleBinding. */
export interface BindingFacts extends RoleFacts {
  /** The key of its role. */
  readonly role: string;
  readonly users: readonly string[];
  readonly groups: readonly string[];
}

/** Throws a TypeError that says what is wrong with the object. */
export function readRole(object: unknown): RoleFacts {
  const { key, version } = readMetadata(object);
  return { key, version };
}

/** Throws a TypeError that says what is wrong with the object. */
export function readBinding(object: unknown): BindingFacts {
  const { key, version, namespace } = readMetadata(object);
  const binding = toRecord(object, 'the binding');
  const { kind, name } = toRecord(binding['roleRef'], 'roleRef');
  if (typeof name !== 'string') throw new TypeError('roleRef.name is not a string');
  if (kind !== 'Role' && kind !== 'ClusterRole') throw new TypeError('roleRef.kind is unknown');
  const users: string[] = [];
  const groups: string[] = [];
  // Go leaves out an empty list, or writes null for it.
  const subjects: unknown = binding['subjects'] ?? [];
  if (!Array.isArray(subjects)) throw new TypeError('subjects is not a list');
  for (const value of subjects) {
    const subject = toRecord(value, 'a subject');
    const who = subject['name'];
    if (typeof who !== 'string') throw new TypeError('the name of a subject is not a string');
    if (subject['kind'] === 'Group') groups.push(who);
    else if (subject['kind'] === 'User') users.push(who);
    else if (subject['kind'] === 'ServiceAccount') {
      const own: unknown = subject['namespace'] ?? namespace;
      users.push(`system:serviceaccount:${typeof own === 'string' ? own : namespace}:${who}`);
    }
  }
  return { key, version, role: `${kind === 'Role' ? namespace : ''}/${name}`, users, groups };
}

function readMetadata(object: unknown): RoleFacts & { readonly namespace: string } {
  const metadata = toRecord(toRecord(object, 'the object')['metadata'], 'metadata');
  const { name, resourceVersion: version } = metadata;
  const namespace = metadata['namespace'] ?? '';
  if (typeof name !== 'string' || name === '') throw new TypeError('metadata.name is not a string');
  if (typeof namespace !== 'string') throw new TypeError('metadata.namespace is not a string');
  if (typeof version !== 'string') throw new TypeError('metadata.resourceVersion is not a string');
  return { key: `${namespace}/${name}`, version, namespace };
}
