// The route table: every path that the gateway has. What is in no row here does not exist.

import { FLEET_ROUTES } from './fleet-paths.ts';
import { KUBECTL_ROUTES } from './kubectl-paths.ts';
import { KUBELET_ROUTES } from './kubelet-paths.ts';
import type { Route } from './route.ts';

/** Under `/nodes/{node}`, the server URL of one node, and under `/api/v1/nodes/{node}/proxy`. */
export const NODE_ROUTES: readonly Route[] = KUBELET_ROUTES;

/** Under `/nodes/{node}` only. */
export const SERVER_ROUTES: readonly Route[] = [...KUBECTL_ROUTES, ...KUBELET_ROUTES];

/** At the root. */
export const ROOT_ROUTES: readonly Route[] = [
  {
    kind: 'answer',
    paths: ['/sd/prometheus'],
    methods: ['GET'],
    answer: () => ({ kind: 'scrapeTargets' }),
  },
  ...FLEET_ROUTES,
];
