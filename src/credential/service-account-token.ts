// Tokens of ServiceAccounts for kubelets, from the TokenRequest API. A kubelet shows what it is given to the API server's
// TokenReview without an audience, so that only a token of the API server's own audience is good for it.

import type { ServiceAccountTokenSource } from '../core/credential-source.ts';
import type { Clock } from '../core/ports.ts';
import type { RequestedToken, TokenRequestSpec } from '../kube/token-request.ts';
import type { Issuing } from './renewal.ts';
import { toFingerprint } from './material.ts';

const TIMEOUT_MS = 10_000;

export type RequestToken = (spec: TokenRequestSpec, signal: AbortSignal) => Promise<RequestedToken>;

/** One token serves every node and user that the mapping shows it to. */
export function toTokenIssuing(
  { clock, requestToken }: { readonly clock: Clock; readonly requestToken: RequestToken },
  source: ServiceAccountTokenSource,
): Issuing {
  const { name, connection, namespace, serviceAccount, audiences, expirationSeconds } = source;
  return {
    name,
    kind: 'bearerToken',
    key: JSON.stringify([name, connection.server, namespace, serviceAccount, audiences, expirationSeconds]),
    issue: async (signal) => {
      const issuedAt = clock.now();
      const { token, expiresAt } = await requestToken(source, signal);
      const fingerprint = toFingerprint('bearerToken', token.reveal());
      return {
        credential: { name, fingerprint, material: { kind: 'bearerToken', token } },
        issuedAt,
        expiresAt,
      };
    },
    timeoutMs: TIMEOUT_MS,
    problem: 'the API server does not issue the token that the gateway would show to it',
    fields: { credential: name, serviceAccount: `${namespace}/${serviceAccount}` },
  };
}
