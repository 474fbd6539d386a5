// kubectl's paths without a node: the fleet behind one server URL. A pod by its name goes to the node that it is found
// on; lists and reviews (authorization.k8s.io/v1, authentication.k8s.io/v1) the gateway
// answers itself, with what the caller may read.

import type { FleetQuery } from '../core/fleet.ts';
import type { FleetDiscoveryPath } from '../kubectl/fleet-discovery.ts';
import { toFleetDiscovery } from '../kubectl/fleet-discovery.ts';
import { DEBUG_ROUTE, POD_ROUTES, toListView } from './kubectl-paths.ts';
import { IGNORED, LIST_IGNORED } from './list-parameters.ts';
import { METRICS_ROUTES } from './metrics-paths.ts';
import { NODES_ROUTE } from './nodes-paths.ts';
import type { AnswerRoute, Route, RouteInput } from './route.ts';

const discovery = (path: FleetDiscoveryPath): AnswerRoute => ({
  kind: 'answer',
  // With the slash, as clients that are generated from the OpenAPI document write them.
  paths: [path, `${path}/`],
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
  DEBUG_ROUTE,
  fleet(['/api/v1/pods', '/api/v1/namespaces/{namespace}/pods'], (input) => ({
    kind: 'pods',
    view: toListView(input),
  })),
  NODES_ROUTE,
  fleet(['/apis/authorization.k8s.io/v1/selfsubjectaccessreviews'], () => ({ kind: 'accessReview' }), [
    'POST',
  ]),
  fleet(['/apis/authorization.k8s.io/v1/selfsubjectrulesreviews'], () => ({ kind: 'rulesReview' }), ['POST']),
  fleet(['/apis/authentication.k8s.io/v1/selfsubjectreviews'], () => ({ kind: 'selfReview' }), ['POST']),
];
