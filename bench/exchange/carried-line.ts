// The line of one tree as compose.ts puts it together, with the configuration of the benchmark: real stages, the audit
// log and the log in real files, and instead of the last stage a node that has answered already.

import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type * as Compose from '../../src/compose.ts';
import type * as Sessions from '../../src/compose/sessions.ts';
import type * as Kept from '../../src/compose/kept.ts';
import type * as Recordings from '../../src/compose/recordings.ts';
import type * as Rechecks from '../../src/authorize/recheck.ts';
import type * as Load from '../../src/config/load.ts';
import type * as Renewal from '../../src/credential/renewal.ts';
import type * as Pools from '../../src/forward/pools.ts';
import type * as Handle from '../../src/gateway/handle.ts';
import type * as SignIns from '../../src/login-store/live-sign-ins.ts';
import type * as AccessLog from '../../src/observe/access-log.ts';
import type * as Audit from '../../src/observe/audit/audit.ts';
import type * as Lines from '../../src/observe/gathered-lines.ts';
import type * as LogOf from '../../src/observe/log.ts';
import type * as Metrics from '../../src/observe/metrics/metrics.ts';
import type * as Observe from '../../src/observe/observe.ts';
import type { Received } from '../../src/core/exchange.ts';
import type { Ending, Observation } from '../../src/core/observation.ts';
import { systemClock } from '../../src/core/ports.ts';

export interface CarriedLine {
  /** Carries one exchange through the whole line. */
  carry(received: Received): Promise<void>;
  close(): Promise<void>;
}

const ENDING: Ending = { code: 200, reason: 'completed', bytesSent: 0, bytesReceived: 2 };

/** `tree`: the folder of a checkout; `folder`: one with `gateway.yaml`, where the logs go too. */
export async function createCarriedLine(tree: string, folder: string): Promise<CarriedLine> {
  const load = (path: string): Promise<unknown> => import(pathToFileURL(join(tree, 'src', path)).href);
  const { loadConfiguration } = (await load('config/load.ts')) as typeof Load;
  const loaded = await loadConfiguration(join(folder, 'gateway.yaml'));
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  const { configuration } = loaded;
  const { createLog } = (await load('observe/log.ts')) as typeof LogOf;
  const { createGatheredLines } = (await load('observe/gathered-lines.ts')) as typeof Lines;
  const output = createWriteStream(join(folder, 'gateway.log'));
  const log = createLog({ ...configuration.log, destination: createGatheredLines(output, () => undefined) });
  const { createMetrics } = (await load('observe/metrics/metrics.ts')) as typeof Metrics;
  const metrics = createMetrics({ version: 'bench' });
  const { createAudit } = (await load('observe/audit/audit.ts')) as typeof Audit;
  const audit = await createAudit({ clock: systemClock, log, metrics }, configuration.audit);
  const { createObserver } = (await load('observe/observe.ts')) as typeof Observe;
  const { createAccessLog } = (await load('observe/access-log.ts')) as typeof AccessLog;
  const { composeLine } = (await load('compose.ts')) as typeof Compose;
  const { createKept } = (await load('compose/kept.ts')) as typeof Kept;
  const { composeSessions } = (await load('compose/sessions.ts')) as typeof Sessions;
  const { createRecordings } = (await load('compose/recordings.ts')) as typeof Recordings;
  const { createRechecks } = (await load('authorize/recheck.ts')) as typeof Rechecks;
  const { createRenewal } = (await load('credential/renewal.ts')) as typeof Renewal;
  const { createLiveSignIns } = (await load('login-store/live-sign-ins.ts')) as typeof SignIns;
  const { createPools } = (await load('forward/pools.ts')) as typeof Pools;
  const pools = createPools(
    { clock: systemClock, log, reach: () => Promise.reject(new Error('no node is dialled here')) },
    configuration.forwarding,
  );
  const composed = composeLine(
    {
      clock: systemClock,
      log,
      metrics,
      version: 'bench',
      observer: createObserver([audit.observer, metrics.observer, createAccessLog({ log })]),
      inventories: createKept(),
      rechecks: createRechecks({ clock: systemClock, log }),
      renewal: createRenewal({ clock: systemClock, log }),
      loginStores: createKept(),
      signIns: createLiveSignIns(),
      sessions: composeSessions(systemClock),
      recordings: createRecordings({ clock: systemClock, log, metrics }),
      pools,
    },
    configuration,
  );
  await composed.start();
  const line = {
    ...composed.line,
    forward: (_exchange: unknown, observation: Observation): Promise<Ending> => {
      observation.started(ENDING.code);
      return Promise.resolve(ENDING);
    },
  };
  const { handle } = (await load('gateway/handle.ts')) as typeof Handle;
  return {
    carry: (received) => handle(line, received),
    close: async () => {
      composed.retire();
      await pools.close();
      await audit.close();
    },
  };
}
