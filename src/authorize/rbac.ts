// Kubernetes' RBAC (pkg/apis/rbac/v1/evaluation_helpers.go, plugin/pkg/auth/authorizer/rbac) over a fixed set of
// objects, for gateways without an API server. It only ever allows or has no opinion: RBAC cannot deny. No group is
// all-powerful by name: `system:masters` needs a binding here, because Kubernetes grants it outside RBAC.

import type { AnyAttributes, Attributes } from '../core/attributes.ts';
import type { Authorizer, Decision } from '../core/decision.ts';
import type { PolicyRule, RbacObjects, RoleRef, Subject } from '../core/rbac.ts';
import type { User } from '../core/user.ts';
import { isPath, toResourceText } from '../core/attributes.ts';

/** One rule as one subject has it. */
interface BoundRule {
  readonly rule: PolicyRule;
  /** Undefined: bound by a ClusterRoleBinding, and so for all namespaces and the cluster scope. */
  readonly namespace: string | undefined;
  readonly decision: Decision;
}

type RulesBySubject = Map<string, BoundRule[]>;

const NO_MATCH: Decision = { kind: 'noOpinion', reason: 'RBAC: no rule matches' };

/** Rules are looked up by subject, so that the cost of a question is that of the asking user's own bindings. */
export function createRbacAuthorizer(objects: RbacObjects): Authorizer {
  const users: RulesBySubject = new Map();
  const groups: RulesBySubject = new Map();
  indexBindings(objects, users, groups);

  return (user: User, attributes: AnyAttributes): Decision => {
    const own = firstMatch(users.get(user.name), attributes);
    if (own !== undefined) return own;
    for (const group of user.groups) {
      const decision = firstMatch(groups.get(group), attributes);
      if (decision !== undefined) return decision;
    }
    return NO_MATCH;
  };
}

function firstMatch(
  rules: readonly BoundRule[] | undefined,
  attributes: AnyAttributes,
): Decision | undefined {
  if (rules === undefined) return undefined;
  for (const { rule, namespace, decision } of rules) {
    // A RoleBinding reaches into its own namespace only, and thus never to a cluster-scoped object or a path.
    if (namespace !== undefined && (isPath(attributes) || namespace !== attributes.namespace)) continue;
    if (ruleAllows(rule, attributes)) return decision;
  }
  return undefined;
}

/** Whether the rule covers the question, apart from the namespace that its binding reaches. */
export const ruleAllows = (rule: PolicyRule, attributes: AnyAttributes): boolean =>
  hasOrAll(rule.verbs, attributes.verb) &&
  (isPath(attributes)
    ? (rule.nonResourceURLs ?? []).some((url) => urlMatches(url, attributes.path))
    : coversResource(rule, attributes));

/** `/healthz`, `/logs/*` and `*` (NonResourceURLMatches). */
const urlMatches = (url: string, path: string): boolean =>
  url === path || (url.endsWith('*') && path.startsWith(url.replace(/\*+$/, '')));

const coversResource = (rule: PolicyRule, attributes: Attributes): boolean =>
  hasOrAll(rule.apiGroups, attributes.apiGroup) &&
  resourceMatches(rule.resources, attributes) &&
  nameMatches(rule.resourceNames, attributes.name);

const hasOrAll = (list: readonly string[], value: string): boolean =>
  list.includes(value) || list.includes('*');

// `*` is everything, `pods/exec` is itself, `*/exec` is exec of anything; `pods/*` is no wildcard in RBAC.
const resourceMatches = (resources: readonly string[], attributes: Attributes): boolean =>
  hasOrAll(resources, toResourceText(attributes)) ||
  (attributes.subresource !== '' && resources.includes(`*/${attributes.subresource}`));

/** A rule that names objects never covers a question about all of them, such as a list. */
const nameMatches = (names: readonly string[], name: string): boolean =>
  names.length === 0 || (name !== '' && names.includes(name));

/** A binding whose role does not exist binds nothing. */
function indexBindings(objects: RbacObjects, users: RulesBySubject, groups: RulesBySubject): void {
  const clusterRoles = new Map(objects.clusterRoles.map((role) => [role.name, role.rules]));
  const roles = new Map(objects.roles.map((role) => [toKey(role.namespace, role.name), role.rules]));
  for (const { name, roleRef, subjects } of objects.clusterRoleBindings) {
    // The cluster has no namespace in which a Role could be found.
    const rules = roleRef.kind === 'ClusterRole' ? clusterRoles.get(roleRef.name) : undefined;
    const binding = `ClusterRoleBinding ${JSON.stringify(name)}`;
    addBinding({ binding, roleRef, subjects, namespace: undefined, rules }, users, groups);
  }
  for (const { namespace, name, roleRef, subjects } of objects.roleBindings) {
    const rules =
      roleRef.kind === 'ClusterRole'
        ? clusterRoles.get(roleRef.name)
        : roles.get(toKey(namespace, roleRef.name));
    const binding = `RoleBinding ${JSON.stringify(`${name}/${namespace}`)}`;
    addBinding({ binding, roleRef, subjects, namespace, rules }, users, groups);
  }
}

const toKey = (namespace: string, name: string): string => JSON.stringify([namespace, name]);

interface Binding {
  readonly binding: string;
  readonly roleRef: RoleRef;
  readonly subjects: readonly Subject[];
  readonly namespace: string | undefined;
  readonly rules: readonly PolicyRule[] | undefined;
}

function addBinding(bound: Binding, users: RulesBySubject, groups: RulesBySubject): void {
  const { binding, roleRef, subjects, namespace, rules } = bound;
  if (rules === undefined) return;
  for (const subject of subjects) {
    const target = toTarget(subject, namespace, users, groups);
    if (target === undefined) continue;
    const reason =
      `RBAC: allowed by ${binding} of ${roleRef.kind} ${JSON.stringify(roleRef.name)} ` +
      `to ${subject.kind} ${JSON.stringify(target.shown)}`;
    const decision: Decision = { kind: 'allow', reason };
    const list = target.index.get(target.name) ?? [];
    list.push(...rules.map((rule) => ({ rule, namespace, decision })));
    target.index.set(target.name, list);
  }
}

interface Target {
  readonly index: RulesBySubject;
  readonly name: string;
  readonly shown: string;
}

/** Whose rules these become. A ServiceAccount is the user `system:serviceaccount:NAMESPACE:NAME`. */
function toTarget(
  subject: Subject,
  bindingNamespace: string | undefined,
  users: RulesBySubject,
  groups: RulesBySubject,
): Target | undefined {
  const { kind, name } = subject;
  switch (kind) {
    case 'User':
      return { index: users, name, shown: name };
    case 'Group':
      return { index: groups, name, shown: name };
    case 'ServiceAccount': {
      const namespace = subject.namespace ?? bindingNamespace ?? '';
      if (namespace === '') return undefined;
      return {
        index: users,
        name: `system:serviceaccount:${namespace}:${name}`,
        shown: `${name}/${namespace}`,
      };
    }
  }
}
