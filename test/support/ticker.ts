// A command that runs in a container and says "tick" again and again: a session whose life and end tests can watch.

import { RawClient, WEBSOCKET, bearer, head } from './raw-client.ts';
import type { Scenario } from './scenario.ts';

const SCRIPT = encodeURIComponent('while :; do echo tick; sleep 0.1; done');

export interface Ticker {
  readonly client: RawClient;
  readonly auditId: string;
  /** Resolves when it has ticked since the call. */
  ticks(): Promise<void>;
}

/** Rejects when the gateway answers anything but 101. */
export async function startTicker(scenario: Scenario, token: string, node = 'node-1'): Promise<Ticker> {
  const client = await RawClient.open(scenario);
  const path = `/nodes/${node}/exec/default/shell/shell?command=sh&command=-c&command=${SCRIPT}&output=1`;
  client.send(head('GET', path, bearer(token), ...WEBSOCKET));
  const { code, headers } = await client.readHead();
  if (code !== 101) throw new Error(`not upgraded: ${code}`);
  return {
    client,
    auditId: headers.get('audit-id') ?? '',
    ticks: async () => {
      const before = client.received.length;
      await client.until((bytes) => bytes.length > before && bytes.includes('tick', before));
    },
  };
}
