// Many short lives (S32): sessions that are refused, given up, half closed or reset leave no socket and no timer behind.

import assert from 'node:assert/strict';
import { before, it } from 'node:test';
import type { Action } from '../../src/core/action.ts';
import { containerName, namespaceName, podName } from '../support/resolved.ts';
import { createTestPki, startFront, toEntry } from './support/front.ts';
import type { TestPki } from './support/front.ts';
import { HEAD_END, startKubelet } from './support/kubelet.ts';
import type { Connection } from './support/kubelet.ts';

const ROUNDS = 12;

let pki: TestPki;
before(async () => {
  pki = await createTestPki();
});

const EXEC: Action = {
  kind: 'exec',
  pod: { namespace: namespaceName('default'), name: podName('shell') },
  container: containerName('shell'),
  command: ['id'],
  streams: { stdin: false, stdout: true, stderr: true, tty: false },
};
const ACCEPTED =
  'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n' +
  'X-Stream-Protocol-Version: v4.channel.k8s.io\r\n\r\n';
const REQUEST = 'POST / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n';

type Life = (client: Connection, node: Connection) => Promise<unknown>;

const LIVES: readonly Life[] = [
  // Given up by the client before the node accepts.
  (client, node) => {
    client.socket.destroy();
    return node.ended;
  },
  // Refused by a node that keeps its socket.
  async (client, node) => {
    node.write('HTTP/1.1 500 X\r\nContent-Length: 4\r\n\r\nboom');
    await client.ended;
    client.socket.end();
    return node.ended;
  },
  // The node is gone before it answers.
  (client, node) => {
    node.socket.destroy();
    return client.ended;
  },
  // Ended by the node, as an exec is.
  async (client, node) => {
    node.write(ACCEPTED);
    await client.saw(HEAD_END);
    node.socket.end('bye');
    await client.ended;
    client.socket.end();
    return node.ended;
  },
  // Dropped by the client in mid-session.
  async (client, node) => {
    node.write(ACCEPTED);
    await client.saw(HEAD_END);
    client.socket.destroy();
    return node.ended;
  },
];

const countSockets = (): number =>
  process.getActiveResourcesInfo().filter((resource) => /TCPSocketWrap|TLSWrap|TCPWRAP/.test(resource))
    .length;

it('sessions leave nothing behind', async (t) => {
  const kubelet = await startKubelet(t, { tls: pki.kubelet, clientCa: pki.clientCa.certificate });
  const front = await startFront(t, pki, () => ({
    action: EXEC,
    entry: toEntry(pki, kubelet.port),
    credential: pki.operator,
    transport: { kind: 'spdy', protocols: ['v4.channel.k8s.io'] },
  }));
  const sockets = countSockets();
  let index = 0;
  for (let round = 0; round < ROUNDS; round++) {
    for (const live of LIVES) {
      const client = await front.connect();
      client.write(REQUEST);
      const node = await kubelet.connection(index);
      await node.saw(HEAD_END);
      assert.ok(countSockets() > sockets, 'sockets are counted');
      await live(client, node);
      client.socket.destroy();
      node.socket.destroy();
      await front.ending(index);
      index += 1;
    }
  }
  // Handles close a turn of the event loop after their sockets.
  const deadline = Date.now() + 5_000;
  while (countSockets() > sockets && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.ok(countSockets() <= sockets, `${countSockets() - sockets} sockets remain`);
  assert.equal(front.exchanges.filter(({ lifetime }) => !lifetime.ended).length, 0);
});
