// TokenReview (k8s.io/api authentication/v1 types.go): the question as it is sent and the decoder of the answer. What
// does not look like an answer is no answer.

import type { Secret } from '../core/secret.ts';
import { parseSecretJson, toRecord, toStringList } from './decode.ts';

/** TokenReviewSpec. */
export interface TokenReviewSpec {
  readonly token: Secret;
  /** The token must be for at least one of them. */
  readonly audiences: readonly [string, ...string[]];
}

/** TokenReviewStatus. */
export type TokenReviewStatus =
  | {
      readonly authenticated: true;
      readonly user: ReviewedUser;
      /** Which of the asked audiences the token is for. Empty: the API server does not know of audiences. */
      readonly audiences: readonly string[];
    }
  /** `error` is what a token that is invalid, or could not be checked, comes back with; it may be empty. */
  | { readonly authenticated: false; readonly error: string };

export interface ReviewedUser {
  readonly username: string;
  readonly uid: string;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

export const TOKEN_REVIEW_PATH = '/apis/authentication.k8s.io/v1/tokenreviews';

const API_VERSION = 'authentication.k8s.io/v1';
const KIND = 'TokenReview';

/** Holds the token. */
export const toTokenReviewBody = ({ token, audiences }: TokenReviewSpec): string =>
  JSON.stringify({ apiVersion: API_VERSION, kind: KIND, spec: { token: token.reveal(), audiences } });

/** Throws a TypeError or SyntaxError that says what is wrong with the answer and quotes nothing of it. */
export function parseTokenReviewStatus(body: string): TokenReviewStatus {
  const review = toRecord(parseSecretJson(body), 'the answer');
  if (review['apiVersion'] !== API_VERSION || review['kind'] !== KIND) {
    throw new TypeError(`the answer is not an ${API_VERSION} ${KIND}`);
  }
  const status = toRecord(review['status'], 'status');
  // Go leaves out what is false.
  const authenticated = status['authenticated'] ?? false;
  const error = status['error'] ?? '';
  if (typeof authenticated !== 'boolean') throw new TypeError('status.authenticated is not a boolean');
  if (typeof error !== 'string') throw new TypeError('status.error is not a string');
  if (!authenticated) return { authenticated, error };
  // An answer that says both is not one to let somebody in by.
  if (error !== '') throw new TypeError('status is authenticated and has an error');
  return {
    authenticated,
    user: toUser(status['user']),
    audiences: toStringList(status['audiences'], 'status.audiences'),
  };
}

function toUser(value: unknown): ReviewedUser {
  const user = toRecord(value, 'status.user');
  const username = user['username'];
  const uid = user['uid'] ?? '';
  if (typeof username !== 'string' || username === '') throw new TypeError('status.user has no username');
  if (typeof uid !== 'string') throw new TypeError('status.user.uid is not a string');
  const extra = Object.entries(toRecord(user['extra'] ?? {}, 'status.user.extra'));
  return {
    username,
    uid,
    groups: toStringList(user['groups'], 'status.user.groups'),
    extra: Object.fromEntries(extra.map(([key, list]) => [key, toStringList(list, 'status.user.extra')])),
  };
}
