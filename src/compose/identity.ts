// Who may prove who they are, and how: client certificates, the tokens of issuers, and those that an API server reviews.

import type { GatewayConfiguration } from '../core/configuration.ts';
import type { TokenAuthenticator } from '../identify/identify.ts';
import type { JwtAuthenticator, KeySnapshot } from '../identify/jwt/authenticator.ts';
import type { Foundation } from './foundation.ts';
import { needClaims } from '../credential/mapping.ts';
import { createJwtAuthenticator } from '../identify/jwt/authenticator.ts';
import { createTokenChain } from '../identify/token-chain.ts';
import { createTokenReviewAuthenticator } from '../identify/token-review.ts';
import { createCertificateAuthenticator } from '../identify/x509.ts';
import { createKubeClient } from '../kube/client.ts';
import { createGetJson } from '../outbound/http-get.ts';

export function composeCertificates({ clock }: Foundation, { authentication }: GatewayConfiguration) {
  const { clientCertificateAuthority, clientRevocationLists, maxClientCertificateLifetimeMs } =
    authentication;
  if (clientCertificateAuthority === undefined) return undefined;
  return createCertificateAuthenticator(
    { clock },
    {
      clientCA: clientCertificateAuthority,
      ...(clientRevocationLists === undefined ? {} : { revocationLists: clientRevocationLists }),
      ...(maxClientCertificateLifetimeMs === undefined
        ? {}
        : { maxLifetimeMs: maxClientCertificateLifetimeMs }),
    },
  );
}

/** Who decides about bearer tokens: the issuers, an API server, or each about its own. */
export function composeBearer(
  tokens: JwtAuthenticator,
  tokenReview: TokenAuthenticator | undefined,
): TokenAuthenticator | undefined {
  if (tokens.issuers.length === 0) return tokenReview;
  if (tokenReview === undefined) return tokens.authenticate;
  const issuers = new Set(tokens.issuers.map(({ url }) => url));
  return createTokenChain({ jwt: tokens.authenticate, issuers, tokenReview });
}

export function composeTokenReview(
  { clock, log, metrics }: Foundation,
  { authentication }: GatewayConfiguration,
) {
  const settings = authentication.tokenReview;
  if (settings === undefined) return undefined;
  const client = createKubeClient({ clock }, settings.connection);
  const authenticate = createTokenReviewAuthenticator(
    {
      reviews: (spec, signal) => client.createTokenReview(spec, signal),
      clock,
      log,
      metrics: metrics.tokenReview,
    },
    settings,
  );
  return {
    authenticate,
    flush: () => authenticate.flush(),
    release: () => void clock.after(settings.timeoutMs, () => client.close()),
  };
}

export function composeTokens(
  { clock, log, metrics }: Foundation,
  { authentication, credentialMappings }: GatewayConfiguration,
  before: KeySnapshot | undefined,
): JwtAuthenticator {
  return createJwtAuthenticator(
    {
      getJson: createGetJson({ clock }),
      clock,
      log,
      onRefresh: (isSuccess) => {
        metrics.jwksRefresh(isSuccess);
      },
    },
    {
      ...authentication.jwt,
      issuers: authentication.issuers.jwt,
      cache: authentication.tokenCache,
      keepClaims: needClaims(credentialMappings),
    },
    before,
  );
}
