// S1, after CVE-2018-1002105: a backend answers an upgrade with an error and the proxy joins the two sockets all the same.
// What the client writes next then reaches the node as a request with the gateway's own credential. Here: whatever a
// node answers but the 101 that was asked for, nothing more reaches it, and both sockets are closed.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { HostileKubelet, Script } from '../support/hostile-kubelet.ts';
import type { Scenario } from '../support/scenario.ts';
import { closeAll } from '../support/close-all.ts';
import { answer, startHostileKubelet } from '../support/hostile-kubelet.ts';
import { RawClient, SPDY, WEBSOCKET, bearer, head } from '../support/raw-client.ts';
import { startScenario } from '../support/scenario.ts';

const EXEC = '/nodes/node-3/exec/default/shell/shell?command=id&output=1';
/** Accept of the key that `WEBSOCKET` sends. */
const ACCEPT = 'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=';
const switching = (...lines: readonly string[]): string =>
  ['HTTP/1.1 101 Switching Protocols', ...lines, '', ''].join('\r\n');

const ROWS: readonly (readonly [name: string, code: number, said: string])[] = [
  ['400', 400, answer('400 Bad Request', 'no')],
  ['400 without a length', 400, 'HTTP/1.1 400 Bad Request\r\n\r\nno'],
  ['401', 502, answer('401 Unauthorized', 'Unauthorized')],
  ['403 of the authorizer', 502, answer('403 Forbidden', 'Forbidden (user=gateway-operator:node-3, …)')],
  ['403 of an unknown subprotocol', 403, answer('403 Forbidden', '')],
  ['404', 404, answer('404 Not Found', 'pod does not exist')],
  ['500', 500, answer('500 Internal Server Error', 'boom')],
  ['500 in chunks', 500, 'HTTP/1.1 500 Oops\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n'],
  ['200', 502, answer('200 OK', 'hello')],
  ['204', 502, 'HTTP/1.1 204 No Content\r\n\r\n'],
  ['302', 502, answer('302 Found', '', 'Location: /exec/default/web/web')],
  ['no HTTP', 502, 'SSH-2.0-OpenSSH_9.9\r\n\r\n'],
  ['a bare line feed', 502, 'HTTP/1.1 101 Switching Protocols\nConnection: Upgrade\r\n\r\n'],
  ['101 to another protocol', 502, switching('Connection: Upgrade', 'Upgrade: h2c', ACCEPT)],
  ['101 without Upgrade', 502, switching('Connection: Upgrade', ACCEPT)],
  ['101 without Connection', 502, switching('Upgrade: websocket', ACCEPT)],
  [
    '101 with a wrong accept',
    502,
    switching('Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Accept: x'),
  ],
  [
    '101 to a subprotocol that nobody asked for',
    502,
    switching(
      'Connection: Upgrade',
      'Upgrade: websocket',
      ACCEPT,
      'Sec-WebSocket-Protocol: v9.channel.k8s.io',
    ),
  ],
  [
    '101 with an extension',
    502,
    switching(
      'Connection: Upgrade',
      'Upgrade: websocket',
      ACCEPT,
      'Sec-WebSocket-Protocol: v5.channel.k8s.io',
      'Sec-WebSocket-Extensions: permessage-deflate',
    ),
  ],
  [
    '103 and then 400',
    400,
    `HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n${answer('400 Bad Request', 'no')}`,
  ],
];

const SECOND = head('GET', '/pods', 'X-Smuggled: yes');

let scenario: Scenario;
let node: HostileKubelet;
let alice: string;
before(async () => {
  node = await startHostileKubelet('node-3');
  scenario = await startScenario({ configure: (yaml) => node.takePlaceOf(yaml, 'node-3') });
  alice = await scenario.environment.issueToken('alice');
});
after(() => closeAll(scenario, node));

/** The node's answer, and then whatever else a client says. */
async function attack(handshake: readonly string[], method: string, script: Script): Promise<RawClient> {
  node.script = script;
  const client = await RawClient.open(scenario);
  client.send(head(method, EXEC, bearer(alice), ...handshake));
  return client;
}

describe('an upgrade that a node does not accept', () => {
  for (const [name, code, said] of ROWS) {
    it(`leaves no tunnel: ${name}`, async () => {
      const client = await attack(WEBSOCKET, 'GET', (_head, connection) => {
        connection.raw = true;
        connection.write(said);
        // Its end is all that says how long such an answer is.
        if (name.endsWith('without a length')) connection.socket.end();
      });
      const got = await client.readAnswer();
      client.send(SECOND);
      assert.equal(got.code, code);
      assert.equal(got.headers.get('connection'), 'close');
      const connection = node.connections.at(-1);
      assert.ok(connection !== undefined);
      await Promise.all([client.closed, connection.closed]);
      assert.equal(connection.heads.length, 1);
      assert.equal(connection.after.length, 0);
      assert.ok(!got.body.includes('gateway-operator'), 'the credential has no name for a client');
    });
  }

  it('leaves no tunnel by SPDY, nor with the second request in the same packet', async () => {
    node.script = (_head, connection) => {
      connection.raw = true;
      connection.write(answer('400 Bad Request', 'no'));
    };
    const client = await RawClient.open(scenario);
    client.send(head('POST', EXEC, bearer(alice), ...SPDY) + SECOND);
    const got = await client.readAnswer();
    assert.equal(got.code, 400);
    const connection = node.connections.at(-1);
    assert.ok(connection !== undefined);
    await Promise.all([client.closed, connection.closed]);
    assert.equal(connection.heads.length, 1);
    assert.equal(connection.after.length, 0);
    assert.equal((await client.readToEnd()).length, 0, 'one answer, and no second one');
  });

  it('gets nothing of what a client said early, before the 101 and after it all of it', async () => {
    let early = -1;
    const client = await attack(SPDY, 'POST', (_head, connection) => {
      connection.raw = true;
      connection.onData = () => connection.write(connection.after);
      // Enough turns for anything that would be sent on to arrive.
      setTimeout(() => {
        early = connection.after.length;
        connection.write(
          switching(
            'Connection: Upgrade',
            'Upgrade: SPDY/3.1',
            'X-Stream-Protocol-Version: v4.channel.k8s.io',
          ),
        );
      }, 100);
    });
    client.send('early words');
    const got = await client.readHead();
    assert.equal(got.code, 101);
    assert.equal(early, 0);
    await client.until((bytes) => bytes.toString('latin1') === 'early words');
    client.destroy();
    await node.connections.at(-1)?.closed;
  });
});
