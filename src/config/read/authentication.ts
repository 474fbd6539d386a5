// The authentication section: the JWT issuers of Kubernetes' AuthenticationConfiguration, the client authority with its
// revocation lists, and the API server that knows other tokens.

import type { AuthenticationConfiguration } from '../../core/authentication-configuration.ts';
import type { AuthenticationSettings, TokenReviewSettings } from '../../core/configuration.ts';
import type { Path } from '../problem.ts';
import type { Reading } from '../reading.ts';
import type { GatewayFile } from '../schema/gateway.ts';
import { resolveFile } from '../files.ts';
import { readDocument } from '../reading.ts';
import { parseRevocationLists } from '../../pki/revocation.ts';
import { readApiServer } from './api-server.ts';
import { readAuthorities } from './authorities.ts';
import { toIssuers } from './issuers.ts';

const PATH: Path = ['authentication'];

/** Not configured, as opposed to undefined: there is a problem, which has been told. */
const NONE = 'none' as const;

export async function readAuthentication(
  section: GatewayFile['authentication'],
  reading: Reading,
): Promise<AuthenticationSettings | undefined> {
  const { configurationFile, jwt, tokenCache } = section;
  const [issuers, certificates, tokenReview] = await Promise.all([
    configurationFile === undefined ? { jwt: [] } : readIssuers(configurationFile, reading),
    readCertificates(section, reading),
    section.tokenReview === undefined ? NONE : readTokenReview(section.tokenReview, reading),
  ]);
  if (issuers === undefined || certificates === undefined || tokenReview === undefined) return undefined;
  if (
    issuers.jwt.length === 0 &&
    certificates.clientCertificateAuthority === undefined &&
    tokenReview === NONE
  ) {
    const message =
      'nobody could sign in: there is neither a JWT issuer in configurationFile nor a clientCAFile nor a tokenReview';
    reading.findings.problem(reading.source, PATH, message);
    return undefined;
  }
  return {
    issuers,
    ...certificates,
    jwt: {
      algorithms: jwt.algorithms,
      clockSkewMs: jwt.clockSkew,
      jwksMaxAgeMs: jwt.jwksMaxAge,
      jwksCooldownMs: jwt.jwksCooldown,
      jwksMaxStaleMs: jwt.jwksMaxStale,
      allowSystemNames: jwt.allowSystemNames,
    },
    tokenCache: { ttlMs: tokenCache.ttl, maxEntries: tokenCache.maxEntries },
    ...(tokenReview === NONE ? {} : { tokenReview }),
  };
}

type Certificates = Pick<
  AuthenticationSettings,
  'clientCertificateAuthority' | 'clientRevocationLists' | 'maxClientCertificateLifetimeMs'
>;

/** Who client certificates may be of. Undefined when there is a problem, which has been told. */
async function readCertificates(
  { clientCAFile, clientCRLFile, maxClientCertificateLifetime }: GatewayFile['authentication'],
  reading: Reading,
): Promise<Certificates | undefined> {
  if (clientCAFile === undefined) return {};
  const path = [...PATH, 'clientCRLFile'];
  const [authority, lists] = await Promise.all([
    readAuthorities(clientCAFile, reading, [...PATH, 'clientCAFile']),
    clientCRLFile === undefined
      ? NONE
      : reading.files.readBytes(resolveFile(reading.folder, clientCRLFile), reading.source, path),
  ]);
  if (authority === undefined || lists === undefined) return undefined;
  if (lists !== NONE && !checkRevocationLists(lists, authority, reading, path)) return undefined;
  return {
    clientCertificateAuthority: authority,
    ...(lists === NONE ? {} : { clientRevocationLists: lists }),
    ...(maxClientCertificateLifetime === undefined
      ? {}
      : { maxClientCertificateLifetimeMs: maxClientCertificateLifetime }),
  };
}

function checkRevocationLists(
  file: Uint8Array,
  authority: string,
  { source, findings, now }: Reading,
  path: Path,
): boolean {
  try {
    for (const { nextUpdate } of parseRevocationLists(file, authority).values()) {
      // Not a problem: the gateway would not start again when its list has run out, certificate users or not.
      if (now > nextUpdate) findings.warning(source, path, 'is out of date: client certificates are refused');
    }
    return true;
  } catch (error) {
    const message = error instanceof Error ? error.message : 'cannot be used';
    findings.problem(source, path, `a revocation list ${message}`);
    return false;
  }
}

async function readTokenReview(
  section: NonNullable<GatewayFile['authentication']['tokenReview']>,
  reading: Reading,
): Promise<TokenReviewSettings | undefined> {
  const connection = await readApiServer(section, reading, [...PATH, 'tokenReview']);
  const [audience, ...others] = section.audiences;
  if (connection === undefined || audience === undefined) return undefined;
  return {
    connection,
    audiences: [audience, ...others],
    authenticatedTtlMs: section.authenticatedTTL,
    unauthenticatedTtlMs: section.unauthenticatedTTL,
    maxEntries: section.maxEntries,
    timeoutMs: section.timeout,
    maxInFlight: section.maxInFlight,
    maxInFlightPerSource: section.maxInFlightPerSource,
  };
}

async function readIssuers(name: string, reading: Reading): Promise<AuthenticationConfiguration | undefined> {
  const file = resolveFile(reading.folder, name);
  const source = await readDocument(file, reading.source, [...PATH, 'configurationFile'], reading);
  return source && toIssuers(source, reading);
}
