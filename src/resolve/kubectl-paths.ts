// The API-server-shaped paths under a node's own server URL, as kubectl asks for them (pkg/registry/core/pod/rest,
// apiserver pkg/endpoints): discovery, pods, the four subresources of a pod that a kubelet can serve, the node itself
// and what it uses.

import type { PodsView } from '../core/action.ts';
import { Fault } from '../core/fault.ts';
import type { ContainerName } from '../core/names.ts';
import { parseFieldSelector } from '../kubectl/field-selector.ts';
import { parseLabelSelector } from '../kubectl/label-selector.ts';
import { negotiateList, negotiateOne } from './forms.ts';
import { readPage, readWatch } from './list-options.ts';
import { IGNORED, LIST_IGNORED } from './list-parameters.ts';
import { DISCOVERY_ROUTES } from './discovery-paths.ts';
import { METRICS_ROUTES } from './metrics-paths.ts';
import { REVIEW_ROUTES } from './review-paths.ts';
import { NODES_ROUTE } from './nodes-paths.ts';
import { readCommand, readKubectlStreams, readLogOptions } from './options.ts';
import type { Parameters } from './parameters.ts';
import { badParameter } from './parameters.ts';
import { parseContainer, readNamespace, readPodName, readPodRef } from './path-names.ts';
import type { ActionRoute, AnswerRoute, Route, RouteInput } from './route.ts';
import { readPorts } from './values.ts';

const POD = '/api/v1/namespaces/{namespace}/pods/{pod}';

const reading = (
  kind: ActionRoute['kind'],
  paths: ActionRoute['paths'],
  ignored: readonly string[],
  build: ActionRoute['build'],
): ActionRoute => ({ kind, paths, ignored, methods: ['GET'], transport: 'http', surface: 'kubectl', build });

const session = (
  kind: ActionRoute['kind'],
  subresource: string,
  build: ActionRoute['build'],
): ActionRoute => ({
  ...reading(kind, [`${POD}/${subresource}`], IGNORED, build),
  methods: ['GET', 'POST'],
  transport: 'upgrade',
});

const NODE_ONLY_ROUTES: readonly Route[] = [
  ...DISCOVERY_ROUTES,
  ...REVIEW_ROUTES,
  ...METRICS_ROUTES,
  NODES_ROUTE,
  reading('pods', ['/api/v1/pods', '/api/v1/namespaces/{namespace}/pods'], LIST_IGNORED, (input) => ({
    kind: 'pods',
    view: toListView(input),
  })),
];

/** A pod by its name: with a node in the path and, once it is found, without one. */
export const POD_ROUTES: readonly ActionRoute[] = [
  reading('pods', [POD], [...IGNORED, 'resourceVersion'], (input) => ({
    kind: 'pods',
    view: toPodView(input),
  })),
  reading('containerLogs', [`${POD}/log`], IGNORED, ({ names, parameters }) => ({
    kind: 'containerLogs',
    pod: readPodRef(names),
    ...readContainerChoice(parameters),
    options: readLogOptions(parameters),
  })),
  session('exec', 'exec', ({ names, parameters }) => ({
    kind: 'exec',
    pod: readPodRef(names),
    ...readContainerChoice(parameters),
    command: readCommand(parameters),
    streams: readKubectlStreams(parameters),
  })),
  session('attach', 'attach', ({ names, parameters }) => ({
    kind: 'attach',
    pod: readPodRef(names),
    ...readContainerChoice(parameters),
    streams: readKubectlStreams(parameters),
  })),
  session('portForward', 'portforward', ({ names, parameters }) => ({
    kind: 'portForward',
    pod: readPodRef(names),
    ports: readPorts(parameters, 'ports'),
  })),
];

/**
 * `kubectl debug POD` changes the pod. It is said here, and not as a path that is nowhere: at a 404 without a name kubectl
 * believes in an old cluster, and comes to a panic (kubectl 1.35, pkg/cmd/debug).
 */
export const DEBUG_ROUTE: AnswerRoute = {
  kind: 'answer',
  paths: [`${POD}/ephemeralcontainers`],
  methods: ['GET'],
  answer: () => {
    throw new Fault(
      'NotFound',
      'pods, the node itself, their metrics and reviews are offered here; ephemeral containers are in the pod',
      {
        details: { kind: 'pods', name: 'ephemeralcontainers' },
      },
    );
  },
};

/**
 * Of a pod that is not found kubectl asks whether its namespace is there, and shows that answer instead if it is a 404, too
 * (cli-runtime pkg/resource/visitor.go). Which namespaces there are is not known here.
 */
export const NAMESPACE_ROUTE: AnswerRoute = {
  kind: 'answer',
  paths: ['/api/v1/namespaces/{namespace}'],
  methods: ['GET'],
  answer: () => {
    throw new Fault('MethodNotAllowed', 'namespaces are not offered here: the API server knows them', {
      headers: { allow: '' },
    });
  },
};

export const KUBECTL_ROUTES: readonly Route[] = [
  ...NODE_ONLY_ROUTES,
  ...POD_ROUTES,
  DEBUG_ROUTE,
  NAMESPACE_ROUTE,
];

/** Without one, the node is asked which container there is; an empty one counts as none. */
function readContainerChoice(parameters: Parameters): { readonly container?: ContainerName } {
  const text = parameters.one('container') ?? '';
  return text === '' ? {} : { container: parseContainer(text) };
}

export function toListView({ names, parameters, accept }: RouteInput): PodsView {
  const { watch } = readWatch(parameters);
  return {
    ...(names.has('namespace') ? { namespace: readNamespace(names) } : {}),
    labelSelector: parseLabelSelector(parameters.one('labelSelector') ?? ''),
    fieldSelector: parseFieldSelector(parameters.one('fieldSelector') ?? ''),
    as: watch === undefined ? negotiateList(accept) : negotiateOne(accept),
    includeObject: readIncludeObject(parameters),
    ...(watch === undefined ? readPage(parameters) : { watch }),
  };
}

const toPodView = ({ names, parameters, accept }: RouteInput): PodsView => ({
  namespace: readNamespace(names),
  name: readPodName(names),
  labelSelector: [],
  fieldSelector: [],
  as: negotiateOne(accept),
  includeObject: readIncludeObject(parameters),
});

function readIncludeObject(parameters: Parameters): PodsView['includeObject'] {
  const includeObject = parameters.one('includeObject') ?? 'Metadata';
  switch (includeObject) {
    case 'None':
    case 'Metadata':
    case 'Object':
      return includeObject;
    default:
      throw badParameter('includeObject', 'must be None, Metadata or Object');
  }
}
