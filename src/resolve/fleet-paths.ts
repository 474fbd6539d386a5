// kubectl's paths without a node: the fleet behind one server URL. A pod by its name goes to the node that it is found
// on; lists and reviews the gateway answers itself, with what the caller may read.

import { DISCOVERY_ROUTES } from './discovery-paths.ts';
import { DEBUG_ROUTE, NAMESPACE_ROUTE, POD_ROUTES, toListView } from './kubectl-paths.ts';
import { LIST_IGNORED } from './list-parameters.ts';
import { METRICS_ROUTES } from './metrics-paths.ts';
import { NODES_ROUTE } from './nodes-paths.ts';
import { REVIEW_ROUTES } from './review-paths.ts';
import type { AnswerRoute, Route } from './route.ts';

const PODS_ROUTE: AnswerRoute = {
  kind: 'answer',
  paths: ['/api/v1/pods', '/api/v1/namespaces/{namespace}/pods'],
  ignored: LIST_IGNORED,
  methods: ['GET'],
  answer: (input) => ({ kind: 'fleet', query: { kind: 'pods', view: toListView(input) } }),
};

export const FLEET_ROUTES: readonly Route[] = [
  ...DISCOVERY_ROUTES,
  ...REVIEW_ROUTES,
  ...METRICS_ROUTES,
  ...POD_ROUTES,
  DEBUG_ROUTE,
  NAMESPACE_ROUTE,
  PODS_ROUTE,
  NODES_ROUTE,
];
