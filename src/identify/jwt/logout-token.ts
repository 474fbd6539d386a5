// Logout tokens (OpenID Connect Back-Channel Logout 1.0 §2.4 to §2.6): how an identity provider says that somebody has
// signed out there. Signed like a token for signing in, and never taken for one. Whether it was seen before is for the
// caller to know.

import type { JWTPayload } from 'jose';
import type { Clock } from '../../core/ports.ts';
import { unauthorized } from '../refusals.ts';
import type { IssuerOptions } from './issuer.ts';
import type { KeySet } from './key-set.ts';
import { createSignatureVerifier } from './signature.ts';
import { readUnverified } from './token.ts';

export interface Logout {
  readonly issuer: string;
  readonly id: string;
  /** Either of them is there, or both. */
  readonly sid?: string;
  readonly subject?: string;
  /** When the person signed out, in milliseconds since the epoch, and until when the token counts. */
  readonly at: number;
  readonly expiresAt: number;
}

export type ReadLogout = (clientID: string, token: string) => Promise<Logout>;

const EVENT = 'http://schemas.openid.net/event/backchannel-logout';

/** §2.4 recommends the type; providers that are older write none, or JWT. */
const TYPES: ReadonlySet<string> = new Set(['logout+jwt', 'application/logout+jwt', 'jwt']);

/** §2.4: "preferably with an expiration time at most two minutes in the future". Some minutes are for retries. */
const MAX_AGE_MS = 10 * 60_000;

const MAX_LENGTH = 16_384;
const MAX_NAME_LENGTH = 1024;

/** Throws or rejects with a Fault. */
export function createLogoutReader(
  { keySet, clock }: { readonly keySet: KeySet; readonly clock: Clock },
  issuer: string,
  { algorithms, clockSkewMs }: Pick<IssuerOptions, 'algorithms' | 'clockSkewMs'>,
): ReadLogout {
  const verify = createSignatureVerifier({ keySet }, 'the logout token');
  return async (clientID, token) => {
    if (token.length > MAX_LENGTH) throw refused('it is too long');
    if (readUnverified(token, algorithms, TYPES) !== issuer) throw refused('it is of another issuer');
    const now = clock.now();
    const { payload } = await verify(token, {
      algorithms: [...algorithms],
      issuer,
      audience: clientID,
      requiredClaims: ['iat', 'jti', 'events'],
      clockTolerance: clockSkewMs / 1000,
      currentDate: new Date(now),
    });
    return toLogout(payload, issuer, now, clockSkewMs);
  };
}

function toLogout(payload: JWTPayload, issuer: string, now: number, clockSkewMs: number): Logout {
  const { iat = 0, exp, jti = '', sub, sid, nonce, events } = payload;
  const at = iat * 1000;
  if (at > now + clockSkewMs) throw refused('it was issued in the future');
  if (now - at > MAX_AGE_MS + clockSkewMs) throw refused('it is too old');
  if (nonce !== undefined) throw refused('it has a nonce, as only tokens for signing in have');
  if (!isObject(events) || !Object.hasOwn(events, EVENT) || !isObject(Reflect.get(events, EVENT))) {
    throw refused('it tells of no logout');
  }
  if (!isName(jti)) throw refused('its claim jti is malformed');
  if (sub !== undefined && !isName(sub)) throw refused('its claim sub is malformed');
  if (sid !== undefined && !isName(sid)) throw refused('its claim sid is malformed');
  if (sub === undefined && sid === undefined) throw refused('it names neither a session nor a person');
  return {
    issuer,
    id: jti,
    at,
    expiresAt: Math.min(exp === undefined ? Infinity : exp * 1000, at + MAX_AGE_MS) + 2 * clockSkewMs,
    ...(sub === undefined ? {} : { subject: sub }),
    ...(sid === undefined ? {} : { sid }),
  };
}

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isName = (value: unknown): value is string =>
  typeof value === 'string' && value !== '' && value.length <= MAX_NAME_LENGTH;

const refused = (rule: string): Error => unauthorized(`the logout token is refused: ${rule}`);
