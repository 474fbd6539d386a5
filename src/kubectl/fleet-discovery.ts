// The discovery documents of the fleet's server URL: what kubectl asks before it does anything. They name only what is
// offered there. Shapes: apimachinery pkg/apis/meta/v1 (APIGroupList, APIResourceList); clients that would like the
// aggregated form (apidiscovery v2) take these.

import { negotiate, PLAIN } from './accept.ts';
import type { DiscoveryPath, Document } from './discovery.ts';
import { toDiscovery } from './discovery.ts';

const GROUPS = {
  'authorization.k8s.io': 'v1',
  'authentication.k8s.io': 'v1',
  'metrics.k8s.io': 'v1beta1',
} as const;

type Group = keyof typeof GROUPS;

export type FleetDiscoveryPath =
  | DiscoveryPath
  | `/apis/${Group}`
  | `/apis/auth${'orization' | 'entication'}.k8s.io/v1`
  | '/apis/metrics.k8s.io/v1beta1';

const resource = (
  name: string,
  kind: string,
  namespaced: boolean,
  verbs: readonly string[],
  more: object = {},
): object => ({ name, singularName: '', namespaced, kind, verbs, ...more });

const READ = ['get', 'list'];
const WATCHED = ['get', 'list', 'watch'];

const RESOURCES: Readonly<Record<'v1' | Group, readonly object[]>> = {
  v1: [
    resource('nodes', 'Node', false, WATCHED, { singularName: 'node', shortNames: ['no'] }),
    resource('pods', 'Pod', true, WATCHED, { singularName: 'pod', shortNames: ['po'], categories: ['all'] }),
    resource('pods/attach', 'PodAttachOptions', true, ['create', 'get']),
    resource('pods/exec', 'PodExecOptions', true, ['create', 'get']),
    resource('pods/log', 'Pod', true, ['get']),
    resource('pods/portforward', 'PodPortForwardOptions', true, ['create', 'get']),
    // Named for `auth can-i`: what rights on nodes are written with.
    resource('nodes/proxy', 'NodeProxyOptions', false, ['create', 'get']),
  ],
  'authorization.k8s.io': [
    resource('selfsubjectaccessreviews', 'SelfSubjectAccessReview', false, ['create']),
    resource('selfsubjectrulesreviews', 'SelfSubjectRulesReview', false, ['create']),
  ],
  'authentication.k8s.io': [resource('selfsubjectreviews', 'SelfSubjectReview', false, ['create'])],
  'metrics.k8s.io': [
    resource('nodes', 'NodeMetrics', false, READ),
    resource('pods', 'PodMetrics', true, READ),
  ],
};

/** `accept`: the lines of the Accept header. Throws NotAcceptable. `gitVersion` is what `/version` says. */
export function toFleetDiscovery(
  path: FleetDiscoveryPath,
  accept: readonly string[],
  gitVersion: string,
): Document {
  if (path === '/version') return toDiscovery(path, accept, gitVersion);
  negotiate(accept, [PLAIN]);
  return { contentType: 'application/json', body: JSON.stringify(toDocument(path)) };
}

function toDocument(path: Exclude<FleetDiscoveryPath, '/version'>): object {
  switch (path) {
    case '/api':
      return { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] };
    case '/apis':
      return {
        kind: 'APIGroupList',
        apiVersion: 'v1',
        groups: (['authorization.k8s.io', 'authentication.k8s.io', 'metrics.k8s.io'] as const).map(toGroup),
      };
    case '/api/v1':
      return toList('v1', RESOURCES.v1);
    case '/apis/authorization.k8s.io':
      return { kind: 'APIGroup', apiVersion: 'v1', ...toGroup('authorization.k8s.io') };
    case '/apis/authentication.k8s.io':
      return { kind: 'APIGroup', apiVersion: 'v1', ...toGroup('authentication.k8s.io') };
    case '/apis/metrics.k8s.io':
      return { kind: 'APIGroup', apiVersion: 'v1', ...toGroup('metrics.k8s.io') };
    case '/apis/metrics.k8s.io/v1beta1':
      return toList('metrics.k8s.io/v1beta1', RESOURCES['metrics.k8s.io']);
    case '/apis/authorization.k8s.io/v1':
      return toList('authorization.k8s.io/v1', RESOURCES['authorization.k8s.io']);
    case '/apis/authentication.k8s.io/v1':
      return toList('authentication.k8s.io/v1', RESOURCES['authentication.k8s.io']);
  }
}

const toList = (groupVersion: string, resources: readonly object[]): object => ({
  kind: 'APIResourceList',
  apiVersion: 'v1',
  groupVersion,
  resources,
});

function toGroup(name: Group): object {
  const version = { groupVersion: `${name}/${GROUPS[name]}`, version: GROUPS[name] };
  return { name, versions: [version], preferredVersion: version };
}
