// S17, after a client library that lost its identity check on pooled connections: a certificate that is valid under the
// nodes' authority, but another node's. Here it fails at the first dial, at the dial after kept-alive connections and at
// upgrades alike, and nothing is said to that node: no request and no bearer token.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { HostileKubelet } from '../support/hostile-kubelet.ts';
import type { Scenario } from '../support/scenario.ts';
import { closeAll } from '../support/close-all.ts';
import { answer, startHostileKubelet } from '../support/hostile-kubelet.ts';
import { SPDY, WEBSOCKET, ask, bearer, head } from '../support/raw-client.ts';
import { eventually, startScenario } from '../support/scenario.ts';

let scenario: Scenario;
let node: HostileKubelet;
let alice: string;
before(async () => {
  node = await startHostileKubelet('node-2');
  node.script = (_head, connection) => connection.write(answer('200 OK', 'hello'));
  scenario = await startScenario({
    // It also gets a credential that could be replayed: a token.
    configure: (yaml) =>
      node
        .takePlaceOf(yaml, 'node-3')
        .replace(
          'credentialMappings:',
          '  - { name: token, bearerTokenFile: tokens/kubelet }\ncredentialMappings:\n  - { credential: token, nodes: [node-3], actions: [configz] }',
        ),
    files: { 'tokens/kubelet': 'secret-token-of-the-gateway' },
  });
  alice = await scenario.environment.issueToken('alice');
});
after(() => closeAll(scenario, node));

const EXEC = '/nodes/node-3/exec/default/shell/shell?command=id&output=1';
const REQUESTS = [
  ['plain', head('GET', '/nodes/node-3/pods')],
  ['with a bearer token', head('GET', '/nodes/node-3/configz')],
  ['WebSocket', head('GET', EXEC, ...WEBSOCKET)],
  ['SPDY', head('POST', EXEC, ...SPDY)],
  ['pods of kubectl', head('GET', '/nodes/node-3/api/v1/pods')],
] as const;
const signed = (request: string): string =>
  request.replace('Host: gateway', `Host: gateway\r\n${bearer(alice)}`);

const assertRefused = async (): Promise<void> => {
  for (const [name, request] of REQUESTS) {
    const before = node.connections.flatMap(({ heads }) => heads).length;
    const got = await ask(scenario, signed(request));
    assert.equal(got.code, 502, name);
    assert.match(got.body, /certificate/, name);
    assert.equal(node.connections.flatMap(({ heads }) => heads).length, before, `${name}: nothing is said`);
  }
};

describe("a node that presents another node's certificate", () => {
  it('is told nothing, by plain requests and upgrades', assertRefused);

  it('is trusted again with its own, and no longer after it has changed, whatever was kept alive', async () => {
    await node.rename('node-3');
    for (const path of ['pods', 'configz', 'pods']) {
      assert.equal((await ask(scenario, signed(head('GET', `/nodes/node-3/${path}`)))).code, 200, path);
    }
    const heads = node.connections.flatMap((connection) => connection.heads);
    assert.ok(heads.some((text) => text.includes('Bearer secret-token-of-the-gateway')));
    await node.rename('node-2');
    for (const { socket } of node.connections) socket.destroy();
    await assertRefused();
    await node.rename('node-1', 'node-33', 'xnode-3', 'node-3.evil.example');
    await assertRefused();
  });

  it('is counted', async () => {
    const { environment } = scenario;
    const count = await eventually('the counter', async () => {
      const response = await fetch(`http://127.0.0.1:${environment.adminPort}/metrics`);
      return /upstream_tls_errors_total\{reason="[a-zA-Z]*[nN]ame[a-zA-Z]*"\} ([1-9]\d*)/.exec(
        await response.text(),
      )?.[1];
    });
    assert.ok(Number(count) >= 5);
  });
});
