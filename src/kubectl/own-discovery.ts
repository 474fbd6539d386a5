// The discovery documents of the admin listener: the gateway's own API group, so that `kubectl get sessions` finds it.
// Shapes: apimachinery pkg/apis/meta/v1 (APIGroupList, APIResourceList); clients that would like the aggregated form
// (apidiscovery v2) take these.

import { OWN_API_GROUP, OWN_API_VERSION } from '../core/operation.ts';
import { negotiate, PLAIN } from './accept.ts';
import type { Document } from './discovery.ts';

const GROUP_VERSION = `${OWN_API_GROUP}/${OWN_API_VERSION}` as const;

export type OwnDiscoveryPath = '/version' | '/api' | '/apis' | `/apis/${typeof GROUP_VERSION}`;

const resource = (name: string, singularName: string, kind: string, verbs: readonly string[]): object => ({
  name,
  singularName,
  namespaced: false,
  kind,
  verbs,
});

const RESOURCES = [
  resource('sessions', 'session', 'Session', ['list', 'get', 'delete']),
  resource('recordings', 'recording', 'Recording', ['list', 'get', 'delete']),
  resource('caches', 'cache', 'Cache', ['delete']),
];

const VERSION = { groupVersion: GROUP_VERSION, version: OWN_API_VERSION };

/** `accept`: the lines of the Accept header. Throws NotAcceptable. */
export function toOwnDiscovery(
  path: OwnDiscoveryPath,
  accept: readonly string[],
  gitVersion: string,
): Document {
  negotiate(accept, [PLAIN]);
  return { contentType: 'application/json', body: JSON.stringify(toDocument(path, gitVersion)) };
}

function toDocument(path: OwnDiscoveryPath, gitVersion: string): object {
  switch (path) {
    case '/version': {
      const [, major = '', minor = ''] = /^v?(\d+)\.(\d+)/.exec(gitVersion) ?? [];
      return { major, minor, gitVersion };
    }
    case '/api':
      return { kind: 'APIVersions', versions: [], serverAddressByClientCIDRs: [] };
    case '/apis':
      return {
        kind: 'APIGroupList',
        apiVersion: 'v1',
        groups: [{ name: OWN_API_GROUP, versions: [VERSION], preferredVersion: VERSION }],
      };
    default:
      return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: GROUP_VERSION, resources: RESOURCES };
  }
}
