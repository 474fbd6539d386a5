// Which authenticator decides about a bearer token: the one of the configured issuer that the token says it is from,
// and for any other token the API server. Promises: exactly one decides. An issuer whose keys cannot be had, or a
// signature that does not verify, is an answer and never a reason to ask somebody else.

import type { TokenAuthenticator } from './identify.ts';
import { readUnverifiedClaims } from './jwt/token.ts';

export interface TokenAuthenticators {
  readonly jwt: TokenAuthenticator;
  /** URLs of the issuers that `jwt` knows. */
  readonly issuers: ReadonlySet<string>;
  readonly tokenReview: TokenAuthenticator;
}

export const createTokenChain =
  ({ jwt, issuers, tokenReview }: TokenAuthenticators): TokenAuthenticator =>
  (token, source) => {
    const issuer = readUnverifiedClaims(token)?.get('iss');
    const isOwn = typeof issuer === 'string' && issuers.has(issuer);
    return (isOwn ? jwt : tokenReview)(token, source);
  };
