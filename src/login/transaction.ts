// A sign-in under way: what binds the provider's answer to the browser that was sent there (RFC 9700 §4.7). Sealed into a
// short-lived cookie of its own, so that sign-ins in two tabs do not disturb each other, and good once.

import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Proofs } from '../oidc/provider.ts';
import type { Cookies } from '../browser-session/cookies.ts';
import type { Sealer } from '../browser-session/seal.ts';
import { LOGIN_COOKIE, clearCookie, setCookie } from '../browser-session/cookies.ts';

export interface Transaction extends Proofs {
  readonly provider: string;
  readonly origin: string;
  /** A path of the gateway. */
  readonly returnTo: string;
  /** Another site has sent the person here: going on afterwards takes a click. */
  readonly isForeign: boolean;
  /** The provider was asked to answer without a person. */
  readonly isSilent: boolean;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
}

export const TRANSACTION_MS = 10 * 60_000;

/** In one browser. The oldest are dropped: a cookie that is left behind is in every request. */
const MAX_TRANSACTIONS = 4;

const random = (): string => randomBytes(32).toString('base64url');

export const createProofs = (): Proofs => ({ state: random(), nonce: random(), verifier: random() });

/** `Set-Cookie` lines. */
export async function keepTransaction(
  sealer: Sealer,
  transaction: Transaction,
  cookies: Cookies,
): Promise<readonly string[]> {
  const left = [...cookies.keys()].filter((name) => name.startsWith(`${LOGIN_COOKIE}.`));
  return [
    setCookie(toName(transaction.state), await sealer.seal(transaction), TRANSACTION_MS / 1000),
    ...left.slice(0, Math.max(0, left.length - MAX_TRANSACTIONS + 1)).map(clearCookie),
  ];
}

/** Undefined: this browser was not sent with this state, or it is too long ago. */
export async function findTransaction(
  sealer: Sealer,
  cookies: Cookies,
  state: string,
  now: number,
): Promise<Transaction | undefined> {
  const text = cookies.get(toName(state));
  const transaction = text === undefined ? undefined : parse(await sealer.open(text));
  if (transaction === undefined || !isSame(transaction.state, state)) return undefined;
  return now - transaction.startedAt < TRANSACTION_MS ? transaction : undefined;
}

export const dropTransaction = (state: string): string => clearCookie(toName(state));

/** The name says nothing about the state to whoever sees the cookie's name alone. */
const toName = (state: string): string =>
  `${LOGIN_COOKIE}.${createHash('sha256').update(state).digest('base64url').slice(0, 10)}`;

function isSame(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function parse(value: unknown): Transaction | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { provider, origin, returnTo, isForeign, isSilent, startedAt, state, nonce, verifier } =
    value as Readonly<Record<string, unknown>>;
  if (typeof provider !== 'string' || typeof origin !== 'string' || typeof returnTo !== 'string')
    return undefined;
  if (typeof isForeign !== 'boolean' || typeof isSilent !== 'boolean' || typeof startedAt !== 'number') {
    return undefined;
  }
  if (typeof state !== 'string' || typeof nonce !== 'string' || typeof verifier !== 'string')
    return undefined;
  return { provider, origin, returnTo, isForeign, isSilent, startedAt, state, nonce, verifier };
}
