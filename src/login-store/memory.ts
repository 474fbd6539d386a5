// The store of one gateway by itself: it forgets at a restart, and knows nothing of others.

import type { Clock, Log } from '../core/ports.ts';
import type { Revocation } from './revocations.ts';
import type { SessionStore } from './store.ts';
import { createRevocationList } from './revocations.ts';

const MAX_USED = 100_000;

export interface StoreOptions {
  /** How long a revocation is remembered, in milliseconds. */
  readonly rememberMs: number;
}

export function createMemoryStore(
  { clock, log }: { readonly clock: Clock; readonly log: Log },
  { rememberMs }: StoreOptions,
): SessionStore {
  const list = createRevocationList({ clock, onDropped: () => log.error({}, DROPPED) });
  const listeners = new Set<(revocation: Revocation) => void>();
  const used = new Map<string, number>();
  return {
    isRevoked: (signIn) => list.isRevoked(signIn),
    revoke: (revocation) => {
      list.add(revocation, clock.now() + rememberMs);
      for (const listener of [...listeners]) listener(revocation);
      return Promise.resolve();
    },
    problem: () => undefined,
    onRevoked: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    tell: () => Promise.resolve(),
    onTold: () => () => undefined,
    once: (key, ttlMs) => {
      const now = clock.now();
      const until = used.get(key);
      if (until !== undefined && now < until) return Promise.resolve(false);
      if (used.size >= MAX_USED) forget(used, now);
      used.set(key, now + ttlMs);
      return Promise.resolve(true);
    },
    stop: () => undefined,
  };
}

export const DROPPED = 'too many sign-ins were ended: the oldest is forgotten';

/** What is over, or else the oldest. */
function forget(used: Map<string, number>, now: number): void {
  for (const [key, until] of used) if (until <= now) used.delete(key);
  const [oldest] = used.keys();
  if (used.size >= MAX_USED && oldest !== undefined) used.delete(oldest);
}
