// S28: a page of another site, in the browser of somebody who holds a client certificate. The browser shows the
// certificate to whatever address a page names, and no page needs leave to open a WebSocket or to post a form: the page
// would run commands with the reader's rights. A bearer token is not shown by itself, and speaks for whoever sent it.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Scenario } from '../support/scenario.ts';
import type { SimulatedKubelet } from '../../demo/kubelet/kubelet.ts';
import { closeAll } from '../support/close-all.ts';
import { RawClient, SPDY, WEBSOCKET, bearer, head } from '../support/raw-client.ts';
import { startScenario } from '../support/scenario.ts';

const EXEC = '/nodes/node-1/exec/default/shell/shell?command=id&output=1';
const KUBECTL_EXEC =
  '/nodes/node-1/api/v1/namespaces/default/pods/shell/exec?command=id&container=shell&stdout=1';
const RUN = '/nodes/node-1/run/default/shell/shell?cmd=id';

const FOREIGN: readonly string[] = [
  'https://evil.example',
  'null',
  'http://gateway',
  'https://gateway:1',
  'https://gateway.evil.example',
  'https://gateway@evil.example',
  'https://gateway/',
  '',
  'https://evil.example, https://gateway',
];

let scenario: Scenario;
let kubelet: SimulatedKubelet;
let certified: { readonly cert: string; readonly key: string };
let alice: string;
before(async () => {
  scenario = await startScenario();
  const found = scenario.environment.kubelets.get('node-1');
  assert.ok(found !== undefined);
  kubelet = found;
  const { certificate: cert, key } = await scenario.environment.issueClientCertificate('alice', ['sre']);
  certified = { cert, key };
  alice = await scenario.environment.issueToken('alice');
});
after(() => closeAll(scenario));

async function codeOf(request: string, options: object): Promise<number> {
  const client = await RawClient.open(scenario, options);
  client.send(request);
  const { code } = await client.readHead();
  client.destroy();
  return code;
}

describe('who is known by a certificate', () => {
  for (const origin of FOREIGN) {
    it(`runs nothing for a page of ${JSON.stringify(origin)}`, async () => {
      const before = kubelet.requests.length;
      const line = `Origin: ${origin}`;
      for (const request of [
        head('GET', EXEC, ...WEBSOCKET, line),
        head('GET', KUBECTL_EXEC, ...WEBSOCKET, line),
        head('POST', EXEC, ...SPDY, line),
        head('POST', RUN, 'Content-Length: 0', line),
        head('GET', '/nodes/node-1/pods', line),
        head('POST', RUN, 'Content-Length: 0', 'Origin: https://gateway', line),
      ]) {
        assert.equal(await codeOf(request, certified), 403, request);
      }
      assert.equal(kubelet.requests.length, before);
    });
  }

  it('is refused what a browser says is for another site, but for a link that is followed', async () => {
    for (const site of ['cross-site', 'same-site']) {
      const line = `Sec-Fetch-Site: ${site}`;
      assert.equal(await codeOf(head('GET', EXEC, ...WEBSOCKET, line), certified), 403);
      assert.equal(await codeOf(head('POST', RUN, 'Content-Length: 0', line), certified), 403);
      assert.equal(await codeOf(head('GET', '/nodes/node-1/metrics', line), certified), 200);
    }
  });

  it('is served without an origin, and with the origin of the gateway itself', async () => {
    const own = ['Origin: https://gateway', 'Sec-Fetch-Site: same-origin'];
    assert.equal(await codeOf(head('GET', EXEC, ...WEBSOCKET), certified), 101);
    assert.equal(await codeOf(head('GET', EXEC, ...WEBSOCKET, ...own), certified), 101);
    assert.equal(await codeOf(head('POST', RUN, 'Content-Length: 0', ...own), certified), 200);
    const typed = 'Sec-Fetch-Site: none';
    assert.equal(await codeOf(head('GET', '/nodes/node-1/metrics', typed), certified), 200);
  });
});

describe('who sends a token', () => {
  it('may be a page of any origin', async () => {
    const line = 'Origin: https://console.example';
    assert.equal(await codeOf(head('GET', EXEC, bearer(alice), ...WEBSOCKET, line), {}), 101);
    assert.equal(await codeOf(head('GET', EXEC, bearer(alice), ...WEBSOCKET, line), certified), 101);
  });
});
