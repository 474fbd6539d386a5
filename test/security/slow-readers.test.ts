// S33: somebody who asks for much and reads nothing. The connections to a node are few and shared by everybody who is
// given the same credential: a reader who stands still must not keep the others waiting.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { HostileKubelet } from '../support/hostile-kubelet.ts';
import type { Scenario } from '../support/scenario.ts';
import { closeAll } from '../support/close-all.ts';
import { answer, startHostileKubelet } from '../support/hostile-kubelet.ts';
import { RawClient, ask, bearer, head } from '../support/raw-client.ts';
import { startScenario } from '../support/scenario.ts';

const CONNECTIONS = 2;
/** More than all the buffers on the way hold. */
const MUCH = Buffer.alloc(16 * 1024 * 1024, 'x');

let scenario: Scenario;
let node: HostileKubelet;
let alice: string;
before(async () => {
  node = await startHostileKubelet('node-3');
  scenario = await startScenario({
    configure: (yaml) =>
      `${node.takePlaceOf(yaml, 'node-3')}forwarding: { maxConnectionsPerNode: ${CONNECTIONS}, answerTimeout: 3s }\n`,
  });
  alice = await scenario.environment.issueToken('alice');
  node.script = (request, connection) => {
    if (request.includes('/slis')) connection.write(answer('200 OK', 'served'));
    else connection.write(`HTTP/1.1 200 OK\r\nContent-Length: ${MUCH.length}\r\n\r\n`);
    if (!request.includes('/slis')) connection.write(MUCH);
  };
});
after(() => closeAll(scenario, node));

/** As many as there are connections: each has the head of its answer and stops reading. */
async function standStill(path: string): Promise<readonly RawClient[]> {
  const clients: RawClient[] = [];
  for (let i = 0; i < CONNECTIONS; i += 1) {
    const client = await RawClient.open(scenario);
    client.send(head('GET', `/nodes/node-3${path}`, bearer(alice)));
    assert.equal((await client.readHead()).code, 200);
    client.socket.pause();
    clients.push(client);
  }
  return clients;
}

const ROWS = [
  ['a file of the node', '/logs/big.log', '/metrics/slis'],
  ['a container log', '/containerLogs/default/shell/shell', '/metrics/slis'],
  ['metrics', '/metrics', '/metrics/slis'],
] as const;

describe('readers who stand still', () => {
  for (const [what, path, other] of ROWS) {
    it(`do not keep others waiting: ${what}`, async () => {
      const clients = await standStill(path);
      // Whose turn comes too late is told so and asks again; whoever stands still must be out of the way by then.
      const codes: number[] = [];
      while (codes.at(-1) !== 200 && codes.length < 3) {
        codes.push((await ask(scenario, head('GET', `/nodes/node-3${other}`, bearer(alice)))).code);
      }
      assert.equal(codes.at(-1), 200, `answers: ${codes.join(', ')}`);
      for (const client of clients) client.destroy();
    });
  }
});
