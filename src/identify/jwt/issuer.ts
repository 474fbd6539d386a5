// Verifies the tokens of one issuer: signature (RFC 7515), then iss, aud, exp, nbf, iat (RFC 7519 §4.1), then the
// claims' meaning. Every failure is 401 in words, but for an issuer whose keys cannot be had: that is 503.

import type { JWTPayload } from 'jose';
import type { JwtIssuer } from '../../core/authentication-configuration.ts';
import type { AuthenticationSettings } from '../../core/configuration.ts';
import type { Clock } from '../../core/ports.ts';
import type { Authentication, SignIn } from '../../core/user.ts';
import { unauthorized } from '../refusals.ts';
import { createToUser } from './claims.ts';
import type { KeySet } from './key-set.ts';
import { createSignatureVerifier } from './signature.ts';

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

export function createIssuer(
  { keySet, clock }: { readonly keySet: KeySet; readonly clock: Clock },
  issuer: JwtIssuer,
  { algorithms, clockSkewMs, allowSystemNames, keepClaims = false }: IssuerOptions,
): VerifyToken {
  const toUser = createToUser({ issuer, allowSystemNames });
  const verify = createSignatureVerifier({ keySet });

  return async (token) => {
    const { payload, thumbprint } = await verify(token, {
      algorithms: [...algorithms],
      issuer: issuer.issuer.url,
      audience: [...issuer.issuer.audiences],
      requiredClaims: ['exp'],
      clockTolerance: clockSkewMs / 1000,
      currentDate: new Date(clock.now()),
    });
    // RFC 7800: whoever holds such a token must prove to hold a key too, which nobody checks here.
    if (payload['cnf'] !== undefined) throw unauthorized('the bearer token is refused: it is bound to a key');
    // RFC 8417: an event that is told, such as a logout, and signed with the keys that sign-ins are.
    if (payload['events'] !== undefined)
      throw unauthorized('the bearer token is refused: it tells an event and is not for signing in');
    const expiresAt = readTimes(payload, clock.now() + clockSkewMs);
    const user = toUser(payload);
    const { url } = issuer.issuer;
    const signIn = toSignIn(payload, url);
    const authentication: Authentication = {
      user,
      method: 'jwt',
      issuer: url,
      expiresAt,
      ...(signIn === undefined ? {} : { signIn }),
    };
    return {
      authentication: keepClaims ? { ...authentication, claims: () => payload } : authentication,
      thumbprint,
    };
  };
}

/** For logouts, which name it, and for rules about logins: a claim that is malformed is none. */
function toSignIn(payload: JWTPayload, issuer: string): SignIn | undefined {
  const { sub, iat = 0, sid, auth_time: time, acr, amr } = payload;
  if (sub === undefined) return undefined;
  // 0 is what a provider writes that does not know it: nobody has signed in in 1970.
  const authenticatedAt =
    typeof time === 'number' && Number.isFinite(time) && time > 0 ? 1000 * time : undefined;
  return {
    issuer,
    subject: sub,
    at: authenticatedAt ?? 1000 * iat,
    ...(typeof sid === 'string' ? { sid } : {}),
    ...(authenticatedAt === undefined ? {} : { authenticatedAt }),
    ...(typeof acr === 'string' ? { acr } : {}),
    ...(isTexts(amr) ? { amr } : {}),
  };
}

const isTexts = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((one) => typeof one === 'string');

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
