// Nodes that claim pods which are another node's by their spec. Every claim is counted; the log is told when what a node
// claims changes, and not with each reading: a liar is read every few seconds for as long as it lies.

import type { NodeName } from '../core/names.ts';
import type { Clock, Log } from '../core/ports.ts';

/** Of one node. What changes sooner is told of with the first reading after it. */
const QUIET_MS = 60_000;

export interface ForeignClaimsPorts {
  readonly clock: Clock;
  readonly log: Pick<Log, 'info' | 'warn'>;
  /** Counts the claims of a reading. */
  readonly counted: (count: number) => void;
  /** Whether the node is one of the fleet: of others nothing is kept. */
  readonly isKnown: (node: NodeName) => boolean;
}

/** To be told of every reading of a node, how many foreign pods were in it. */
export type TellForeign = (node: NodeName, count: number) => void;

export function createForeignClaims({ clock, log, counted, isKnown }: ForeignClaimsPorts): TellForeign {
  const told = new Map<NodeName, { readonly count: number; readonly atMs: number }>();
  return (node, count) => {
    if (count > 0) counted(count);
    const last = told.get(node);
    if (count === (last?.count ?? 0)) return;
    const now = clock.now();
    if (last !== undefined && now - last.atMs < QUIET_MS) return;
    for (const name of told.keys()) if (!isKnown(name)) told.delete(name);
    told.set(node, { count, atMs: now });
    if (count > 0) log.warn({ node, count }, 'the node claims pods whose spec names another node');
    else log.info({ node }, 'the node claims no pods of other nodes any more');
  };
}
