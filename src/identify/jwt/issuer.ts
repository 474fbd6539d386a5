// Verifies the tokens of one issuer: signature (RFC 7515), then iss, aud, exp, nbf, iat (RFC 7519 §4.1), then the
// claims' meaning. Every failure is 401 in words, but for an issuer whose keys cannot be had: that is 503.

import { calculateJwkThumbprint, errors, exportJWK, jwtVerify } from 'jose';
import type { JWTPayload, JWTVerifyOptions } from 'jose';
import type { JwtIssuer } from '../../core/authentication-configuration.ts';
import type { AuthenticationSettings } from '../../core/configuration.ts';
import { Fault } from '../../core/fault.ts';
import type { Clock } from '../../core/ports.ts';
import type { Authentication } from '../../core/user.ts';
import { unauthorized } from '../refusals.ts';
import { createToUser } from './claims.ts';
import type { KeySet } from './key-set.ts';
import type { LoadedKeys } from './loaded-keys.ts';

export type IssuerOptions = Pick<
  AuthenticationSettings['jwt'],
  'algorithms' | 'clockSkewMs' | 'allowSystemNames'
> & {
  /** Whether claims are kept beside the user that they name, for as long as a verified token is. Default false. */
  readonly keepClaims?: boolean;
};

export interface Verified {
  readonly authentication: Authentication;
  /** RFC 7638 thumbprint of the key that signed. */
  readonly thumbprint: string;
}

/** Rejects with a Fault. */
export type VerifyToken = (token: string) => Promise<Verified>;

/** How many keys are tried for a token that does not say which one signed it. */
const MAX_CANDIDATES = 16;

export function createIssuer(
  { keySet, clock }: { readonly keySet: KeySet; readonly clock: Clock },
  issuer: JwtIssuer,
  { algorithms, clockSkewMs, allowSystemNames, keepClaims = false }: IssuerOptions,
): VerifyToken {
  const toUser = createToUser({ issuer, allowSystemNames });
  const attempt = (token: string, keys: LoadedKeys): Promise<Signed> =>
    verifySignature(token, keys, {
      algorithms: [...algorithms],
      issuer: issuer.issuer.url,
      audience: [...issuer.issuer.audiences],
      requiredClaims: ['exp'],
      clockTolerance: clockSkewMs / 1000,
      currentDate: new Date(clock.now()),
    });

  return async (token) => {
    const keys = await currentKeys(keySet);
    let signed: Signed;
    try {
      signed = await attempt(token, keys).catch(async (error: unknown) => {
        // The issuer may have changed its keys since; or somebody made the token up. The cooldown is for the latter.
        const newer = mayBeRotation(error) ? await keySet.newerThan(keys) : undefined;
        if (newer === undefined) throw error;
        return attempt(token, newer);
      });
    } catch (error) {
      throw unauthorized(`the bearer token is refused: ${toRule(error)}`, error);
    }
    const { payload, thumbprint } = signed;
    // RFC 7800: whoever holds such a token must prove to hold a key too, which nobody checks here.
    if (payload['cnf'] !== undefined) throw unauthorized('the bearer token is refused: it is bound to a key');
    const expiresAt = readTimes(payload, clock.now() + clockSkewMs);
    const user = toUser(payload);
    const authentication: Authentication = { user, method: 'jwt', issuer: issuer.issuer.url, expiresAt };
    return {
      authentication: keepClaims ? { ...authentication, claims: () => payload } : authentication,
      thumbprint,
    };
  };
}

interface Signed {
  readonly payload: JWTPayload;
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

async function verifySignature(token: string, keys: LoadedKeys, options: JWTVerifyOptions): Promise<Signed> {
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

const toThumbprint = async (key: Parameters<typeof exportJWK>[0]): Promise<string> =>
  calculateJwkThumbprint(await exportJWK(key));

const mayBeRotation = (error: unknown): boolean =>
  error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWSSignatureVerificationFailed;

/** When the token expires, in milliseconds since the epoch; `latest` is the latest moment that may be called now. */
function readTimes({ exp, iat }: JWTPayload, latest: number): number {
  if (exp === undefined || !Number.isSafeInteger(Math.floor(exp * 1000))) {
    throw unauthorized('the bearer token is refused: its expiry is no date');
  }
  if (iat !== undefined && iat * 1000 > latest) {
    throw unauthorized('the bearer token is refused: it was issued in the future');
  }
  return Math.floor(exp * 1000);
}

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
