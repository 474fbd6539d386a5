// Reads a JWKS document (RFC 7517 §5). Promises: only public RSA and EC keys come out, whatever was published.

import { createPublicKey } from 'node:crypto';
import { calculateJwkThumbprint, createLocalJWKSet } from 'jose';
import type { JWK, LocalJWKSet } from 'jose';

export interface LoadedKeys {
  readonly resolve: LocalJWKSet;
  /** RFC 7638 thumbprints of the keys. */
  readonly thumbprints: ReadonlySet<string>;
  /** Milliseconds since the epoch. */
  readonly fetchedAt: number;
}

const MAX_KEYS = 100;

/** Passes over keys of other kinds, which an issuer may publish too. Rejects with an Error for anything but a JWKS. */
export async function toLoadedKeys(document: unknown, fetchedAt: number): Promise<LoadedKeys> {
  if (
    typeof document !== 'object' ||
    document === null ||
    !('keys' in document) ||
    !Array.isArray(document.keys)
  ) {
    throw new Error('the key set is not a JWKS document');
  }
  const published: readonly unknown[] = document.keys;
  if (published.length > MAX_KEYS) throw new Error(`the key set has more than ${MAX_KEYS} keys`);
  const keys: JWK[] = [];
  const thumbprints = new Set<string>();
  for (const candidate of published) {
    if (!isPublicJwk(candidate)) continue;
    const thumbprint = await toThumbprint(candidate);
    if (thumbprint === undefined) continue;
    keys.push(candidate);
    thumbprints.add(thumbprint);
  }
  return { resolve: createLocalJWKSet({ keys }), thumbprints, fetchedAt };
}

const isPublicJwk = (value: unknown): value is JWK =>
  typeof value === 'object' &&
  value !== null &&
  'kty' in value &&
  (value.kty === 'RSA' || value.kty === 'EC') &&
  !('d' in value) &&
  !('k' in value);

/** Of the key as node writes it, so that one key has one thumbprint however its issuer spells it. */
async function toThumbprint(jwk: JWK): Promise<string | undefined> {
  try {
    const key = createPublicKey({ key: { ...jwk }, format: 'jwk' });
    return await calculateJwkThumbprint(key.export({ format: 'jwk' }));
  } catch {
    return undefined;
  }
}
