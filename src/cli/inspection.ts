// What `explain` and `doctor` build on in place of a running gateway: its own parts, without listeners, an audit log, or a
// log on standard output.

import type { GatewayConfiguration } from '../core/configuration.ts';
import type { LogFields } from '../core/ports.ts';
import type { RecordingLedger } from '../core/recording-mark.ts';
import type { ComposedLine } from '../compose.ts';
import type { Foundation } from '../compose/foundation.ts';
import type { GatewayLog } from '../observe/log.ts';
import type { Reach } from '../outbound/reach.ts';
import { createAddressGate, toAddressWords } from '../compose/addresses.ts';
import { createWatches } from '../fleet/watches.ts';
import { createKept } from '../compose/kept.ts';
import { createRecordings } from '../compose/recordings.ts';
import { composeSessions } from '../compose/sessions.ts';
import { systemClock } from '../core/ports.ts';
import { pretendingRenewal } from '../credential/renewal.ts';
import { createLiveSignIns } from '../login-store/live-sign-ins.ts';
import { createSessionLeases } from '../login-store/session-leases.ts';
import { createPools } from '../upstream/pools.ts';
import { createMetrics } from '../observe/metrics/metrics.ts';
import { createObserver } from '../observe/observe.ts';
import { createReach } from '../outbound/reach.ts';
import { VERSION } from './version.ts';

export interface Inspection {
  readonly foundation: Foundation;
  /** What the parts had to say to the log, in words; grows. */
  readonly notes: readonly string[];
  /** Which addresses the gateway would dial. */
  readonly reach: Reach;
  close(): void;
}

export function createInspection(configuration: GatewayConfiguration): Inspection {
  const clock = systemClock;
  const notes: string[] = [];
  const log = createNotes(notes);
  const gate = createAddressGate();
  gate.use(configuration);
  const reach = createReach({ judge: gate.judge, words: toAddressWords, log });
  const pools = createPools({ clock, log, reach }, configuration.forwarding);
  const metrics = createMetrics({ version: VERSION });
  const foundation: Foundation = {
    clock,
    log,
    metrics,
    observer: createObserver([]),
    pools,
    inventories: createKept(),
    recordings: createRecordings({ clock, log, metrics, ledger: noLedger }),
    renewal: pretendingRenewal,
    watches: createWatches({ clock }),
    loginStores: createKept(),
    signIns: createLiveSignIns(),
    leases: createSessionLeases({ clock }),
    sessions: composeSessions(clock),
    version: VERSION,
  };
  return { foundation, notes, reach, close: () => pools.close() };
}

/** Nothing is recorded here. */
const noLedger: RecordingLedger = {
  chain: undefined,
  tell: () => Promise.resolve(),
  tellLater: () => undefined,
};

/** A log of what an operator should hear of. */
function createNotes(notes: string[]): GatewayLog {
  const keep = ({ error, credential }: LogFields, message: string): void => {
    const about = typeof credential === 'string' ? `credential ${credential}: ` : '';
    notes.push(`${about}${message}${error instanceof Error ? `: ${error.message}` : ''}`);
  };
  const drop = (): void => undefined;
  return { debug: drop, info: drop, warn: keep, error: keep, infoText: drop, setLevel: drop };
}

const NODES_DEADLINE_MS = 15_000;
const LOOK_EVERY_MS = 50;

/** Waits until the nodes of a cluster have been listed, for no more than 15 s. What is not known then is not found. */
export async function nodesKnown(composed: Pick<ComposedLine, 'nodesProblem'>): Promise<void> {
  const until = Date.now() + NODES_DEADLINE_MS;
  while (composed.nodesProblem() !== undefined && Date.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}
