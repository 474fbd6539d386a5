// The file formats of Kubernetes' RBAC objects (rbac.authorization.k8s.io/v1) in manifests, with the validation rules
// of kube-apiserver (pkg/apis/rbac/validation).

import { z } from 'zod';
import { metadata, strings } from './kubernetes.ts';
import { refused, strict } from './strict.ts';

const GROUP = 'rbac.authorization.k8s.io';
const apiVersion = z.literal(`${GROUP}/v1`);

const rule = strict({
  verbs: strings.min(1, { error: 'must name at least one verb' }),
  apiGroups: strings.prefault([]),
  resources: strings.prefault([]),
  resourceNames: strings.prefault([]),
  nonResourceURLs: strings.exactOptional(),
}).superRefine((value, ctx) => {
  const say = (key: string, message: string): void => {
    ctx.addIssue({ code: 'custom', path: [key], message });
  };
  if (value.nonResourceURLs !== undefined && value.nonResourceURLs.length > 0) {
    const { apiGroups, resources, resourceNames } = value;
    if (apiGroups.length + resources.length + resourceNames.length > 0) {
      say('nonResourceURLs', 'a rule is about resources or about other URLs, not both');
    }
    return;
  }
  if (value.apiGroups.length === 0)
    say('apiGroups', 'must name at least one API group ("" is the core group)');
  if (value.resources.length === 0) say('resources', 'must name at least one resource');
});

const rules = z.array(rule).nullish();

const subject = z.discriminatedUnion('kind', [
  strict({ kind: z.literal('User'), name: z.string().min(1), apiGroup: z.literal(GROUP).exactOptional() }),
  strict({ kind: z.literal('Group'), name: z.string().min(1), apiGroup: z.literal(GROUP).exactOptional() }),
  strict({
    kind: z.literal('ServiceAccount'),
    name: z.string().min(1),
    namespace: z.string({
      error: (issue) => (issue.input === undefined ? 'is required for a ServiceAccount' : undefined),
    }),
    apiGroup: z.literal('').exactOptional(),
  }),
]);

const subjects = z.array(subject).nullish();

const roleRef = <Kind extends readonly ['ClusterRole', ...'Role'[]]>(kinds: Kind) =>
  strict({ apiGroup: z.literal(GROUP), kind: z.enum(kinds), name: z.string().min(1) });

const namespaced = metadata.extend({
  namespace: z.string({
    error: (issue) => (issue.input === undefined ? 'is required here: no namespace is assumed' : undefined),
  }),
});

export const clusterRole = strict({
  apiVersion,
  kind: z.literal('ClusterRole'),
  metadata,
  rules,
  aggregationRule: refused(
    'aggregation is not supported: nobody fills in the rules here; write the aggregated rules out',
  ),
});

export const role = strict({ apiVersion, kind: z.literal('Role'), metadata: namespaced, rules });

export const clusterRoleBinding = strict({
  apiVersion,
  kind: z.literal('ClusterRoleBinding'),
  metadata,
  roleRef: roleRef(['ClusterRole']),
  subjects,
});

export const roleBinding = strict({
  apiVersion,
  kind: z.literal('RoleBinding'),
  metadata: namespaced,
  roleRef: roleRef(['ClusterRole', 'Role']),
  subjects,
});

/** `kubectl get -o yaml` writes a List; its items are checked one by one. */
export const list = z.looseObject({ items: z.array(z.unknown()) });
