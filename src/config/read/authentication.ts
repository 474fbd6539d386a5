// The authentication section: the JWT issuers of Kubernetes' AuthenticationConfiguration and the client authority.

import type { AuthenticationConfiguration } from '../../core/authentication-configuration.ts';
import type { AuthenticationSettings } from '../../core/configuration.ts';
import type { Path } from '../problem.ts';
import type { Reading } from '../reading.ts';
import type { GatewayFile } from '../schema/gateway.ts';
import { resolveFile } from '../files.ts';
import { readDocument } from '../reading.ts';
import { readAuthorities } from './authorities.ts';
import { toIssuers } from './issuers.ts';

const PATH: Path = ['authentication'];

export async function readAuthentication(
  section: GatewayFile['authentication'],
  reading: Reading,
): Promise<AuthenticationSettings | undefined> {
  const { configurationFile, clientCAFile, jwt, tokenCache } = section;
  const [issuers, authority] = await Promise.all([
    configurationFile === undefined ? { jwt: [] } : readIssuers(configurationFile, reading),
    clientCAFile === undefined
      ? undefined
      : readAuthorities(clientCAFile, reading, [...PATH, 'clientCAFile']).then((pem) => pem ?? false),
  ]);
  if (issuers === undefined || authority === false) return undefined;
  if (issuers.jwt.length === 0 && authority === undefined) {
    const message =
      'nobody could sign in: there is neither a JWT issuer in configurationFile nor a clientCAFile';
    reading.findings.problem(reading.source, PATH, message);
    return undefined;
  }
  return {
    issuers,
    ...(authority === undefined ? {} : { clientCertificateAuthority: authority }),
    jwt: {
      algorithms: jwt.algorithms,
      clockSkewMs: jwt.clockSkew,
      jwksMaxAgeMs: jwt.jwksMaxAge,
      jwksCooldownMs: jwt.jwksCooldown,
      jwksMaxStaleMs: jwt.jwksMaxStale,
      allowSystemNames: jwt.allowSystemNames,
    },
    tokenCache: { ttlMs: tokenCache.ttl, maxEntries: tokenCache.maxEntries },
  };
}

async function readIssuers(name: string, reading: Reading): Promise<AuthenticationConfiguration | undefined> {
  const file = resolveFile(reading.folder, name);
  const source = await readDocument(file, reading.source, [...PATH, 'configurationFile'], reading);
  return source && toIssuers(source, reading);
}
