// Gathers changes of rights that come at once, and has them forgotten together: at once, and again a little later, since
// an API server that answers questions may hear of a change later than the one that tells of it (each has a cache of
// its own).

import type { Clock } from '../core/ports.ts';
import type { Affected } from './affected.ts';
import { union } from './affected.ts';

/** When what an answering API server may not have known is forgotten again, in milliseconds after the change. */
const AGAIN_AFTER_MS = [500, 5000] as const;

/** Calls `forget` with the union of what `add` was told in the same moment. */
export function createBatches(
  { clock }: { readonly clock: Clock },
  forget: (affected: Affected) => void,
): { add(affected: Affected): void } {
  const waiting = new Map<number, Affected>();
  const gather = (delayMs: number, affected: Affected): void => {
    const before = waiting.get(delayMs);
    waiting.set(delayMs, union(before, affected));
    if (before !== undefined) return;
    clock.after(delayMs, () => {
      const all = waiting.get(delayMs);
      waiting.delete(delayMs);
      if (all === undefined) return;
      forget(all);
      if (delayMs === 0) for (const later of AGAIN_AFTER_MS) gather(later, all);
    });
  };
  return { add: (affected) => gather(0, affected) };
}
