// Makes what lines are built on, from the part of a configuration that takes effect at the start alone.

import type { GatewayConfiguration } from '../core/configuration.ts';
import type { Clock } from '../core/ports.ts';
import type { Audit } from '../observe/audit/audit.ts';
import type { AddressGate } from './addresses.ts';
import type { Foundation } from './foundation.ts';
import { createRechecks } from '../authorize/recheck.ts';
import { createRenewal } from '../credential/renewal.ts';
import { createWatches } from '../fleet/watches.ts';
import { createLiveSignIns } from '../login-store/live-sign-ins.ts';
import { createSessionLeases } from '../login-store/session-leases.ts';
import { createAccessLog } from '../observe/access-log.ts';
import { createAudit } from '../observe/audit/audit.ts';
import { createLog } from '../observe/log.ts';
import { createMetrics } from '../observe/metrics/metrics.ts';
import { createObserver } from '../observe/observe.ts';
import { createReach } from '../outbound/reach.ts';
import { createPools } from '../upstream/pools.ts';
import { createAddressGate, toAddressWords } from './addresses.ts';
import { createKept } from './kept.ts';
import { createRecordings } from './recordings.ts';
import { composeSessions } from './sessions.ts';

export interface CreatedFoundation {
  readonly foundation: Foundation;
  readonly audit: Audit;
  /** Lets no node be dialled until it is told of a configuration. */
  readonly addresses: AddressGate;
}

/** Rejects when the audit log cannot be opened. */
export async function createFoundation(
  configuration: GatewayConfiguration,
  { clock, version }: { readonly clock: Clock; readonly version: string },
): Promise<CreatedFoundation> {
  const log = createLog(configuration.log);
  const metrics = createMetrics({ version });
  const audit = await createAudit({ clock, log, metrics }, configuration.audit);
  const addresses = createAddressGate();
  const foundation: Foundation = {
    clock,
    log,
    metrics,
    version,
    observer: createObserver([audit.observer, metrics.observer, createAccessLog({ log })]),
    inventories: createKept(),
    rechecks: createRechecks({ clock, log, onChecked: (result) => metrics.streamRecheck(result) }),
    renewal: createRenewal({ clock, log }),
    watches: createWatches({ clock }),
    loginStores: createKept(),
    signIns: createLiveSignIns(),
    leases: createSessionLeases({ clock }),
    sessions: composeSessions(clock),
    recordings: createRecordings({ clock, log, metrics, ledger: audit.ledger }),
    pools: createPools(
      {
        clock,
        log,
        reach: createReach({
          judge: addresses.judge,
          words: toAddressWords,
          log,
          onRefused: (problem) => metrics.dialRefused(problem),
        }),
        upstreamTlsError: (problem) => metrics.upstreamTlsError(problem),
      },
      configuration.forwarding,
    ),
  };
  return { foundation, audit, addresses };
}
