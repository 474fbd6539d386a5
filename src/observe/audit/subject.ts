// What an audit event is about: the authorized verb and the object, taken from the evidence of an exchange. Policy
// rules look at the same words that the event shows, and they do not change between the stages of one exchange.

import type { Evidence } from '../../core/observation.ts';
import type { OwnResolved, Resolved } from '../../core/exchange.ts';
import { isPath } from '../../core/attributes.ts';
import type { AuditQuestion } from './policy.ts';

export type AuditSubject = Pick<AuditQuestion, 'verb' | 'subject'>;

/** An exchange that never reached an action is about its path, with the HTTP method as the verb, as in Kubernetes. */
export function toSubject(evidence: Evidence): AuditSubject {
  if ('operation' in evidence) return toOwn(evidence);
  if ('sought' in evidence) return toResource({ ...evidence, action: evidence.sought, node: '' });
  if ('requirement' in evidence) return toResource(evidence);
  const query = evidence.target.search(/[?#]/);
  return {
    verb: evidence.method.toLowerCase(),
    subject: { kind: 'nonResource', path: query < 0 ? evidence.target : evidence.target.slice(0, query) },
  };
}

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
      const { namespace = '', name = '' } = action.view;
      // As an API server would write it; which right allowed it is the annotation `authorized-by`.
      return { verb: name === '' ? 'list' : 'get', subject: toPods(namespace, name, '') };
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
