// kubectl's paths without a node: the fleet behind one server URL. A pod by its name goes to the node that it is found
// on; lists and reviews (authorization.k8s.io/v1, authentication.k8s.io/v1) the gateway
// answers itself, with what the caller may read.

import type { FleetQuery } from '../core/fleet.ts';
import type { NodeName } from '../core/names.ts';
import { Fault } from '../core/fault.ts';
import { negotiate, PLAIN } from '../kubectl/accept.ts';
import type { FleetDiscoveryPath } from '../kubectl/fleet-discovery.ts';
import { toFleetDiscovery } from '../kubectl/fleet-discovery.ts';
import { parseLabelSelector } from '../kubectl/label-selector.ts';
import { IGNORED, LIST_IGNORED, POD_ROUTES, TABLE, toListView } from './kubectl-paths.ts';
import { METRICS_ROUTES } from './metrics-paths.ts';
import { parseNodeName } from './path-names.ts';
import type { AnswerRoute, Route, RouteInput } from './route.ts';
import { readTruthy } from './values.ts';

const discovery = (path: FleetDiscoveryPath): AnswerRoute => ({
  kind: 'answer',
  paths: [path],
  ignored: IGNORED,
  methods: ['GET'],
  answer: ({ accept, gitVersion }) => ({ kind: 'json', ...toFleetDiscovery(path, accept, gitVersion) }),
});

const fleet = (
  paths: AnswerRoute['paths'],
  query: (input: RouteInput) => FleetQuery,
  methods: AnswerRoute['methods'] = ['GET'],
): AnswerRoute => ({
  kind: 'answer',
  paths,
  ignored: methods[0] === 'POST' ? [...IGNORED, 'fieldManager', 'dryRun', 'fieldValidation'] : LIST_IGNORED,
  methods,
  answer: (input) => ({ kind: 'fleet', query: query(input) }),
});

export const FLEET_ROUTES: readonly Route[] = [
  discovery('/version'),
  discovery('/api'),
  discovery('/apis'),
  discovery('/api/v1'),
  discovery('/apis/authorization.k8s.io'),
  discovery('/apis/authorization.k8s.io/v1'),
  discovery('/apis/authentication.k8s.io'),
  discovery('/apis/authentication.k8s.io/v1'),
  discovery('/apis/metrics.k8s.io'),
  discovery('/apis/metrics.k8s.io/v1beta1'),
  ...METRICS_ROUTES,
  ...POD_ROUTES,
  fleet(['/api/v1/pods', '/api/v1/namespaces/{namespace}/pods'], (input) => ({
    kind: 'pods',
    view: toListView(input),
  })),
  fleet(['/api/v1/nodes', '/api/v1/nodes/{node}'], (input) => ({
    kind: 'nodes',
    ...readNode(input),
    labelSelector: parseLabelSelector(input.parameters.one('labelSelector') ?? ''),
    view: readNodesView(input),
  })),
  fleet(['/apis/authorization.k8s.io/v1/selfsubjectaccessreviews'], () => ({ kind: 'accessReview' }), [
    'POST',
  ]),
  fleet(['/apis/authorization.k8s.io/v1/selfsubjectrulesreviews'], () => ({ kind: 'rulesReview' }), ['POST']),
  fleet(['/apis/authentication.k8s.io/v1/selfsubjectreviews'], () => ({ kind: 'selfReview' }), ['POST']),
];

const readNode = ({ names }: RouteInput): { readonly name?: NodeName } =>
  names.has('node') ? { name: parseNodeName(names.get('node')) } : {};

function readNodesView(input: RouteInput): 'Table' | 'Object' {
  refuseSelectors(input);
  input.parameters.one('includeObject');
  return negotiate(input.accept, [PLAIN, TABLE]) === TABLE ? 'Table' : 'Object';
}

/** Selectors and watches of what a list does not offer are refused, and never silently left out. */
function refuseSelectors({ parameters }: RouteInput): void {
  if (readTruthy(parameters, 'watch')) {
    throw new Fault('MethodNotAllowed', 'watch is not offered: ask for the list again', {
      headers: { allow: 'GET' },
    });
  }
  for (const name of ['fieldSelector', 'continue']) {
    if ((parameters.one(name) ?? '') !== '')
      throw new Fault('BadRequest', `${name} is not offered for this list`);
  }
}
