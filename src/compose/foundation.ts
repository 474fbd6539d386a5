// What lines are built on, and what outlives each of them.

import type { Observer } from '../core/observation.ts';
import type { Clock } from '../core/ports.ts';
import type { Renewal } from '../credential/renewal.ts';
import type { Rechecks } from '../authorize/recheck.ts';
import type { Pools } from '../upstream/pools.ts';
import type { GatewayLog } from '../observe/log.ts';
import type { Metrics } from '../observe/metrics/metrics.ts';
import type { Watches } from '../fleet/watches.ts';
import type { FollowedInventory } from '../inventory/kubernetes.ts';
import type { LiveSignIns } from '../login-store/live-sign-ins.ts';
import type { SessionLeases } from '../login-store/session-leases.ts';
import type { Kept } from './kept.ts';
import type { LoginStore } from './login-store.ts';
import type { Recordings } from './recordings.ts';
import type { SessionRegistry } from '../sessions/registry.ts';

/** What lines are built on, and what outlives each of them. */
export interface Foundation {
  readonly clock: Clock;
  readonly log: GatewayLog;
  readonly metrics: Metrics;
  readonly observer: Observer;
  readonly pools: Pools;
  /** Asks again for the rights of what runs. Absent: nothing runs, and no change of rights is followed. */
  readonly rechecks?: Rechecks;
  /** What was issued to the gateway for kubelets: tokens, and certificates of its users. */
  readonly renewal: Renewal;
  /** Nodes that are followed, by where they come from. */
  readonly inventories: Kept<FollowedInventory>;
  /** Those that run, over all lines. */
  readonly sessions: SessionRegistry;
  /** What replicas agree on about sign-ins, by where it is kept. */
  readonly loginStores: Kept<LoginStore>;
  /** What runs for whom, so that a logout ends it. */
  readonly signIns: LiveSignIns;
  /** What runs in sessions of browsers, so that it goes on for as long as they do. */
  readonly leases: SessionLeases;
  /** Where recordings are written and read, by directory. */
  readonly recordings: Recordings;
  /** Watches that run, what they follow, and what clients were shown by lists. */
  readonly watches: Watches;
  readonly version: string;
}
