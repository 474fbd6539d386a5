// How long what runs in a browser's session may go on. A stream begins with what the session was then; whenever the session
// is used or renewed, here or at another gateway, the stream hears of it. Who hears nothing ends as it would have.
//
//   token of the session, by its newest renewal  + grace    of the same user only: renewed rights may be fewer
//   last use of the session                      + idle     no grace
//   beginning of the session                     + absolute no grace, and never later

import { createHash } from 'node:crypto';
import { CREDENTIAL_ID } from '../core/user.ts';
import type { Lifetime } from '../core/lifetime.ts';
import type { Clock } from '../core/ports.ts';
import type { User, Validity } from '../core/user.ts';

/** A session as it was used just now. Times in milliseconds since the epoch. */
export interface SessionNews {
  /** Id of the session. */
  readonly session: string;
  /** Digest of the user that its ID token was mapped to (toUserDigest). */
  readonly user: string;
  readonly tokenExpiresAt: number;
  readonly seenAt: number;
}

export interface LeaseLimits {
  readonly idleMs: number;
  /** When the session is over, whatever it is used for, in milliseconds since the epoch. */
  readonly endsAt: number;
}

export interface SessionLeases {
  /** Keeps the exchange informed until it ends. The function says until when it may run, by all that was heard. */
  follow(began: SessionNews, limits: LeaseLimits, lifetime: Lifetime): () => Validity;
  /** What is known already, or of a session in which nothing runs, changes nothing. */
  hear(news: SessionNews): void;
}

interface Lease {
  readonly user: string;
  tokenExpiresAt: number;
  seenAt: number;
}

export function createSessionLeases({ clock }: { readonly clock: Clock }): SessionLeases {
  const running = new Map<string, Set<Lease>>();
  const enter = (session: string, lease: Lease, lifetime: Lifetime): void => {
    if (lifetime.ended) return;
    const leases = running.get(session) ?? new Set<Lease>();
    running.set(session, leases.add(lease));
    lifetime.onEnd(() => {
      leases.delete(lease);
      if (leases.size === 0 && running.get(session) === leases) running.delete(session);
    });
  };
  return {
    follow: ({ session, user, tokenExpiresAt, seenAt }, { idleMs, endsAt }, lifetime) => {
      const lease: Lease = { user, tokenExpiresAt, seenAt };
      enter(session, lease, lifetime);
      return () => ({
        expiresAt: lease.tokenExpiresAt,
        endsAt: Math.min(lease.seenAt + idleMs, endsAt),
      });
    },
    hear: ({ session, user, tokenExpiresAt, seenAt }) => {
      // Another gateway's clock may be ahead; what it says must not count for longer than it is true.
      const usedAt = Math.min(seenAt, clock.now());
      for (const lease of running.get(session) ?? []) {
        lease.seenAt = Math.max(lease.seenAt, usedAt);
        if (lease.user === user) lease.tokenExpiresAt = Math.max(lease.tokenExpiresAt, tokenExpiresAt);
      }
    },
  };
}

/** Users are the same when rules about users would find them so. Which token it is, is not about the user. */
export function toUserDigest({ name, uid, groups, extra }: User): string {
  const more = Object.entries(extra).filter(([key]) => key !== CREDENTIAL_ID);
  return createHash('sha256')
    .update(JSON.stringify([name, uid, [...groups].sort(), more.sort(byKey)]))
    .digest('base64');
}

const byKey = ([one]: readonly [string, unknown], [other]: readonly [string, unknown]): number =>
  one < other ? -1 : 1;

/** Of what another gateway has told; undefined for anything that this version does not write. */
export function parseNews(value: unknown): SessionNews | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { session, user, tokenExpiresAt, seenAt } = value as Readonly<Record<string, unknown>>;
  if (typeof session !== 'string' || typeof user !== 'string') return undefined;
  return isTime(tokenExpiresAt) && isTime(seenAt) ? { session, user, tokenExpiresAt, seenAt } : undefined;
}

const isTime = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);
