// Options of the authenticator for tests, as the configuration's defaults have them.

import type { JwtIssuer } from '../../../src/core/authentication-configuration.ts';
import { JWT_ALGORITHMS } from '../../../src/core/configuration.ts';
import type { AuthenticationSettings } from '../../../src/core/configuration.ts';
import type { JwtOptions } from '../../../src/identify/jwt/authenticator.ts';

export interface PartialOptions {
  readonly issuers: AuthenticationSettings['issuers'];
  readonly jwt?: Partial<AuthenticationSettings['jwt']>;
  readonly tokenCache?: Partial<AuthenticationSettings['tokenCache']>;
}

export const createJwtOptions = ({ issuers, jwt, tokenCache }: PartialOptions): JwtOptions => ({
  algorithms: JWT_ALGORITHMS,
  clockSkewMs: 30_000,
  jwksMaxAgeMs: 600_000,
  jwksCooldownMs: 30_000,
  jwksMaxStaleMs: 3_600_000,
  allowSystemNames: false,
  ...jwt,
  issuers: issuers.jwt,
  cache: { ttlMs: 60_000, maxEntries: 100, ...tokenCache },
});

export const issuerOf = (server: {
  readonly url: string;
  readonly certificateAuthority: string;
}): JwtIssuer => ({
  issuer: {
    url: server.url,
    certificateAuthority: server.certificateAuthority,
    audiences: ['gateway'],
  },
  claimValidationRules: [],
  claimMappings: { username: { claim: 'sub', prefix: '' }, groups: { claim: 'groups', prefix: '' } },
});
