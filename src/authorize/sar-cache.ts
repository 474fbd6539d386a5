// What SubjectAccessReviews have answered, by question. Allowed answers and all others are kept apart, each with a
// time to live of its own, so that a flood of refused questions does not push the allowed ones out.

import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { AnyAttributes } from '../core/attributes.ts';
import type { Decision } from '../core/decision.ts';
import type { Clock } from '../core/ports.ts';
import type { User } from '../core/user.ts';
import { isPath } from '../core/attributes.ts';

export interface DecisionCacheOptions {
  /** Milliseconds that an allow is kept; 0: not at all. */
  readonly authorizedTtlMs: number;
  /** Milliseconds that a deny or no opinion is kept; 0: not at all. */
  readonly unauthorizedTtlMs: number;
  /** Of each of the two caches. */
  readonly maxEntries: number;
}

export interface DecisionCache {
  get(key: string): Decision | undefined;
  set(key: string, decision: Decision): void;
  clear(): void;
  readonly authorizedCount: number;
  readonly unauthorizedCount: number;
}

export function createDecisionCache(
  { clock }: { readonly clock: Clock },
  { authorizedTtlMs, unauthorizedTtlMs, maxEntries }: DecisionCacheOptions,
): DecisionCache {
  const create = (ttl: number): LRUCache<string, Decision> =>
    // ttlResolution 0: the clock is asked every time, and a decision is not kept a moment longer than configured.
    new LRUCache({ max: maxEntries, ttl, ttlResolution: 0, perf: { now: () => clock.now() } });
  const authorized = create(authorizedTtlMs);
  const unauthorized = create(unauthorizedTtlMs);
  return {
    get: (key) => authorized.get(key) ?? unauthorized.get(key),
    set: (key, decision) => {
      const allowed = decision.kind === 'allow';
      // To lru-cache a ttl of 0 means for ever.
      if ((allowed ? authorizedTtlMs : unauthorizedTtlMs) > 0) {
        (allowed ? authorized : unauthorized).set(key, decision);
      }
    },
    clear: () => {
      authorized.clear();
      unauthorized.clear();
    },
    get authorizedCount() {
      return authorized.size;
    },
    get unauthorizedCount() {
      return unauthorized.size;
    },
  };
}

/** Makes the key of a question. Questions that differ anywhere, in a group or an extra value too, differ in their key. */
export type ToKey = (user: User, attributes: AnyAttributes) => string;

/**
 * Keys are JSON of a tuple: no choice of separators inside a name makes two questions one. The user's part is a digest
 * of such a tuple, made once for each User object, so that a user in hundreds of groups costs a key no more bytes.
 */
export function createKeys(): ToKey {
  const digests = new WeakMap<User, string>();
  return (user, attributes) => {
    let digest = digests.get(user);
    if (digest === undefined) {
      digest = toDigest(user);
      digests.set(user, digest);
    }
    // Of another length than a resource's: the one is never the other.
    if (isPath(attributes)) return JSON.stringify([digest, attributes.verb, attributes.path]);
    return JSON.stringify([
      digest,
      attributes.verb,
      attributes.apiGroup,
      attributes.version,
      attributes.resource,
      attributes.subresource,
      attributes.namespace,
      attributes.name,
    ]);
  };
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
