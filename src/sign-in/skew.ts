// How far the clock of this machine is from the provider's, by the Date of its answers (RFC 9110 §6.6.1). Times in tokens are
// the provider's: with a clock that is off, a token would be asked for again and again, or be used long after its end.

import type { Fetch } from '../outbound/fetch.ts';

/** Less is the way there and back. */
const LEAST_MS = 60_000;

export interface Skew {
  readonly fetch: Fetch;
  /** Positive: this machine's is ahead. 0 where it is less than a minute, or nobody said. */
  readonly aheadMs: () => number;
}

export function createSkew(fetch: Fetch): Skew {
  let aheadMs = 0;
  return {
    fetch: async (url, request) => {
      const answer = await fetch(url, request);
      const theirs = Date.parse(answer.headers.get('date') ?? '');
      const ahead = Date.now() - theirs;
      aheadMs = Math.abs(ahead) >= LEAST_MS ? ahead : 0;
      return answer;
    },
    aheadMs: () => aheadMs,
  };
}
