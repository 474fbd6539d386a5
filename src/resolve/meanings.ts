// What plain requests for a kubelet's own paths mean, kept by their target: Prometheus and every dashboard ask for the
// same again and again. What is kept is what parsing and routing have found, and never anything of who asked. A target
// that is asked for once is not kept: more of them than there is room for would cost more than it saves.

import { LRUCache } from 'lru-cache';
import type { Received, Resolved } from '../core/exchange.ts';
import { toLasting } from '../core/lasting.ts';

/** What of a request is the same for everybody who sends it. */
export type Meaning = Pick<Resolved, 'node' | 'action' | 'transport' | 'requirement' | 'surface'>;

/** A scrape of some thousand nodes; 1 to 3 kB each. */
const MAX_ENTRIES = 16_384;
/** A power of two. With more targets than places most are never seen twice, and the room is not fought for. */
const PLACES = 32_768;
/** Longer ones are of a person, who asks once. */
const MAX_TARGET_LENGTH = 256;

type Asked = Pick<Received, 'method' | 'target'>;

export interface Meanings {
  get(asked: Asked): Meaning | undefined;
  /** Only what follows from method and target alone. Kept at the second time, and frozen from there on. */
  keep(asked: Asked, meaning: Meaning): void;
}

export function createMeanings(): Meanings {
  const kept = new LRUCache<string, Meaning>({ max: MAX_ENTRIES });
  const lastSeen: (string | undefined)[] = new Array<undefined>(PLACES);
  const isSeenAgain = (target: string): boolean => {
    const place = toPlace(target);
    const isAgain = lastSeen[place] === target;
    lastSeen[place] = target;
    return isAgain;
  };
  return {
    get: ({ method, target }) => (method === 'GET' ? kept.get(target) : undefined),
    keep: ({ method, target }, meaning) => {
      if (method !== 'GET' || target.length > MAX_TARGET_LENGTH || !isSeenAgain(target)) return;
      kept.set(target, toLasting(meaning));
    },
  };
}

/** Of targets that share one each pushes the others out, which does no harm. */
function toPlace(target: string): number {
  let mixed = 0;
  for (let i = 0; i < target.length; i += 1) mixed = (Math.imul(mixed, 31) + target.charCodeAt(i)) | 0;
  return (mixed ^ (mixed >>> 15)) & (PLACES - 1);
}
