// What SubjectAccessReviews have answered, by question. Allowed answers and all others are kept apart, each with a
// time to live of its own, so that a flood of refused questions does not push the allowed ones out.

import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { AnyAttributes } from '../core/attributes.ts';
import type { Decision } from '../core/decision.ts';
import type { Clock } from '../core/ports.ts';
import type { User } from '../core/user.ts';
import type { Affected } from './affected.ts';
import { isPath } from '../core/attributes.ts';
import { rememberLasting } from '../core/lasting.ts';
import { isAffected } from './affected.ts';

export interface DecisionCacheOptions {
  /** Milliseconds that an allow is kept; 0: not at all. */
  readonly authorizedTtlMs: number;
  /** Milliseconds that a deny or no opinion is kept; 0: not at all. */
  readonly unauthorizedTtlMs: number;
  /** Of each of the two caches. */
  readonly maxEntries: number;
  /** Milliseconds of age up to which an allow may stand in for an API server that is away. Default 0: never. */
  readonly staleAllowMs?: number;
}

export interface DecisionCacheDependencies {
  readonly clock: Clock;
  /** Milliseconds beyond which nothing is kept at present: short while changes of rights are not heard of. */
  readonly maxAgeMs?: (() => number) | undefined;
}

/** What is older than what is kept. */
export interface StaleDecision {
  readonly decision: Decision;
  readonly ageMs: number;
}

export interface DecisionCache {
  get(key: string): Decision | undefined;
  /** What has not been forgotten, whatever its age up to the bound for it. */
  stale(key: string): StaleDecision | undefined;
  set(key: string, user: User, decision: Decision): void;
  /** Forgets what was decided about these users. Returns how many decisions that were. */
  forget(affected: Affected): number;
  readonly authorizedCount: number;
  readonly unauthorizedCount: number;
}

interface Entry {
  readonly decision: Decision;
  readonly user: User;
  readonly decidedAt: number;
}

export function createDecisionCache(
  { clock, maxAgeMs = () => Infinity }: DecisionCacheDependencies,
  { authorizedTtlMs, unauthorizedTtlMs, maxEntries, staleAllowMs = 0 }: DecisionCacheOptions,
): DecisionCache {
  const create = (ttl: number): LRUCache<string, Entry> =>
    // ttlResolution 0: the clock is asked every time, and a decision is not kept a moment longer than configured.
    new LRUCache({ max: maxEntries, ttl, ttlResolution: 0, perf: { now: () => clock.now() } });
  const kept = {
    authorized: { entries: create(Math.max(authorizedTtlMs, staleAllowMs)), ttlMs: authorizedTtlMs },
    // Stale refusals let nobody in: they lead from one alternative of a requirement to the next.
    unauthorized: { entries: create(Math.max(unauthorizedTtlMs, staleAllowMs)), ttlMs: unauthorizedTtlMs },
  };
  const fresh = ({ entries, ttlMs }: (typeof kept)['authorized'], key: string): Decision | undefined => {
    const entry = entries.get(key);
    if (entry === undefined) return undefined;
    const ageMs = clock.now() - entry.decidedAt;
    return isWithin(ageMs, ttlMs) && isWithin(ageMs, maxAgeMs()) ? entry.decision : undefined;
  };
  return {
    // A refusal first: it is the newer of the two, where both are still there.
    get: (key) => fresh(kept.unauthorized, key) ?? fresh(kept.authorized, key),
    stale: (key) => {
      if (staleAllowMs === 0) return undefined;
      const entry = kept.unauthorized.entries.get(key) ?? kept.authorized.entries.get(key);
      if (entry === undefined) return undefined;
      const ageMs = clock.now() - entry.decidedAt;
      return isWithin(ageMs, staleAllowMs) ? { decision: entry.decision, ageMs } : undefined;
    },
    set: (key, user, decision) => {
      const isAllow = decision.kind === 'allow';
      // What is not an allow takes back one that was kept beyond its time.
      if (!isAllow) kept.authorized.entries.delete(key);
      else kept.unauthorized.entries.delete(key);
      const { entries, ttlMs } = isAllow ? kept.authorized : kept.unauthorized;
      // To lru-cache a ttl of 0 means for ever.
      if (Math.max(ttlMs, staleAllowMs) > 0) {
        entries.set(key, { decision, user, decidedAt: clock.now() });
      }
    },
    forget: (affected) => {
      let forgotten = 0;
      for (const { entries } of [kept.authorized, kept.unauthorized]) {
        if (affected.kind === 'everyone') {
          forgotten += entries.size;
          entries.clear();
          continue;
        }
        for (const [key, { user }] of entries.entries()) {
          if (isAffected(affected, user) && entries.delete(key)) forgotten += 1;
        }
      }
      return forgotten;
    },
    get authorizedCount() {
      return kept.authorized.entries.size;
    },
    get unauthorizedCount() {
      return kept.unauthorized.entries.size;
    },
  };
}

/** A bound of 0 holds nothing. */
const isWithin = (ageMs: number, boundMs: number): boolean => boundMs > 0 && ageMs <= boundMs;

/** Makes the key of a question. Questions that differ anywhere, in a group or an extra value too, differ in their key. */
export type ToKey = (user: User, attributes: AnyAttributes) => string;

/**
 * Keys are JSON of a tuple: no choice of separators inside a name makes two questions one. The user's part is a digest
 * of such a tuple, made once for each User object, so that a user in hundreds of groups costs a key no more bytes. What
 * lasts of a question is the rest of its tuple, and the last key: the next to ask it is most often the same user.
 */
export function createKeys(): ToKey {
  const digests = new WeakMap<User, string>();
  const toQuestion = rememberLasting((attributes: AnyAttributes) => ({
    rest: toRest(attributes),
    digest: '',
    key: '',
  }));
  return (user, attributes) => {
    let digest = digests.get(user);
    if (digest === undefined) {
      digest = toDigest(user);
      digests.set(user, digest);
    }
    const last = toQuestion(attributes);
    if (last.digest !== digest) {
      last.key = `["${digest}",${last.rest}`;
      last.digest = digest;
    }
    return last.key;
  };
}

/** The tuple's JSON behind the digest, which is base64. */
function toRest(attributes: AnyAttributes): string {
  // Of another length than a resource's: the one is never the other.
  if (isPath(attributes)) return JSON.stringify([attributes.verb, attributes.path]).slice(1);
  const { verb, apiGroup, version, resource, subresource, namespace, name } = attributes;
  return JSON.stringify([verb, apiGroup, version, resource, subresource, namespace, name]).slice(1);
}

const toDigest = ({ name, uid, groups, extra }: User): string =>
  createHash('sha256')
    .update(JSON.stringify([name, uid, groups, Object.entries(extra)]))
    .digest('base64');

/** Kubernetes keeps no decision whose requester-controlled attributes reach this many bytes (webhook authorizer). */
const MAX_ATTRIBUTE_BYTES = 10_000;
/** A UTF-16 code unit is at most this many bytes in UTF-8. */
const MAX_UTF8_BYTES_PER_UNIT = 3;

export function isCacheable(attributes: AnyAttributes): boolean {
  if (isPath(attributes)) return Buffer.byteLength(attributes.verb + attributes.path) < MAX_ATTRIBUTE_BYTES;
  const { verb, apiGroup, version, resource, subresource, namespace, name } = attributes;
  const units =
    verb.length +
    apiGroup.length +
    version.length +
    resource.length +
    subresource.length +
    namespace.length +
    name.length;
  if (units * MAX_UTF8_BYTES_PER_UNIT < MAX_ATTRIBUTE_BYTES) return true;
  const text = verb + apiGroup + version + resource + subresource + namespace + name;
  return Buffer.byteLength(text) < MAX_ATTRIBUTE_BYTES;
}
