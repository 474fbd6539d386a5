// What plain requests for a kubelet's own paths mean, kept by their target: Prometheus and every dashboard ask for the
// same again and again. What is kept is what parsing and routing have found, and never anything of who asked.

import { LRUCache } from 'lru-cache';
import type { Received, Resolved } from '../core/exchange.ts';
import { toLasting } from '../core/lasting.ts';

/** What of a request is the same for everybody who sends it. */
export type Meaning = Pick<Resolved, 'node' | 'action' | 'transport' | 'requirement' | 'surface'>;

/** A few scrapes of some thousand nodes; 1 to 3 kB each. */
const MAX_ENTRIES = 8192;
/** Longer ones are of a person, who asks once. */
const MAX_TARGET_LENGTH = 256;

type Asked = Pick<Received, 'method' | 'target'>;

export interface Meanings {
  get(asked: Asked): Meaning | undefined;
  /** Only what follows from method and target alone. It is frozen from here on. */
  keep(asked: Asked, meaning: Meaning): void;
}

export function createMeanings(): Meanings {
  const kept = new LRUCache<string, Meaning>({ max: MAX_ENTRIES });
  return {
    get: ({ method, target }) => (method === 'GET' ? kept.get(target) : undefined),
    keep: ({ method, target }, meaning) => {
      if (method === 'GET' && target.length <= MAX_TARGET_LENGTH) kept.set(target, toLasting(meaning));
    },
  };
}
