// SubjectAccessReview (k8s.io/api authorization/v1 types.go): the question as it is sent
// and the decoder of the answer. What does not look like an answer is no answer.

import { toRecord } from './decode.ts';

/** SubjectAccessReviewSpec, for a resource or for a path. */
export type ReviewSpec = Reviewed & (OfResource | OfPath);

interface Reviewed {
  readonly user: string;
  readonly uid: string;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

interface OfResource {
  readonly resourceAttributes: {
    readonly verb: string;
    readonly group: string;
    readonly version: string;
    readonly resource: string;
    readonly subresource: string;
    readonly name: string;
    readonly namespace: string;
  };
}

interface OfPath {
  readonly nonResourceAttributes: { readonly verb: string; readonly path: string };
}

/** SubjectAccessReviewStatus. Neither allowed nor denied: no opinion. */
export interface ReviewStatus {
  readonly allowed: boolean;
  readonly denied?: boolean;
  readonly reason?: string;
  /** May accompany an allow, and does not turn it into anything else. */
  readonly evaluationError?: string;
}

export const REVIEW_PATH = '/apis/authorization.k8s.io/v1/subjectaccessreviews';

const API_VERSION = 'authorization.k8s.io/v1';
const KIND = 'SubjectAccessReview';

export const toReviewBody = (spec: ReviewSpec): string =>
  JSON.stringify({ apiVersion: API_VERSION, kind: KIND, spec });

/** Throws a TypeError or SyntaxError that says what is wrong with the answer; its text is for the log. */
export function parseReviewStatus(body: string): ReviewStatus {
  const review = toRecord(JSON.parse(body), 'the answer');
  if (review['apiVersion'] !== API_VERSION || review['kind'] !== KIND) {
    throw new TypeError(`the answer is not an ${API_VERSION} ${KIND}`);
  }
  const status = toRecord(review['status'], 'status');
  const allowed = status['allowed'];
  const denied = status['denied'] ?? false;
  const reason = status['reason'] ?? '';
  const evaluationError = status['evaluationError'] ?? '';
  if (typeof allowed !== 'boolean') throw new TypeError('status.allowed is not a boolean');
  if (typeof denied !== 'boolean') throw new TypeError('status.denied is not a boolean');
  if (typeof reason !== 'string') throw new TypeError('status.reason is not a string');
  if (typeof evaluationError !== 'string') throw new TypeError('status.evaluationError is not a string');
  return { allowed, denied, reason, evaluationError };
}
