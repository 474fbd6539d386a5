// The paths of metrics.k8s.io/v1beta1, which `kubectl top` asks for: CPU and memory of all nodes, or of the one that
// the server URL names, and of their pods.

import type { FleetQuery } from '../core/fleet.ts';
import { Fault } from '../core/fault.ts';
import { negotiate, PLAIN } from '../kubectl/accept.ts';
import { parseFieldSelector } from '../kubectl/field-selector.ts';
import { parseLabelSelector } from '../kubectl/label-selector.ts';
import { LIST_IGNORED } from './list-parameters.ts';
import { parseNodeName, readNamespace, readPodName } from './path-names.ts';
import type { AnswerRoute, RouteInput } from './route.ts';
import { readTruthy } from './values.ts';

const BASE = '/apis/metrics.k8s.io/v1beta1';

const route = (paths: AnswerRoute['paths'], query: (input: RouteInput) => FleetQuery): AnswerRoute => ({
  kind: 'answer',
  paths,
  ignored: [...LIST_IGNORED, 'includeObject'],
  methods: ['GET'],
  answer: (input) => {
    negotiate(input.accept, [PLAIN]);
    if (readTruthy(input.parameters, 'watch')) {
      throw new Fault('MethodNotAllowed', 'watch is not offered: ask for the list again', {
        headers: { allow: 'GET' },
      });
    }
    return { kind: 'fleet', query: query(input) };
  },
});

export const METRICS_ROUTES: readonly AnswerRoute[] = [
  route([`${BASE}/nodes`, `${BASE}/nodes/{node}`], ({ names, parameters, within }) => ({
    kind: 'nodeMetrics',
    ...(within === undefined ? {} : { within }),
    ...(names.has('node') ? { name: parseNodeName(names.get('node')) } : {}),
    labelSelector: parseLabelSelector(parameters.one('labelSelector') ?? ''),
  })),
  route(
    [`${BASE}/pods`, `${BASE}/namespaces/{namespace}/pods`, `${BASE}/namespaces/{namespace}/pods/{pod}`],
    ({ names, parameters, within }) => ({
      kind: 'podMetrics',
      ...(within === undefined ? {} : { within }),
      ...(names.has('namespace') ? { namespace: readNamespace(names) } : {}),
      ...(names.has('pod') ? { name: readPodName(names) } : {}),
      labelSelector: parseLabelSelector(parameters.one('labelSelector') ?? ''),
      fieldSelector: parseFieldSelector(parameters.one('fieldSelector') ?? ''),
    }),
  ),
];
