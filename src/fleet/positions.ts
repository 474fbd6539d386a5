// What clients have been shown, by the resourceVersion that they were told with it: where a watch begins. A kubelet has
// no history, so a watch tells what differs from what its client has seen. What is not kept any more is Expired.
//
//   resourceVersion   1795967893123 004 517     milliseconds, count within them, this process: a number, as clients of
//                                               an API server may expect, and growing

import { randomInt } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../core/ports.ts';

/** How long a list is good for to begin a watch from; an API server keeps five minutes. */
const MAX_AGE_MS = 300_000;
/** Bytes of all lists that are kept: some 150,000 objects. */
const MAX_KEPT = 32 * 1024 * 1024;
/** What an entry of a map takes besides its text. */
const ENTRY_BYTES = 100;

/** Of each node, by what its objects are known by, the fingerprint of what was shown. Lists of nodes have one, `''`. */
export type Shown = ReadonlyMap<string, ReadonlyMap<string, string>>;

export interface Positions {
  /** A resourceVersion that was not told before; larger than all that were. */
  next(): string;
  /** `list`: whose list it is, and of what. */
  keep(list: string, resourceVersion: string, shown: Shown): void;
  /** Undefined: not kept, or of another list. */
  recall(list: string, resourceVersion: string): Shown | undefined;
}

interface Position {
  readonly list: string;
  readonly shown: Shown;
  readonly at: number;
}

export function createPositions({ clock }: { readonly clock: Clock }): Positions {
  const kept = new LRUCache<string, Position>({
    maxSize: MAX_KEPT,
    sizeCalculation: ({ list, shown }) => ENTRY_BYTES + list.length + bytesOf(shown),
  });
  const salt = String(randomInt(1000)).padStart(3, '0');
  let lastMs = 0;
  let count = 0;
  const isOld = ({ at }: Position): boolean => clock.now() - at > MAX_AGE_MS;
  /** The oldest come first: nothing but `keep` changes their order. */
  const forgetOld = (): void => {
    for (const resourceVersion of kept.rkeys()) {
      const position = kept.peek(resourceVersion);
      if (position === undefined || !isOld(position)) return;
      kept.delete(resourceVersion);
    }
  };
  return {
    next: () => {
      const now = Math.floor(clock.now());
      if (now > lastMs) {
        lastMs = now;
        count = 0;
      } else if (count === 999) {
        // A clock that stands still, or more than a thousand in a millisecond: the future is borrowed from.
        lastMs += 1;
        count = 0;
      } else count += 1;
      return `${lastMs}${String(count).padStart(3, '0')}${salt}`;
    },
    keep: (list, resourceVersion, shown) => {
      forgetOld();
      kept.set(resourceVersion, { list, shown, at: clock.now() });
    },
    recall: (list, resourceVersion) => {
      const position = kept.peek(resourceVersion);
      if (position?.list !== list || isOld(position)) return undefined;
      return position.shown;
    },
  };
}

export const countOf = (shown: Shown): number => {
  let count = 0;
  for (const objects of shown.values()) count += objects.size;
  return count;
};

function bytesOf(shown: Shown): number {
  let bytes = 0;
  for (const [group, objects] of shown) {
    bytes += ENTRY_BYTES + group.length;
    for (const [key, fingerprint] of objects) bytes += ENTRY_BYTES + key.length + fingerprint.length;
  }
  return bytes;
}
