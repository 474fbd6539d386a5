// What an operation of the gateway's own requires: the ordinary verb of Kubernetes on a virtual resource.
//
//   listSessions     list   sessions           listRecordings    list   recordings      readAudit     get    audits
//   getSession       get    sessions {id}      getRecording      get    recordings {id} flushCache    delete caches {name}
//   followSession    watch  sessions {id}      readRecording     get    recordings {id} readMetrics   get    /metrics
//   endSession       delete sessions {id}      deleteRecording   delete recordings {id}

import type { AnyAttributes, Attributes, Requirement } from '../core/attributes.ts';
import type { Operation } from '../core/operation.ts';
import { OWN_API_GROUP, OWN_API_VERSION } from '../core/operation.ts';

export function toOwnRequirement(operation: Operation): Requirement<AnyAttributes> {
  switch (operation.kind) {
    case 'listSessions':
      return [own('list', 'sessions', '')];
    case 'getSession':
      return [own('get', 'sessions', operation.id)];
    case 'followSession':
      return [own('watch', 'sessions', operation.id)];
    case 'endSession':
      return [own('delete', 'sessions', operation.id)];
    case 'listRecordings':
      return [own('list', 'recordings', '')];
    case 'getRecording':
    case 'readRecording':
      return [own('get', 'recordings', operation.id)];
    case 'deleteRecording':
      return [own('delete', 'recordings', operation.id)];
    case 'readAudit':
      return [own('get', 'audits', '')];
    case 'flushCache':
      return [own('delete', 'caches', operation.cache)];
    case 'readMetrics':
      return [{ verb: 'get', path: '/metrics' }];
  }
}

const own = (verb: string, resource: string, name: string): Attributes => ({
  verb,
  apiGroup: OWN_API_GROUP,
  version: OWN_API_VERSION,
  resource,
  subresource: '',
  namespace: '',
  name,
});
