// S32: what aborted, refused and half-closed sessions leave behind. Some hundreds of each, and then the gateway's process
// has as many open file descriptors as before.

import assert from 'node:assert/strict';
import { readdir, readlink } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import type { HostileKubelet, Script } from '../support/hostile-kubelet.ts';
import type { Scenario } from '../support/scenario.ts';
import { closeAll } from '../support/close-all.ts';
import { answer, startHostileKubelet } from '../support/hostile-kubelet.ts';
import { RawClient, WEBSOCKET, bearer, head } from '../support/raw-client.ts';
import { eventually, startScenario } from '../support/scenario.ts';

const CYCLES = 100;
const AT_ONCE = 10;
const EXEC = '/nodes/node-3/exec/default/shell/shell?command=id&output=1';
const ACCEPTED = [
  'HTTP/1.1 101 Switching Protocols',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=',
  'Sec-WebSocket-Protocol: v5.channel.k8s.io',
  '',
  '',
].join('\r\n');

let scenario: Scenario;
let node: HostileKubelet;
let alice: string;
before(async () => {
  node = await startHostileKubelet('node-3');
  scenario = await startScenario({ configure: (yaml) => node.takePlaceOf(yaml, 'node-3') });
  alice = await scenario.environment.issueToken('alice');
});
after(() => closeAll(scenario, node));

async function sockets(): Promise<number> {
  const folder = `/proc/${scenario.gateway.pid}/fd`;
  const targets = await Promise.all(
    (await readdir(folder)).map((name) => readlink(`${folder}/${name}`).catch(() => '')),
  );
  return targets.filter((target) => target.startsWith('socket:')).length;
}

const accept: Script = (_head, connection) => {
  connection.raw = true;
  // As a kubelet does when the other side has said its last word.
  connection.socket.once('end', () => connection.socket.end());
  connection.write(`${ACCEPTED}words of the node`);
};
const PLAIN = '/nodes/node-3/containerLogs/default/shell/shell?follow=true';

const ROWS: readonly (readonly [
  name: string,
  script: Script,
  client: (client: RawClient) => Promise<void>,
])[] = [
  [
    'clients that abort before the 101',
    () => undefined,
    async (client) => {
      const asked = node.connections.length;
      client.send(head('GET', EXEC, bearer(alice), ...WEBSOCKET));
      await eventually('the node is asked', () => {
        assert.equal(client.received.toString('latin1'), '', 'no answer is due');
        return node.connections.length > asked ? true : undefined;
      });
      client.destroy();
    },
  ],
  [
    'clients that abort after the 101',
    accept,
    async (client) => {
      client.send(head('GET', EXEC, bearer(alice), ...WEBSOCKET));
      await client.readHead();
      client.send('words of the client');
      client.destroy();
    },
  ],
  [
    'clients that say goodbye after the 101',
    accept,
    async (client) => {
      client.send(head('GET', EXEC, bearer(alice), ...WEBSOCKET));
      await client.readHead();
      client.socket.end();
      await client.closed;
    },
  ],
  [
    'nodes that abort after the 101',
    (_head, connection) => {
      connection.raw = true;
      connection.write(ACCEPTED);
      setImmediate(() => connection.socket.destroy());
    },
    async (client) => {
      client.send(head('GET', EXEC, bearer(alice), ...WEBSOCKET));
      await client.closed;
    },
  ],
  [
    'nodes that refuse the upgrade',
    (_head, connection) => connection.write(answer('400 Bad Request', 'no')),
    async (client) => {
      client.send(head('GET', EXEC, bearer(alice), ...WEBSOCKET));
      assert.equal((await client.readAnswer()).code, 400);
      await client.closed;
    },
  ],
  [
    'nodes that hang up instead of an answer',
    (_head, connection) => connection.socket.destroy(),
    async (client) => {
      client.send(head('GET', EXEC, bearer(alice), ...WEBSOCKET));
      assert.equal((await client.readAnswer()).code, 502);
      await client.closed;
    },
  ],
  [
    'upgrades that are refused before a node is asked',
    () => undefined,
    async (client) => {
      client.send(head('GET', EXEC, ...WEBSOCKET));
      assert.equal((await client.readAnswer()).code, 401);
      await client.closed;
    },
  ],
  [
    'clients that abort a stream of a plain request',
    (_head, connection) =>
      connection.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n'),
    async (client) => {
      client.send(head('GET', PLAIN, bearer(alice)));
      await client.readHead();
      client.destroy();
    },
  ],
  [
    'clients that abort in the middle of a head',
    () => undefined,
    (client) => {
      client.send('GET /nodes/node-3/pods HTTP/1.1\r\nHost: ga');
      client.destroy();
      return Promise.resolve();
    },
  ],
];

describe('sockets of the gateway', () => {
  for (const [name, script, act] of ROWS) {
    it(`return to what they were after ${CYCLES} ${name}`, async () => {
      // Connections that are kept alive are there before and after.
      node.script = (_head, connection) => connection.write(answer('200 OK', 'ok'));
      const before = await sockets();
      node.script = script;
      for (let done = 0; done < CYCLES; done += AT_ONCE) {
        await Promise.all(
          Array.from({ length: AT_ONCE }, async () => {
            const client = await RawClient.open(scenario);
            await act(client);
            client.destroy();
          }),
        );
      }
      for (const { socket } of node.connections) socket.end();
      await eventually(`${before} sockets`, async () => {
        const now = await sockets();
        return now <= before + 1 ? true : undefined;
      });
    });
  }
});
