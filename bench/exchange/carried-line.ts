// The line of one tree as compose.ts puts it together, with the configuration of the benchmark: real stages, the audit
// log in a real file, and instead of the last stage a node that has answered already.

import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type * as Compose from '../../src/compose.ts';
import type * as Foundation from '../../src/compose/create-foundation.ts';
import type * as Load from '../../src/config/load.ts';
import type * as Handle from '../../src/gateway/handle.ts';
import type { Received } from '../../src/core/exchange.ts';
import type { Ending } from '../../src/core/observation.ts';
import type { Line } from '../../src/gateway/handle.ts';
import { systemClock } from '../../src/core/ports.ts';

export interface CarriedLine {
  /** Carries one exchange through the whole line. */
  carry(received: Received): Promise<void>;
  close(): Promise<void>;
}

const ENDING: Ending = { code: 200, reason: 'completed', bytesSent: 0, bytesReceived: 2 };

/** `tree`: the folder of a checkout; `folder`: one with `gateway.yaml`. */
export async function createCarriedLine(tree: string, folder: string): Promise<CarriedLine> {
  const load = (path: string): Promise<unknown> => import(pathToFileURL(join(tree, 'src', path)).href);
  const { loadConfiguration } = (await load('config/load.ts')) as typeof Load;
  const { createFoundation } = (await load('compose/create-foundation.ts')) as typeof Foundation;
  const { composeLine } = (await load('compose.ts')) as typeof Compose;
  const { handle } = (await load('gateway/handle.ts')) as typeof Handle;

  const loaded = await loadConfiguration(join(folder, 'gateway.yaml'));
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  const { configuration } = loaded;
  const { foundation, audit } = await createFoundation(configuration, {
    clock: systemClock,
    version: 'bench',
  });
  const composed = composeLine(foundation, configuration);
  await composed.start();
  const line: Line = {
    ...composed.line,
    forward: (_exchange, observation) => {
      observation.started(ENDING.code);
      return Promise.resolve(ENDING);
    },
  };
  return {
    carry: (received) => handle(line, received),
    close: async () => {
      composed.retire();
      foundation.pools.close();
      await audit.close();
    },
  };
}
