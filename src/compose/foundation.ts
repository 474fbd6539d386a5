// What lines are built on, and what outlives each of them.

import type { Observer } from '../core/observation.ts';
import type { Clock } from '../core/ports.ts';
import type { Pools } from '../forward/pools.ts';
import type { GatewayLog } from '../observe/log.ts';
import type { Metrics } from '../observe/metrics/metrics.ts';
import type { SessionRegistry } from '../sessions/registry.ts';

/** What lines are built on, and what outlives each of them. */
export interface Foundation {
  readonly clock: Clock;
  readonly log: GatewayLog;
  readonly metrics: Metrics;
  readonly observer: Observer;
  readonly pools: Pools;
  /** Those that run, over all lines. */
  readonly sessions: SessionRegistry;
  readonly version: string;
}
