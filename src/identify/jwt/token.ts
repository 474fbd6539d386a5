// A JWT before it is verified (RFC 7515 §3.1): enough of it to know whose keys to ask for, and what to refuse before
// anything is fetched or computed for it. Nothing read here is believed.

import type { JwtAlgorithm } from '../../core/configuration.ts';
import { unauthorized } from '../refusals.ts';

// Security event, logout and DPoP tokens are signed with the same keys, and are not for signing in.
const TYPES = new Set(['jwt', 'at+jwt', 'application/jwt', 'application/at+jwt']);

const MAX_KEY_ID_LENGTH = 256;

/** The issuer that the token says it is from. Throws a Fault (Unauthorized) for what no issuer's key could make good. */
export function readUnverified(
  token: string,
  algorithms: readonly JwtAlgorithm[],
  types: ReadonlySet<string> = TYPES,
): string {
  const parts = token.split('.');
  // Five parts are a JWE: nothing is decrypted or inflated here (RFC 8725 §3.6).
  if (parts.length === 5) throw refused('it is encrypted');
  const [header, payload, signature] = parts;
  if (parts.length !== 3 || header === undefined || payload === undefined)
    throw refused('it is not a signed JWT');
  const { alg, kid, typ, crit } = decode(header);
  if (typeof alg !== 'string' || !algorithms.some((algorithm) => algorithm === alg)) {
    throw refused('its algorithm is not accepted');
  }
  if (signature === '') throw refused('it is not signed');
  if (kid !== undefined && (typeof kid !== 'string' || kid.length > MAX_KEY_ID_LENGTH)) {
    throw refused('its key id is malformed');
  }
  if (typ !== undefined && (typeof typ !== 'string' || !types.has(typ.toLowerCase()))) {
    throw refused('it is of a type that is not for signing in');
  }
  if (crit !== undefined) throw refused('it has a critical header parameter');
  const { iss } = decode(payload);
  if (typeof iss !== 'string') throw refused('it names no issuer');
  return iss;
}

/** The claims of what looks like a signed JWT, and whose they are is anybody's guess; undefined for any other token. */
export function readUnverifiedClaims(token: string): ReadonlyMap<string, unknown> | undefined {
  const [, payload, signature, ...rest] = token.split('.', 4);
  return payload === undefined || signature === undefined || rest.length > 0
    ? undefined
    : parseObject(payload);
}

function decode(part: string): Readonly<Record<'alg' | 'kid' | 'typ' | 'crit' | 'iss', unknown>> {
  const own = parseObject(part);
  if (own === undefined) throw refused('it is not a signed JWT');
  return {
    alg: own.get('alg'),
    kid: own.get('kid'),
    typ: own.get('typ'),
    crit: own.get('crit'),
    iss: own.get('iss'),
  };
}

function parseObject(part: string): ReadonlyMap<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
    return typeof value !== 'object' || value === null || Array.isArray(value)
      ? undefined
      : new Map<string, unknown>(Object.entries(value));
  } catch {
    return undefined;
  }
}

const refused = (rule: string): Error => unauthorized(`the bearer token is refused: ${rule}`);
