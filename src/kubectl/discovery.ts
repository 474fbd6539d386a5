// The discovery documents: what kubectl asks before it does anything, with a node in the server URL and without. They name
// only what is offered. Shapes: aggregated discovery (k8s.io/api apidiscovery/v2), its plain fallback (apimachinery
// pkg/apis/meta/v1: APIGroupList, APIGroup, APIResourceList), apimachinery pkg/version.

import type { Form } from './accept.ts';
import { negotiate, PLAIN } from './accept.ts';

export interface Document {
  readonly contentType: string;
  readonly body: string;
}

const AGGREGATED: Form = { as: 'APIGroupDiscoveryList', group: 'apidiscovery.k8s.io', version: 'v2' };
const AGGREGATED_TYPE = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

interface Subresource {
  readonly name: string;
  readonly kind: string;
  readonly verbs: readonly string[];
}

interface Resource extends Subresource {
  readonly singularName?: string;
  readonly namespaced: boolean;
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  readonly subresources?: readonly Subresource[];
}

const STREAMED = ['create', 'get'];
const READ = ['get', 'list'];
const WATCHED = ['get', 'list', 'watch'];
const CREATED = ['create'];

interface Group {
  readonly version: string;
  readonly resources: readonly Resource[];
}

/** By name; the core group has none. */
const CORE: Group = {
  version: 'v1',
  resources: [
    {
      name: 'nodes',
      singularName: 'node',
      namespaced: false,
      kind: 'Node',
      verbs: WATCHED,
      shortNames: ['no'],
      // Named for `auth can-i`: what rights on nodes are written with.
      subresources: [{ name: 'proxy', kind: 'NodeProxyOptions', verbs: STREAMED }],
    },
    {
      name: 'pods',
      singularName: 'pod',
      namespaced: true,
      kind: 'Pod',
      verbs: WATCHED,
      shortNames: ['po'],
      categories: ['all'],
      subresources: [
        { name: 'attach', kind: 'PodAttachOptions', verbs: STREAMED },
        { name: 'exec', kind: 'PodExecOptions', verbs: STREAMED },
        { name: 'log', kind: 'Pod', verbs: ['get'] },
        { name: 'portforward', kind: 'PodPortForwardOptions', verbs: STREAMED },
      ],
    },
  ],
};

const GROUPS: ReadonlyMap<string, Group> = new Map([
  [
    'authorization.k8s.io',
    {
      version: 'v1',
      resources: [
        {
          name: 'selfsubjectaccessreviews',
          namespaced: false,
          kind: 'SelfSubjectAccessReview',
          verbs: CREATED,
        },
        {
          name: 'selfsubjectrulesreviews',
          namespaced: false,
          kind: 'SelfSubjectRulesReview',
          verbs: CREATED,
        },
      ],
    },
  ],
  [
    'authentication.k8s.io',
    {
      version: 'v1',
      resources: [
        { name: 'selfsubjectreviews', namespaced: false, kind: 'SelfSubjectReview', verbs: CREATED },
      ],
    },
  ],
  [
    'metrics.k8s.io',
    {
      version: 'v1beta1',
      resources: [
        { name: 'nodes', namespaced: false, kind: 'NodeMetrics', verbs: READ },
        { name: 'pods', namespaced: true, kind: 'PodMetrics', verbs: READ },
      ],
    },
  ],
]);

/** What a path is answered with: `aggregated` to those who ask for that form, where there is one. */
interface Documents {
  readonly plain: object;
  readonly aggregated?: object;
}

const DOCUMENTS: ReadonlyMap<string, Documents> = new Map<string, Documents>([
  [
    '/api',
    {
      plain: { kind: 'APIVersions', versions: [CORE.version], serverAddressByClientCIDRs: [] },
      aggregated: toAggregated([['', CORE]]),
    },
  ],
  [`/api/${CORE.version}`, { plain: toList(CORE.version, CORE) }],
  [
    '/apis',
    {
      plain: {
        kind: 'APIGroupList',
        apiVersion: 'v1',
        groups: [...GROUPS].map(([name, group]) => toGroup(name, group)),
      },
      aggregated: toAggregated([...GROUPS]),
    },
  ],
  ...[...GROUPS].flatMap(([name, group]): readonly [string, Documents][] => [
    [`/apis/${name}`, { plain: { kind: 'APIGroup', apiVersion: 'v1', ...toGroup(name, group) } }],
    [`/apis/${name}/${group.version}`, { plain: toList(`${name}/${group.version}`, group) }],
  ]),
]);

const VERSION_PATH = '/version';

/** All of them, without a slash at the end. */
export const DISCOVERY_PATHS: readonly string[] = [VERSION_PATH, ...DOCUMENTS.keys()];

/**
 * `path`: one of `DISCOVERY_PATHS`. `accept`: the lines of the Accept header. Throws NotAcceptable. `gitVersion` is what
 * `/version` says.
 */
export function toDiscovery(path: string, accept: readonly string[], gitVersion: string): Document {
  const documents = path === VERSION_PATH ? { plain: toVersion(gitVersion) } : DOCUMENTS.get(path);
  if (documents === undefined) throw new Error(`there is no discovery at ${path}`);
  const { plain, aggregated } = documents;
  return negotiate(accept, [PLAIN, AGGREGATED]) === AGGREGATED && aggregated !== undefined
    ? { contentType: AGGREGATED_TYPE, body: JSON.stringify(aggregated) }
    : { contentType: 'application/json', body: JSON.stringify(plain) };
}

function toGroup(name: string, { version }: Group): object {
  const one = { groupVersion: `${name}/${version}`, version };
  return { name, versions: [one], preferredVersion: one };
}

function toList(groupVersion: string, { resources }: Group): object {
  const toRow = ({ name, singularName = '', namespaced, kind, verbs, ...more }: Resource): object => ({
    name,
    singularName,
    namespaced,
    kind,
    verbs,
    ...more,
  });
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion,
    resources: resources.flatMap(({ subresources = [], ...resource }) => [
      toRow(resource),
      ...subresources.map(({ name, kind, verbs }) =>
        toRow({ name: `${resource.name}/${name}`, namespaced: resource.namespaced, kind, verbs }),
      ),
    ]),
  };
}

function toAggregated(groups: readonly (readonly [name: string, group: Group])[]): object {
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: 'apidiscovery.k8s.io/v2',
    metadata: {},
    items: groups.map(([name, { version, resources }]) => {
      const toKind = (kind: string): object => ({ group: name, version, kind });
      return {
        metadata: name === '' ? {} : { name },
        versions: [
          {
            version,
            freshness: 'Current',
            resources: resources.map((resource) => ({
              resource: resource.name,
              responseKind: toKind(resource.kind),
              scope: resource.namespaced ? 'Namespaced' : 'Cluster',
              singularResource: resource.singularName ?? '',
              verbs: resource.verbs,
              ...(resource.shortNames === undefined ? {} : { shortNames: resource.shortNames }),
              ...(resource.categories === undefined ? {} : { categories: resource.categories }),
              ...(resource.subresources === undefined
                ? {}
                : {
                    subresources: resource.subresources.map((one) => ({
                      subresource: one.name,
                      responseKind: toKind(one.kind),
                      verbs: one.verbs,
                    })),
                  }),
            })),
          },
        ],
      };
    }),
  };
}

/** Whose API it is that is spoken here: clients judge by it which of their own versions fits. */
const KUBERNETES_VERSION = 'v1.36.0';

/** The gateway's version as distributions of Kubernetes write theirs (`v1.36.2+k3s1`). */
export const toGitVersion = (version: string): string => `${KUBERNETES_VERSION}+kubelet-gateway.${version}`;

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
