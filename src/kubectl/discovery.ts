// The discovery documents under a node's own server URL: what kubectl asks before it does anything. They name only
// what is offered there: pods with log, exec, attach and portforward, nodes and metrics. Shapes: aggregated discovery
// (k8s.io/api apidiscovery/v2) and its plain fallback (apimachinery pkg/apis/meta/v1), apimachinery pkg/version.

import type { Form } from './accept.ts';
import { negotiate, PLAIN } from './accept.ts';

export type DiscoveryPath =
  '/version' | '/api' | '/apis' | '/api/v1' | '/apis/metrics.k8s.io' | '/apis/metrics.k8s.io/v1beta1';

export interface Document {
  readonly contentType: string;
  readonly body: string;
}

const AGGREGATED: Form = { as: 'APIGroupDiscoveryList', group: 'apidiscovery.k8s.io', version: 'v2' };
const AGGREGATED_TYPE = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

const SUBRESOURCES = [
  { name: 'attach', kind: 'PodAttachOptions', verbs: ['create', 'get'] },
  { name: 'exec', kind: 'PodExecOptions', verbs: ['create', 'get'] },
  { name: 'log', kind: 'Pod', verbs: ['get'] },
  { name: 'portforward', kind: 'PodPortForwardOptions', verbs: ['create', 'get'] },
] as const;

const READ = ['get', 'list'] as const;
const WATCHED = ['get', 'list', 'watch'] as const;

/** `accept`: the lines of the Accept header. Throws NotAcceptable. `gitVersion` is what `/version` says. */
export function toDiscovery(path: DiscoveryPath, accept: readonly string[], gitVersion: string): Document {
  switch (path) {
    case '/version':
      return plain(toVersion(gitVersion), accept);
    case '/api':
      return negotiate(accept, [PLAIN, AGGREGATED]) === AGGREGATED
        ? aggregated([CORE_GROUP])
        : plain({ kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] }, accept);
    case '/apis':
      return negotiate(accept, [PLAIN, AGGREGATED]) === AGGREGATED
        ? aggregated([METRICS_GROUP])
        : plain({ kind: 'APIGroupList', apiVersion: 'v1', groups: [METRICS] }, accept);
    case '/api/v1':
      return plain(RESOURCE_LIST, accept);
    case '/apis/metrics.k8s.io':
      return plain({ kind: 'APIGroup', apiVersion: 'v1', ...METRICS }, accept);
    case '/apis/metrics.k8s.io/v1beta1':
      return plain(METRICS_LIST, accept);
  }
}

function plain(document: object, accept: readonly string[]): Document {
  negotiate(accept, [PLAIN, AGGREGATED]);
  return { contentType: 'application/json', body: JSON.stringify(document) };
}

const aggregated = (items: readonly object[]): Document => ({
  contentType: AGGREGATED_TYPE,
  body: JSON.stringify({
    kind: 'APIGroupDiscoveryList',
    apiVersion: 'apidiscovery.k8s.io/v2',
    metadata: {},
    items,
  }),
});

const coreKind = (kind: string): object => ({ group: '', version: 'v1', kind });

const METRICS_VERSION = { groupVersion: 'metrics.k8s.io/v1beta1', version: 'v1beta1' } as const;

const METRICS = {
  name: 'metrics.k8s.io',
  versions: [METRICS_VERSION],
  preferredVersion: METRICS_VERSION,
} as const;

const MEASURED = [
  { name: 'nodes', singularName: '', namespaced: false, kind: 'NodeMetrics', verbs: READ },
  { name: 'pods', singularName: '', namespaced: true, kind: 'PodMetrics', verbs: READ },
] as const;

const METRICS_GROUP = {
  metadata: { name: METRICS.name },
  versions: [
    {
      version: METRICS_VERSION.version,
      freshness: 'Current',
      resources: MEASURED.map(({ name, namespaced, kind, verbs }) => ({
        resource: name,
        responseKind: { group: METRICS.name, version: METRICS_VERSION.version, kind },
        scope: namespaced ? 'Namespaced' : 'Cluster',
        singularResource: '',
        verbs,
      })),
    },
  ],
} as const;

const METRICS_LIST = {
  kind: 'APIResourceList',
  apiVersion: 'v1',
  groupVersion: METRICS_VERSION.groupVersion,
  resources: MEASURED,
} as const;

/** The core group has no name. */
const CORE_GROUP = {
  metadata: {},
  versions: [
    {
      version: 'v1',
      freshness: 'Current',
      resources: [
        {
          resource: 'nodes',
          responseKind: coreKind('Node'),
          scope: 'Cluster',
          singularResource: 'node',
          verbs: WATCHED,
          shortNames: ['no'],
        },
        {
          resource: 'pods',
          responseKind: coreKind('Pod'),
          scope: 'Namespaced',
          singularResource: 'pod',
          verbs: WATCHED,
          shortNames: ['po'],
          categories: ['all'],
          subresources: SUBRESOURCES.map(({ name, kind, verbs }) => ({
            subresource: name,
            responseKind: coreKind(kind),
            verbs,
          })),
        },
      ],
    },
  ],
} as const;

const RESOURCE_LIST = {
  kind: 'APIResourceList',
  apiVersion: 'v1',
  groupVersion: 'v1',
  resources: [
    {
      name: 'nodes',
      singularName: 'node',
      namespaced: false,
      kind: 'Node',
      verbs: WATCHED,
      shortNames: ['no'],
    },
    {
      name: 'pods',
      singularName: 'pod',
      namespaced: true,
      kind: 'Pod',
      verbs: WATCHED,
      shortNames: ['po'],
      categories: ['all'],
    },
    ...SUBRESOURCES.map(({ name, kind, verbs }) => ({
      name: `pods/${name}`,
      singularName: '',
      namespaced: true,
      kind,
      verbs,
    })),
  ],
} as const;

function toVersion(gitVersion: string): object {
  const [, major = '', minor = ''] = /^v?(\d+)\.(\d+)/.exec(gitVersion) ?? [];
  const unsaid = {
    gitCommit: '',
    gitTreeState: '',
    buildDate: '',
    goVersion: '',
    compiler: '',
    platform: '',
  };
  return { major, minor, gitVersion, ...unsaid };
}
