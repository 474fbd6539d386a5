// What an audit event is about: the authorized verb and the object, taken from the evidence of an exchange. Policy
// rules look at the same words that the event shows, and they do not change between the stages of one exchange.

import type { Evidence } from '../../core/observation.ts';
import type { WatchOptions } from '../../core/action.ts';
import type { OwnResolved, Resolved } from '../../core/exchange.ts';
import type { FleetQuery } from '../../core/fleet.ts';
import { isPath } from '../../core/attributes.ts';
import type { AuditQuestion } from './policy.ts';

export type AuditSubject = Pick<AuditQuestion, 'verb' | 'subject'>;

/** An exchange that never reached an action is about its path, with the HTTP method as the verb, as in Kubernetes. */
export function toSubject(evidence: Evidence): AuditSubject {
  if ('operation' in evidence) return toOwn(evidence);
  if ('sought' in evidence) return toResource({ ...evidence, action: evidence.sought, node: '' });
  if ('requirement' in evidence) return toResource(evidence);
  const asked =
    'answer' in evidence && evidence.answer.kind === 'fleet' ? toAsked(evidence.answer.query) : undefined;
  if (asked !== undefined) return asked;
  const query = evidence.target.search(/[?#]/);
  return {
    verb: evidence.method.toLowerCase(),
    subject: { kind: 'nonResource', path: query < 0 ? evidence.target : evidence.target.slice(0, query) },
  };
}

/** What is asked about the fleet, in an API server's words. Reviews of one's own rights are about their path. */
function toAsked(query: FleetQuery): AuditSubject | undefined {
  switch (query.kind) {
    case 'pods': {
      const { namespace = '', watch } = query.view;
      return { verb: toVerb('', watch), subject: toPods(namespace, '', '') };
    }
    case 'nodes': {
      const { name = '', watch } = query;
      return { verb: toVerb(name, watch), subject: toObjects('nodes', name) };
    }
    case 'nodeMetrics':
    case 'podMetrics': {
      const { name = '' } = query;
      const namespace = query.kind === 'podMetrics' ? (query.namespace ?? '') : '';
      const resource = query.kind === 'podMetrics' ? 'pods' : 'nodes';
      const apiGroup = 'metrics.k8s.io';
      return {
        verb: toVerb(name, undefined),
        subject: { ...toObjects(resource, name), apiGroup, version: 'v1beta1', namespace },
      };
    }
    case 'accessReview':
    case 'rulesReview':
    case 'selfReview':
      return undefined;
  }
}

const toVerb = (name: string, watch: WatchOptions | undefined): string =>
  name !== '' ? 'get' : watch === undefined ? 'list' : 'watch';

const toObjects = (resource: string, name: string) =>
  ({ kind: 'resource', resource, subresource: '', namespace: '', name }) as const;

/** What is asked for is what is done: the first alternative says both. */
function toOwn({ requirement: [first] }: OwnResolved): AuditSubject {
  const { verb } = first;
  if (isPath(first)) return { verb, subject: { kind: 'nonResource', path: first.path } };
  const { apiGroup, version, resource, subresource, namespace, name } = first;
  return {
    verb,
    subject: { kind: 'resource', apiGroup, version, resource, subresource, namespace, name },
  };
}

/** The subresource under which Kubernetes knows what is done to a pod; `run` has none there and keeps its own name. */
const POD_SUBRESOURCES = {
  exec: 'exec',
  attach: 'attach',
  portForward: 'portforward',
  containerLogs: 'log',
  run: 'run',
} as const;

function toResource(
  evidence: Pick<Resolved, 'action' | 'requirement'> & { readonly node: string },
): AuditSubject {
  const { action, requirement, node } = evidence;
  const verb = requirement[0].verb;
  switch (action.kind) {
    case 'exec':
    case 'attach':
    case 'portForward':
    case 'containerLogs':
    case 'run': {
      const { namespace, name } = action.pod;
      return { verb, subject: toPods(namespace, name, POD_SUBRESOURCES[action.kind]) };
    }
    case 'pods': {
      if (action.view === undefined) break;
      const { namespace = '', name = '', watch } = action.view;
      // As an API server would write it; which right allowed it is the annotation `authorized-by`.
      return { verb: toVerb(name, watch), subject: toPods(namespace, name, '') };
    }
    case 'healthz':
    case 'metrics':
    case 'stats':
    case 'spec':
    case 'runningPods':
    case 'configz':
    case 'flagz':
    case 'statusz':
    case 'nodeLogs':
    case 'checkpoint':
    case 'pprof':
      break;
  }
  const { resource, subresource } = requirement[0];
  return { verb, subject: { kind: 'resource', resource, subresource, namespace: '', name: node } };
}

const toPods = (namespace: string, name: string, subresource: string): AuditSubject['subject'] => ({
  kind: 'resource',
  resource: 'pods',
  subresource,
  namespace,
  name,
});
