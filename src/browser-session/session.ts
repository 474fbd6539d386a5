// A person's session in a browser: what the cookie holds, and how long it counts. The cookie is all there is: every
// replica that has the key can read it.

import type { SignIn } from '../core/user.ts';
import { createHash } from 'node:crypto';

export interface Session {
  /** Random; another one at each login. */
  readonly id: string;
  /** Name of the provider in the configuration. */
  readonly provider: string;
  /** Verified at each use, like any token of that issuer. */
  readonly idToken: string;
  /** When the ID token is over, in milliseconds since the epoch. */
  readonly tokenExpiresAt: number;
  readonly refreshToken?: string;
  readonly issuer: string;
  readonly subject: string;
  readonly sid?: string;
  /** By the issuer's clock, in milliseconds since the epoch: what its logouts are compared with. */
  readonly signedInAt: number;
  /** By the gateway's clock. */
  readonly startedAt: number;
  readonly seenAt: number;
}

export interface SessionLimits {
  readonly idleMs: number;
  readonly absoluteMs: number;
}

/** A moment that gateways whose clocks differ a little may be apart. */
const SKEW_MS = 60_000;

/** Why the session does not count any more, by its own times. */
export function findSessionEnd(
  { startedAt, seenAt }: Session,
  { idleMs, absoluteMs }: SessionLimits,
  now: number,
): 'idle' | 'absolute' | 'future' | undefined {
  if (startedAt > now + SKEW_MS || seenAt > now + SKEW_MS) return 'future';
  if (now - startedAt >= absoluteMs) return 'absolute';
  return now - seenAt >= idleMs ? 'idle' : undefined;
}

export const toSignIn = ({ id, issuer, subject, sid, signedInAt }: Session): SignIn => ({
  issuer,
  subject,
  at: signedInAt,
  session: id,
  ...(sid === undefined ? {} : { sid }),
});

/** For logs and audit events: tells sessions apart, and opens none. */
export const toSessionLabel = (id: string): string =>
  createHash('sha256').update(id).digest('base64url').slice(0, 12);

/** Short names: every byte is in every request. */
export const toPayload = (session: Session): object => ({
  v: 1,
  i: session.id,
  p: session.provider,
  t: session.idToken,
  e: session.tokenExpiresAt,
  r: session.refreshToken,
  u: session.issuer,
  n: session.subject,
  d: session.sid,
  a: session.signedInAt,
  b: session.startedAt,
  s: session.seenAt,
});

/** Undefined for anything that this version does not write. */
export function parsePayload(value: unknown): Session | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const own = new Map<string, unknown>(Object.entries(value));
  const text = (key: string): string | undefined => {
    const found = own.get(key);
    return typeof found === 'string' ? found : undefined;
  };
  const time = (key: string): number | undefined => {
    const found = own.get(key);
    return typeof found === 'number' && Number.isFinite(found) ? found : undefined;
  };
  const [id, provider, idToken, issuer, subject] = [text('i'), text('p'), text('t'), text('u'), text('n')];
  const [tokenExpiresAt, signedInAt, startedAt, seenAt] = [time('e'), time('a'), time('b'), time('s')];
  const [refreshToken, sid] = [text('r'), text('d')];
  if (own.get('v') !== 1 || id === undefined || provider === undefined || idToken === undefined)
    return undefined;
  if (issuer === undefined || subject === undefined || tokenExpiresAt === undefined) return undefined;
  if (signedInAt === undefined || startedAt === undefined || seenAt === undefined) return undefined;
  return {
    id,
    provider,
    idToken,
    tokenExpiresAt,
    issuer,
    subject,
    signedInAt,
    startedAt,
    seenAt,
    ...(refreshToken === undefined ? {} : { refreshToken }),
    ...(sid === undefined ? {} : { sid }),
  };
}
