// Where an issuer publishes its keys (OpenID Connect Discovery 1.0 §4), and fetching them.

import type { JwtIssuer } from '../../core/authentication-configuration.ts';
import type { GetJson } from '../../outbound/http-get.ts';

/** The issuer's JWKS document, as it came. Rejects with an Error whose message is for the log. */
export type FetchKeys = () => Promise<unknown>;

/** Reads the discovery document each time too: an issuer may move its keys. */
export function createFetchKeys(
  { getJson }: { readonly getJson: GetJson },
  issuer: JwtIssuer['issuer'],
): FetchKeys {
  const { certificateAuthority } = issuer;
  const discoveryUrl =
    issuer.discoveryURL ?? `${issuer.url.replace(/\/$/, '')}/.well-known/openid-configuration`;
  return async () => {
    const jwksUri = readDiscovery(await getJson(discoveryUrl, { certificateAuthority }), issuer.url);
    return getJson(jwksUri, { certificateAuthority });
  };
}

/** The `jwks_uri` of a discovery document; throws an Error when the document is another issuer's or malformed. */
function readDiscovery(document: unknown, issuerUrl: string): string {
  if (typeof document !== 'object' || document === null)
    throw new Error('the discovery document is not an object');
  // §4.3: exactly, trailing slash and all.
  if (!('issuer' in document) || document.issuer !== issuerUrl) {
    throw new Error('the discovery document names another issuer');
  }
  const jwksUri = 'jwks_uri' in document ? document.jwks_uri : undefined;
  if (typeof jwksUri !== 'string' || !URL.canParse(jwksUri) || new URL(jwksUri).protocol !== 'https:') {
    throw new Error('the discovery document has no https jwks_uri');
  }
  return jwksUri;
}
