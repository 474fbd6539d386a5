// The authentication section: the JWT issuers of Kubernetes' AuthenticationConfiguration and the client authority.

import type { AuthenticationConfiguration, JwtIssuer } from '../../core/authentication-configuration.ts';
import type { AuthenticationSettings } from '../../core/configuration.ts';
import type { Path } from '../problem.ts';
import type { Reading } from '../reading.ts';
import type { GatewayFile } from '../schema/gateway.ts';
import type { Source } from '../yaml.ts';
import { checkAuthorities } from '../certificates.ts';
import { resolveFile } from '../files.ts';
import { readDocument } from '../reading.ts';
import { authenticationConfigurationFile } from '../schema/authentication-configuration.ts';
import { check } from '../schema/check.ts';
import { readAuthorities } from './authorities.ts';

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

/** The AuthenticationConfiguration in a document. */
export function toIssuers(
  source: Source,
  { findings, now }: Pick<Reading, 'findings' | 'now'>,
): AuthenticationConfiguration | undefined {
  const file = check(authenticationConfigurationFile, source.value, source, [], findings);
  if (file === undefined) return undefined;
  const jwt: JwtIssuer[] = [];
  file.jwt.forEach(({ issuer, claimValidationRules, claimMappings }, index) => {
    const path = ['jwt', index, 'issuer', 'certificateAuthority'];
    const { url, discoveryURL, certificateAuthority, audiences } = issuer;
    const [first, ...others] = audiences;
    const verdict =
      certificateAuthority === undefined ? undefined : checkAuthorities(certificateAuthority, now);
    for (const message of verdict?.problems ?? []) findings.problem(source, path, message);
    for (const message of verdict?.warnings ?? []) findings.warning(source, path, message);
    if (first === undefined || (verdict !== undefined && verdict.problems.length > 0)) return;
    jwt.push({
      issuer: {
        url,
        ...(discoveryURL === undefined ? {} : { discoveryURL }),
        ...(certificateAuthority === undefined ? {} : { certificateAuthority }),
        audiences: [first, ...others],
      },
      claimValidationRules: claimValidationRules.map(({ claim, requiredValue }) => ({
        claim,
        requiredValue,
      })),
      claimMappings: {
        username: toMapping(claimMappings.username),
        ...(claimMappings.groups === undefined ? {} : { groups: toMapping(claimMappings.groups) }),
        ...(claimMappings.uid === undefined ? {} : { uid: { claim: claimMappings.uid.claim } }),
      },
    });
  });
  return jwt.length === file.jwt.length ? { jwt } : undefined;
}

const toMapping = ({ claim, prefix }: { claim: string; prefix: string }) => ({ claim, prefix });
