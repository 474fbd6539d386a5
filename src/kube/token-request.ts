// TokenRequest (k8s.io/api authentication/v1 types.go), the subresource `token` of a ServiceAccount: the question as it is
// sent and the decoder of the answer. What does not look like an answer is no answer.

import { Secret } from '../core/secret.ts';
import { parseSecretJson, toRecord } from './decode.ts';

export interface TokenRequestSpec {
  readonly namespace: string;
  readonly serviceAccount: string;
  /** Empty: those of the API server itself. */
  readonly audiences: readonly string[];
  readonly expirationSeconds: number;
}

export interface RequestedToken {
  readonly token: Secret;
  /** Milliseconds since the epoch. May be sooner than what was asked for. */
  readonly expiresAt: number;
}

const API_VERSION = 'authentication.k8s.io/v1';
const KIND = 'TokenRequest';

export const toTokenRequestPath = ({ namespace, serviceAccount }: TokenRequestSpec): string =>
  `/api/v1/namespaces/${encodeURIComponent(namespace)}/serviceaccounts/${encodeURIComponent(serviceAccount)}/token`;

export const toTokenRequestBody = ({ audiences, expirationSeconds }: TokenRequestSpec): string =>
  JSON.stringify({ apiVersion: API_VERSION, kind: KIND, spec: { audiences, expirationSeconds } });

/** Throws a TypeError or SyntaxError that says what is wrong with the answer and quotes nothing of it. */
export function parseTokenRequest(body: string): RequestedToken {
  const request = toRecord(parseSecretJson(body), 'the answer');
  if (request['apiVersion'] !== API_VERSION || request['kind'] !== KIND) {
    throw new TypeError(`the answer is not an ${API_VERSION} ${KIND}`);
  }
  const { token, expirationTimestamp } = toRecord(request['status'], 'status');
  // Whatever could end a header line is no token.
  if (typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token))
    throw new TypeError('status holds no token');
  const expiresAt = typeof expirationTimestamp === 'string' ? Date.parse(expirationTimestamp) : Number.NaN;
  if (Number.isNaN(expiresAt)) throw new TypeError('status.expirationTimestamp is not a time');
  return { token: new Secret(token), expiresAt };
}
