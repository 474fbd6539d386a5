// A caller's own name and rights (authentication.k8s.io/v1, authorization.k8s.io/v1), which `kubectl auth` asks for: at the
// server URL of all nodes, and at that of one.

import type { FleetQuery } from '../core/fleet.ts';
import { IGNORED } from './list-parameters.ts';
import type { AnswerRoute, RouteInput } from './route.ts';

const review = (path: string, query: (input: RouteInput) => FleetQuery): AnswerRoute => ({
  kind: 'answer',
  paths: [path],
  ignored: [...IGNORED, 'fieldManager', 'dryRun', 'fieldValidation'],
  methods: ['POST'],
  answer: (input) => ({ kind: 'fleet', query: query(input) }),
});

const of = ({ within }: RouteInput): Pick<RouteInput, 'within'> => (within === undefined ? {} : { within });

export const REVIEW_ROUTES: readonly AnswerRoute[] = [
  review('/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', (input) => ({
    kind: 'accessReview',
    ...of(input),
  })),
  review('/apis/authorization.k8s.io/v1/selfsubjectrulesreviews', (input) => ({
    kind: 'rulesReview',
    ...of(input),
  })),
  review('/apis/authentication.k8s.io/v1/selfsubjectreviews', () => ({ kind: 'selfReview' })),
];
