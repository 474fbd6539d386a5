// S33: one client that does not read. A container prints 200 MB to it; the gateway holds a bounded part of that, the
// container is held up, and others are served meanwhile. The same for a plain answer.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import type { HostileKubelet, NodeConnection } from '../support/hostile-kubelet.ts';
import type { Scenario } from '../support/scenario.ts';
import { closeAll } from '../support/close-all.ts';
import { startHostileKubelet } from '../support/hostile-kubelet.ts';
import { RawClient, WEBSOCKET, ask, bearer, head } from '../support/raw-client.ts';
import { eventually, startScenario } from '../support/scenario.ts';

const MB = 1 << 20;
const TOTAL = 200 * MB;
/** What the process may grow by: buffers of sockets and streams, and what the collector has not taken yet. */
const MAX_GROWTH = 80 * MB;

let scenario: Scenario;
let node: HostileKubelet;
let alice: string;
before(async () => {
  node = await startHostileKubelet('node-3');
  scenario = await startScenario({ configure: (yaml) => node.takePlaceOf(yaml, 'node-3') });
  alice = await scenario.environment.issueToken('alice');
});
after(() => closeAll(scenario, node));

async function residentBytes(): Promise<number> {
  const status = await readFile(`/proc/${scenario.gateway.pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1024;
}

/** Writes as fast as it is taken, until all is written. */
function pour(connection: NodeConnection, state: { poured: number }): void {
  const chunk = Buffer.alloc(64 * 1024, 'x');
  const go = (): void => {
    while (state.poured < TOTAL && !connection.socket.destroyed) {
      state.poured += chunk.length;
      if (!connection.socket.write(chunk)) {
        connection.socket.once('drain', go);
        return;
      }
    }
  };
  go();
}

const ROWS = [
  [
    'a session',
    head('GET', '/nodes/node-3/exec/default/shell/shell?command=yes&output=1', ...WEBSOCKET),
    [
      'HTTP/1.1 101 Switching Protocols',
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=',
      'Sec-WebSocket-Protocol: v5.channel.k8s.io',
      '',
      '',
    ].join('\r\n'),
  ],
  [
    'a plain answer',
    head('GET', '/nodes/node-3/containerLogs/default/shell/shell'),
    `HTTP/1.1 200 OK\r\nContent-Length: ${TOTAL}\r\n\r\n`,
  ],
] as const;

describe('a reader that does not read', () => {
  for (const [name, request, said] of ROWS) {
    it(`holds up the node and nobody else, in bounded memory: ${name}`, async () => {
      const state = { poured: 0 };
      node.script = (_head, connection) => {
        connection.raw = true;
        connection.write(said);
        pour(connection, state);
      };
      await ask(scenario, head('GET', '/nodes/node-1/pods', bearer(alice)));
      const before = await residentBytes();
      const client = await RawClient.open(scenario);
      client.send(request.replace('Host: gateway', `Host: gateway\r\n${bearer(alice)}`));
      await client.readHead();
      client.socket.pause();
      // Until nothing moves any more: the same amount at two looks with served requests between them.
      let last = -1;
      await eventually('the node is held up', async () => {
        for (let i = 0; i < 5; i += 1) {
          const got = await ask(scenario, head('GET', '/nodes/node-1/healthz', bearer(alice)));
          assert.equal(got.code, 200, 'others are served');
        }
        const held = state.poured === last && last > 0;
        last = state.poured;
        return held ? true : undefined;
      });
      assert.ok(state.poured < TOTAL / 2, `${state.poured} of ${TOTAL} bytes were taken`);
      const growth = (await residentBytes()) - before;
      assert.ok(growth < MAX_GROWTH, `the process grew by ${growth} bytes`);
      client.destroy();
      await node.connections.at(-1)?.closed;
    });
  }
});
