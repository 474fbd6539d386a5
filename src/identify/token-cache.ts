// Remembers verified tokens for a short time, under their SHA-256 digest: the cache never holds a token. The digest
// covers the whole token and so its issuer: two issuers cannot collide. Failures are not kept; equal tokens that come
// at once are verified once.

import { hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { AuthenticationSettings } from '../core/configuration.ts';
import type { Clock } from '../core/ports.ts';
import type { Authentication } from '../core/user.ts';

export interface Checked {
  readonly authentication: Authentication;
  /** Asked at every hit: whether what the verification rested on still holds. */
  readonly holds: () => boolean;
}

interface Entry extends Checked {
  readonly until: number;
}

export interface TokenCache {
  (token: string): Authentication | Promise<Authentication>;
  /** Forgets all tokens: each is verified anew. What is being verified now is not kept. */
  flush(): void;
}

/**
 * A token is kept for `ttlMs` milliseconds and never past its expiry; 0 keeps none. `verify` rejects with a Fault, and
 * so does what is returned. Answers a known token without a promise.
 */
export function createTokenCache(
  { clock, verify }: { readonly clock: Clock; readonly verify: (token: string) => Promise<Checked> },
  { ttlMs, maxEntries }: AuthenticationSettings['tokenCache'],
): TokenCache {
  /** Both replaced by a flush: what is on its way belongs to those that it began with. */
  let entries = new LRUCache<string, Entry>({ max: maxEntries });
  let running = new Map<string, Promise<Authentication>>();

  const verifyAndKeep = async (digest: string, token: string): Promise<Authentication> => {
    const own = entries;
    const { authentication, holds } = await verify(token);
    const until = Math.min(clock.now() + ttlMs, authentication.expiresAt);
    if (until > clock.now()) own.set(digest, { authentication, holds, until });
    return authentication;
  };

  const authenticate = (token: string): Authentication | Promise<Authentication> => {
    const digest = hash('sha256', token, 'base64');
    const known = entries.get(digest);
    if (known !== undefined) {
      if (clock.now() < known.until && known.holds()) return known.authentication;
      entries.delete(digest);
    }
    let pending = running.get(digest);
    if (pending === undefined) {
      const own = running;
      pending = verifyAndKeep(digest, token).finally(() => own.delete(digest));
      own.set(digest, pending);
    }
    return pending;
  };
  return Object.assign(authenticate, {
    flush: () => {
      entries = new LRUCache({ max: maxEntries });
      running = new Map();
    },
  });
}
