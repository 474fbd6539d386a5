// `kubectl auth can-i --list` (authorization.k8s.io/v1 SelfSubjectRulesReview). An authorizer answers questions and lists
// no rules: it is asked about everything that this gateway serves, on no name, and the answer says that it is only that.

import type { Attributes } from '../core/attributes.ts';
import type { Authorizer } from '../core/decision.ts';
import type { Identified } from '../core/exchange.ts';
import type { NodeName } from '../core/names.ts';
import type { ToRequirement } from './reviews.ts';
import { Fault } from '../core/fault.ts';
import { isNamespace } from '../core/names.ts';
import { readRulesReview } from '../kubectl/review-body.ts';
import { decide, readBody } from './reviews.ts';

interface Asked {
  readonly apiGroup: '' | 'metrics.k8s.io';
  readonly resource: 'nodes' | 'pods';
  readonly subresource: string;
  readonly verbs: readonly string[];
}

const of = (resource: Asked['resource'], subresource: string, ...verbs: readonly string[]): Asked => ({
  apiGroup: '',
  resource,
  subresource,
  verbs,
});

const SERVED: readonly Asked[] = [
  of('pods', '', 'get', 'list', 'watch'),
  of('pods', 'log', 'get'),
  of('pods', 'exec', 'create'),
  of('pods', 'attach', 'create'),
  of('pods', 'portforward', 'create'),
  of('nodes', '', 'get'),
  of('nodes', 'proxy', 'get', 'create'),
  of('nodes', 'metrics', 'get'),
  of('nodes', 'stats', 'get'),
  of('nodes', 'log', 'get'),
  of('nodes', 'pods', 'get'),
  of('nodes', 'healthz', 'get'),
  of('nodes', 'configz', 'get'),
  of('nodes', 'checkpoint', 'create'),
  { ...of('nodes', '', 'get', 'list'), apiGroup: 'metrics.k8s.io' },
  { ...of('pods', '', 'get', 'list'), apiGroup: 'metrics.k8s.io' },
];

/** Rejects with a Fault: BadRequest, RequestEntityTooLarge, and the authorizer's own. */
export async function reviewRules(
  authorizer: Authorizer,
  toRequirement: ToRequirement,
  asked: Identified,
  within: NodeName | '',
): Promise<object> {
  const namespace = readRulesReview(await readBody(asked));
  if (!isNamespace(namespace)) throw new Fault('BadRequest', 'the review must name a namespace');
  const resourceRules: object[] = [];
  for (const { apiGroup, resource, subresource, verbs } of SERVED) {
    const allowed: string[] = [];
    for (const verb of verbs) {
      const where = resource === 'pods' ? namespace : '';
      const version = apiGroup === '' ? 'v1' : 'v1beta1';
      const question: Attributes = {
        verb,
        apiGroup,
        version,
        resource,
        subresource,
        namespace: where,
        name: '',
      };
      const { kind } = await decide(authorizer, toRequirement, asked, question, within);
      if (kind === 'allow') allowed.push(verb);
    }
    const name = subresource === '' ? resource : `${resource}/${subresource}`;
    if (allowed.length > 0) resourceRules.push({ verbs: allowed, apiGroups: [apiGroup], resources: [name] });
  }
  return {
    kind: 'SelfSubjectRulesReview',
    apiVersion: 'authorization.k8s.io/v1',
    metadata: { creationTimestamp: null },
    spec: { namespace },
    status: {
      resourceRules,
      nonResourceRules: [],
      incomplete: true,
      evaluationError:
        within === ''
          ? 'only what this gateway serves, and only rights on all names'
          : `only what this gateway serves of ${within}, and only rights on all names`,
    },
  };
}
