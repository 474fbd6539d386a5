// The file format of Kubernetes' audit Policy (audit.k8s.io/v1), with the validation rules of kube-apiserver
// (apiserver/pkg/apis/audit/validation).

import { z } from 'zod';
import { AUDIT_LEVELS, AUDIT_STAGES } from '../../core/audit-policy.ts';
import { isNodeName as isSubdomain } from '../../core/names.ts';
import { ignoredMetadata, strings } from './kubernetes.ts';
import { strict } from './strict.ts';

const stages = z.array(z.enum(AUDIT_STAGES));

/** Accepted for compatibility: no bodies are recorded, and so no managed fields either. */
const omitManagedFields = z.boolean().exactOptional();

const resources = strict({
  group: z
    .string()
    .refine((group) => group === '' || group === '*' || isSubdomain(group), {
      error: 'must be an API group such as "apps", or "" for the core group; a version does not belong here',
    })
    .exactOptional(),
  resources: strings.exactOptional(),
  resourceNames: strings.exactOptional(),
}).superRefine((value, ctx) => {
  if ((value.resourceNames ?? []).length > 0 && (value.resources ?? []).length === 0) {
    ctx.addIssue({ code: 'custom', path: ['resourceNames'], message: 'needs resources beside it' });
  }
});

const nonResourceURL = z.string().superRefine((url, ctx) => {
  if (url === '*') return;
  if (!url.startsWith('/')) ctx.addIssue({ code: 'custom', message: 'must be "*" or begin with "/"' });
  else if (url.slice(0, -1).includes('*')) {
    ctx.addIssue({ code: 'custom', message: 'may hold "*" only as its last character' });
  }
});

const rule = strict({
  level: z.enum(AUDIT_LEVELS),
  users: strings.exactOptional(),
  userGroups: strings.exactOptional(),
  verbs: strings.exactOptional(),
  resources: z.array(resources).exactOptional(),
  namespaces: strings.exactOptional(),
  nonResourceURLs: z.array(nonResourceURL).exactOptional(),
  omitStages: stages.exactOptional(),
  omitManagedFields,
}).superRefine((value, ctx) => {
  const aboutResources = (value.resources ?? []).length > 0 || (value.namespaces ?? []).length > 0;
  if (aboutResources && (value.nonResourceURLs ?? []).length > 0) {
    const message = 'a rule is about resources or about other URLs, not both';
    ctx.addIssue({ code: 'custom', path: ['nonResourceURLs'], message });
  }
});

export const auditPolicyFile = strict({
  apiVersion: z.literal('audit.k8s.io/v1'),
  kind: z.literal('Policy'),
  metadata: ignoredMetadata,
  rules: z.array(rule).min(1, { error: 'must have at least one rule' }),
  omitStages: stages.prefault([]),
  omitManagedFields,
});
