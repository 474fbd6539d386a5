// Evaluates Kubernetes' audit Policy with the semantics of k8s.io/apiserver pkg/audit/policy/checker.go: the first
// rule that matches decides, and where none matches nothing is recorded.

import type { AuditLevel, AuditPolicy, AuditPolicyRule, AuditStage } from '../../core/audit-policy.ts';
import type { User } from '../../core/user.ts';

/** What rules look at: the words of the event itself. */
export interface AuditQuestion {
  /** Undefined when nobody has been identified; a rule that names users or groups does not match then. */
  readonly user: User | undefined;
  readonly verb: string;
  readonly subject:
    | {
        readonly kind: 'resource';
        /** Absent: the core group's v1. */
        readonly apiGroup?: string;
        readonly version?: string;
        readonly resource: string;
        readonly subresource: string;
        /** Empty: cluster-scoped. */
        readonly namespace: string;
        readonly name: string;
      }
    /** `path` without its query. */
    | { readonly kind: 'nonResource'; readonly path: string };
}

type ResourceSubject = Extract<AuditQuestion['subject'], { kind: 'resource' }>;

export interface AuditVerdict {
  readonly level: AuditLevel;
  readonly omitStages: ReadonlySet<AuditStage>;
}

export type AuditEvaluator = (question: AuditQuestion) => AuditVerdict;

/** Absent policy: everything at Metadata. */
export function createEvaluator(policy: AuditPolicy | undefined): AuditEvaluator {
  if (policy === undefined) {
    const everything: AuditVerdict = { level: 'Metadata', omitStages: new Set() };
    return () => everything;
  }
  const rules = policy.rules.map((rule) => ({
    rule,
    verdict: {
      level: rule.level,
      omitStages: new Set([...policy.omitStages, ...(rule.omitStages ?? [])]),
    } satisfies AuditVerdict,
  }));
  const nothing: AuditVerdict = { level: 'None', omitStages: new Set(policy.omitStages) };
  return (question) => rules.find(({ rule }) => matches(rule, question))?.verdict ?? nothing;
}

const isGiven = <T>(list: readonly T[] | undefined): list is readonly [T, ...T[]] =>
  list !== undefined && list.length > 0;

function matches(rule: AuditPolicyRule, { user, verb, subject }: AuditQuestion): boolean {
  if (isGiven(rule.users) && (user === undefined || !rule.users.includes(user.name))) return false;
  if (isGiven(rule.userGroups) && !rule.userGroups.some((group) => user?.groups.includes(group)))
    return false;
  if (isGiven(rule.verbs) && !rule.verbs.includes(verb)) return false;
  if (isGiven(rule.namespaces) || isGiven(rule.resources)) {
    return subject.kind === 'resource' && matchesResource(rule, subject);
  }
  if (isGiven(rule.nonResourceURLs)) {
    return subject.kind === 'nonResource' && rule.nonResourceURLs.some((spec) => isPath(subject.path, spec));
  }
  return true;
}

function matchesResource(rule: AuditPolicyRule, subject: ResourceSubject): boolean {
  if (isGiven(rule.namespaces) && !rule.namespaces.includes(subject.namespace)) return false;
  if (!isGiven(rule.resources)) return true;
  return rule.resources.some(({ group = '', resources, resourceNames }) => {
    if (group !== (subject.apiGroup ?? '') && group !== '*') return false;
    if (!isGiven(resources)) return true;
    if (isGiven(resourceNames) && !resourceNames.includes(subject.name)) return false;
    return resources.some((form) => isResource(subject, form));
  });
}

/** `pods` (not what is below it), `pods/log`, `pods/*` (with pods itself, as the checker has it), any resource's `log`, `*`. */
function isResource({ resource, subresource }: ResourceSubject, form: string): boolean {
  if (form === '*' || form === (subresource === '' ? resource : `${resource}/${subresource}`)) return true;
  if (subresource !== '' && form === `*/${subresource}`) return true;
  return form === `${resource}/*`;
}

const isPath = (path: string, spec: string): boolean =>
  spec === path || (spec.endsWith('*') && path.startsWith(spec.replace(/\*+$/, '')));
