// Sign-ins that are over: logged out here, or at the identity provider. What is in the list is refused, and what runs is
// ended, at once. Kept for as long as a session could live, and bounded: only those who were signed in can add to it.

import type { Clock } from '../core/ports.ts';
import type { SignIn } from '../core/user.ts';

/** What is over. */
export type Revocation =
  | { readonly kind: 'session'; readonly session: string }
  | { readonly kind: 'sid'; readonly issuer: string; readonly sid: string }
  /** All that the person began up to `until`, in milliseconds since the epoch by the issuer's clock. */
  | {
      readonly kind: 'subject';
      readonly issuer: string;
      readonly subject: string;
      readonly until: number;
      /** Only sessions of browsers of which the provider did not say which sign-in they are. */
      readonly unnamedSessions?: true;
    };

export interface RevocationList {
  isRevoked(signIn: SignIn): boolean;
  /** False: it was known already. `forgetAt` is in milliseconds since the epoch. */
  add(revocation: Revocation, forgetAt: number): boolean;
  entries(): Iterable<{ readonly revocation: Revocation; readonly forgetAt: number }>;
}

export const MAX_REVOCATIONS = 100_000;

/** Beyond `maxEntries` the oldest is dropped, of which `onDropped` is told. */
export function createRevocationList(
  { clock, onDropped }: { readonly clock: Clock; readonly onDropped?: () => void },
  { maxEntries = MAX_REVOCATIONS }: { readonly maxEntries?: number } = {},
): RevocationList {
  const known = new Map<string, { readonly revocation: Revocation; readonly forgetAt: number }>();

  const find = (key: string): Revocation | undefined => {
    const entry = known.get(key);
    return entry !== undefined && clock.now() < entry.forgetAt ? entry.revocation : undefined;
  };
  const makeRoom = (): void => {
    if (known.size < maxEntries) return;
    const now = clock.now();
    for (const [key, { forgetAt }] of known) if (forgetAt <= now) known.delete(key);
    const [oldest] = known.keys();
    if (known.size < maxEntries || oldest === undefined) return;
    known.delete(oldest);
    onDropped?.();
  };

  return {
    isRevoked: ({ issuer, subject, sid, at, session }) => {
      if (known.size === 0) return false;
      if (session !== undefined && find(toKey({ kind: 'session', session })) !== undefined) return true;
      if (sid !== undefined && find(toKey({ kind: 'sid', issuer, sid })) !== undefined) return true;
      const person = { kind: 'subject', issuer, subject, until: 0 } as const;
      const ofAll = find(toKey(person));
      if (ofAll?.kind === 'subject' && at <= ofAll.until) return true;
      if (session === undefined || sid !== undefined) return false;
      const ofUnnamed = find(toKey({ ...person, unnamedSessions: true }));
      return ofUnnamed?.kind === 'subject' && at <= ofUnnamed.until;
    },
    add: (revocation, forgetAt) => {
      const key = toKey(revocation);
      const before = known.get(key);
      const isKnown =
        before !== undefined &&
        before.forgetAt >= forgetAt &&
        (revocation.kind !== 'subject' ||
          (before.revocation.kind === 'subject' && before.revocation.until >= revocation.until));
      if (isKnown) return false;
      if (before === undefined) makeRoom();
      known.set(key, { revocation: later(before?.revocation, revocation), forgetAt });
      return true;
    },
    entries: () => known.values(),
  };
}

/** A logout of a person that comes late must not let in what a later one has ended. */
const later = (before: Revocation | undefined, now: Revocation): Revocation =>
  before?.kind === 'subject' && now.kind === 'subject' && before.until > now.until ? before : now;

/** Unambiguous: a list in JSON. */
function toKey(revocation: Revocation): string {
  switch (revocation.kind) {
    case 'session':
      return JSON.stringify(['session', revocation.session]);
    case 'sid':
      return JSON.stringify(['sid', revocation.issuer, revocation.sid]);
    case 'subject':
      return JSON.stringify([
        revocation.unnamedSessions === true ? 'unnamed' : 'subject',
        revocation.issuer,
        revocation.subject,
      ]);
  }
}

export function parseRevocation(text: string): Revocation | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { kind, session, issuer, sid, subject, until, unnamedSessions } = value as Readonly<
    Record<string, unknown>
  >;
  if (kind === 'session' && typeof session === 'string') return { kind, session };
  if (typeof issuer !== 'string') return undefined;
  if (kind === 'sid' && typeof sid === 'string') return { kind, issuer, sid };
  if (kind === 'subject' && typeof subject === 'string' && typeof until === 'number')
    return { kind, issuer, subject, until, ...(unnamedSessions === true ? { unnamedSessions } : {}) };
  return undefined;
}
