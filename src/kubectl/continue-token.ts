// The `continue` of a list that comes in parts. It names a place in the list and nothing else: whoever makes one up is
// shown what they may read, as without it. Where it was given for another list, or long ago, it is refused.

import { createHash } from 'node:crypto';
import { Fault } from '../core/fault.ts';

/** As long as an API server keeps what a token is about (etcd's compaction). */
const MAX_AGE_MS = 300_000;

export interface Continuation {
  /** Of the first part, and so of all. */
  readonly resourceVersion: string;
  /** The node whose pods come next. */
  readonly node: string;
  /** Those of that node which were shown come up to this one; empty: none was. */
  readonly after: string;
}

/** `list`: whose list it is, and of what. */
export const toContinueToken = (list: string, now: number, place: Continuation): string =>
  Buffer.from(
    JSON.stringify([1, toDigest(list), now, place.resourceVersion, place.node, place.after]),
  ).toString('base64url');

/** Throws BadRequest for what is no token of this list, Expired for one that is too old. */
export function parseContinueToken(token: string, list: string, now: number): Continuation {
  const [version, digest, at, resourceVersion, node, after] = toParts(token);
  if (
    version !== 1 ||
    typeof digest !== 'string' ||
    typeof at !== 'number' ||
    typeof resourceVersion !== 'string' ||
    !/^\d{1,20}$/.test(resourceVersion) ||
    typeof node !== 'string' ||
    typeof after !== 'string'
  ) {
    throw new Fault('BadRequest', 'continue key is not valid: it is of no list here');
  }
  if (digest !== toDigest(list)) {
    throw new Fault('BadRequest', 'continue key is not valid: it is of another list, or of somebody else');
  }
  if (!(now - at < MAX_AGE_MS && at - now < MAX_AGE_MS)) {
    throw new Fault(
      'Expired',
      'the provided continue parameter is too old: start a new list without the continue parameter',
    );
  }
  return { resourceVersion, node, after };
}

function toParts(token: string): readonly unknown[] {
  try {
    const parts: unknown = JSON.parse(Buffer.from(token, 'base64url').toString());
    return Array.isArray(parts) ? parts : [];
  } catch {
    return [];
  }
}

const toDigest = (list: string): string => createHash('sha256').update(list).digest('base64url').slice(0, 22);
