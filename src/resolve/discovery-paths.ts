// The paths of discovery, the same with a node in the server URL and without.

import { DISCOVERY_PATHS, toDiscovery } from '../kubectl/discovery.ts';
import { IGNORED } from './list-parameters.ts';
import type { AnswerRoute } from './route.ts';

export const DISCOVERY_ROUTES: readonly AnswerRoute[] = DISCOVERY_PATHS.map((path) => ({
  kind: 'answer',
  // With the slash, as clients that are generated from the OpenAPI document write them.
  paths: [path, `${path}/`],
  ignored: IGNORED,
  methods: ['GET'],
  answer: ({ accept, gitVersion }) => ({ kind: 'json', ...toDiscovery(path, accept, gitVersion) }),
}));
