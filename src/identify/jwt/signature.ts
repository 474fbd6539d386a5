// Verifies what an issuer has signed (RFC 7515) and its registered claims (RFC 7519 §4.1), with the keys that the issuer
// publishes now: keys that are not known yet are asked for once. Every failure is 401 in words, but for an issuer whose
// keys cannot be had: that is 503.

import { calculateJwkThumbprint, errors, exportJWK, jwtVerify } from 'jose';
import type { JWTPayload, JWTVerifyOptions } from 'jose';
import { Fault } from '../../core/fault.ts';
import { unauthorized } from '../refusals.ts';
import type { KeySet } from './key-set.ts';
import type { LoadedKeys } from './loaded-keys.ts';

/** How many keys are tried for a token that does not say which one signed it. */
const MAX_CANDIDATES = 16;

/** Rejects with a Fault. */
export type VerifySignature = (token: string, options: JWTVerifyOptions) => Promise<Signed>;

/** `what` begins the refusals. */
export function createSignatureVerifier(
  { keySet }: { readonly keySet: KeySet },
  what = 'the bearer token',
): VerifySignature {
  const toThumbprint = createThumbprints();
  return async (token, options) => {
    const keys = await currentKeys(keySet);
    try {
      return await verifySignature(token, keys, options, toThumbprint).catch(async (error: unknown) => {
        // The issuer may have changed its keys since; or somebody made the token up. The cooldown is for the latter.
        const newer = mayBeRotation(error) ? await keySet.newerThan(keys) : undefined;
        if (newer === undefined) throw error;
        return verifySignature(token, newer, options, toThumbprint);
      });
    } catch (error) {
      throw unauthorized(`${what} is refused: ${toRule(error)}`, error);
    }
  };
}

export interface Signed {
  readonly payload: JWTPayload;
  /** RFC 7638 thumbprint of the key that signed. */
  readonly thumbprint: string;
}

async function currentKeys(keySet: KeySet): Promise<LoadedKeys> {
  try {
    return await keySet.current();
  } catch (cause) {
    throw new Fault('ServiceUnavailable', 'the keys of the identity provider could not be fetched', {
      cause,
    });
  }
}

async function verifySignature(
  token: string,
  keys: LoadedKeys,
  options: JWTVerifyOptions,
  toThumbprint: ToThumbprint,
): Promise<Signed> {
  try {
    const { payload, key } = await jwtVerify(token, keys.resolve, options);
    return { payload, thumbprint: await toThumbprint(key) };
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
    let tried = 0;
    for await (const key of error) {
      if (++tried > MAX_CANDIDATES) break;
      try {
        const { payload } = await jwtVerify(token, key, options);
        return { payload, thumbprint: await toThumbprint(key) };
      } catch (failure) {
        if (!(failure instanceof errors.JWSSignatureVerificationFailed)) throw failure;
      }
    }
    throw new errors.JWSSignatureVerificationFailed();
  }
}

type Key = Parameters<typeof exportJWK>[0];
type ToThumbprint = (key: Key) => Promise<string>;

/** To make a thumbprint costs more than to verify a signature, and an issuer has few keys. */
function createThumbprints(): ToThumbprint {
  const known = new WeakMap<Key, Promise<string>>();
  return (key) => {
    let thumbprint = known.get(key);
    if (thumbprint === undefined) known.set(key, (thumbprint = exportJWK(key).then(calculateJwkThumbprint)));
    return thumbprint;
  };
}

const mayBeRotation = (error: unknown): boolean =>
  error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWSSignatureVerificationFailed;

function toRule(error: unknown): string {
  if (error instanceof errors.JWTExpired) return 'it has expired';
  if (error instanceof errors.JWTClaimValidationFailed) return toClaimRule(error);
  if (error instanceof errors.JWKSNoMatchingKey)
    return 'it is signed with a key that its issuer does not publish';
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'its signature does not verify';
  if (error instanceof errors.JOSEAlgNotAllowed) return 'its algorithm is not accepted';
  return 'it is malformed, or its key cannot be used';
}

function toClaimRule({ claim, reason }: errors.JWTClaimValidationFailed): string {
  if (reason === 'missing') return `it has no ${claim} claim`;
  if (reason === 'invalid') return `its claim ${claim} is malformed`;
  if (claim === 'aud') return 'it is for another audience';
  if (claim === 'nbf') return 'it is not valid yet';
  return `its claim ${claim} is not accepted`;
}
