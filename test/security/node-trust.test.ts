// S17 through the whole gateway, for nodes that are known by the subject of Kubernetes' own signer, by the pin of a key,
// and by both: whoever is not exactly that is told nothing, at the first dial, after kept connections and at upgrades.

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import type { LeafOptions } from '../../src/pki/issue.ts';
import type { HostileKubelet } from '../support/hostile-kubelet.ts';
import type { Scenario } from '../support/scenario.ts';
import { toPin } from '../../src/outbound/serving-identity.ts';
import { closeAll } from '../support/close-all.ts';
import { answer, startHostileKubelet } from '../support/hostile-kubelet.ts';
import { SPDY, WEBSOCKET, RawClient, bearer, head } from '../support/raw-client.ts';
import { startScenario } from '../support/scenario.ts';

const SUBJECT: LeafOptions = {
  commonName: 'system:node:node-2',
  organizations: ['system:nodes'],
  usages: ['server'],
};

let scenario: Scenario;
let bySubject: HostileKubelet;
let byPin: HostileKubelet;
let client: RawClient;
let token: string;
before(async () => {
  bySubject = await startHostileKubelet('node-2');
  byPin = await startHostileKubelet('whatever');
  await bySubject.present(SUBJECT);
  for (const node of [bySubject, byPin]) {
    node.script = (_head, connection) => connection.write(answer('200 OK', 'hello'));
  }
  const pin = `sha256/${toPin(new X509Certificate(byPin.certificate))}`;
  scenario = await startScenario({
    configure: (yaml) =>
      byPin.takePlaceOf(
        bySubject.takePlaceOf(
          yaml,
          'node-2',
          (file) => `serverName: "system:node:{node}", certificateAuthorityFile: ${file}`,
        ),
        'node-3',
        () => `certificatePins: ["${pin}"]`,
      ),
  });
  token = await scenario.environment.issueToken('alice');
  client = await RawClient.open(scenario);
});
after(() => closeAll({ close: () => client.destroy() }, scenario, bySubject, byPin));

const plain = async (node: string): Promise<number> => {
  client.send(head('GET', `/nodes/${node}/configz`, bearer(token)));
  return (await client.readAnswer()).code;
};
const upgrade = async (node: string, method: string, lines: readonly string[]): Promise<number> => {
  const other = await RawClient.open(scenario);
  const path = `/nodes/${node}/exec/default/shell/shell?command=id&output=1`;
  other.send(head(method, path, bearer(token), ...lines));
  const { code } = await other.readAnswer();
  other.destroy();
  return code;
};

/** Cuts what is kept alive, and shows that nothing is said to who presents this certificate now. */
async function assertRefused(kubelet: HostileKubelet, node: string, leaf: LeafOptions): Promise<void> {
  await kubelet.present(leaf);
  for (const { socket } of kubelet.connections) socket.destroy();
  const before = kubelet.connections.flatMap(({ heads }) => heads).length;
  assert.equal(await plain(node), 502);
  assert.equal(await plain(node), 502);
  assert.equal(await upgrade(node, 'GET', WEBSOCKET), 502);
  assert.equal(await upgrade(node, 'POST', SPDY), 502);
  assert.equal(kubelet.connections.flatMap(({ heads }) => heads).length, before, 'nothing is said');
}

describe('a node that is known by its subject', () => {
  it('is spoken to with it, and with no other certificate of its authority', async () => {
    assert.equal(await plain('node-2'), 200);
    assert.equal(await plain('node-2'), 200);
    assert.equal(bySubject.connections.length, 1, 'kept alive');
    for (const leaf of [
      { ...SUBJECT, commonName: 'system:node:node-3' },
      // The certificate of the kubelet as a client of the API server.
      { ...SUBJECT, usages: ['client'] as const },
      { ...SUBJECT, organizations: [] },
      { ...SUBJECT, organizations: ['system:nodes', 'more'] },
      { dnsNames: ['node-2'], usages: ['server'] as const },
    ]) {
      await assertRefused(bySubject, 'node-2', leaf);
    }
    await bySubject.present(SUBJECT);
    assert.equal(await plain('node-2'), 200);
  });
});

describe('a node that is known by its key', () => {
  it('is spoken to with it, and with no other, whatever else the certificate says', async () => {
    assert.equal(await plain('node-3'), 200);
    assert.equal(await plain('node-3'), 200);
    assert.equal(byPin.connections.length, 1, 'kept alive');
    for (const leaf of [{ dnsNames: ['node-3'], usages: ['server'] as const }, SUBJECT]) {
      await assertRefused(byPin, 'node-3', leaf);
    }
  });
});
