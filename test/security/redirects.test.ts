// S3, after CVE-2020-8559: a node answers with a redirect to another node, and the proxy follows it with its own
// credential. Here: no redirect is followed or passed on, no second address is dialled, on plain requests and upgrades
// alike; the one exception adds a slash below /logs/, and is rewritten to the gateway's own path.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { HostileKubelet } from '../support/hostile-kubelet.ts';
import type { Scenario } from '../support/scenario.ts';
import { closeAll } from '../support/close-all.ts';
import { answer, startHostileKubelet } from '../support/hostile-kubelet.ts';
import { SPDY, WEBSOCKET, ask, bearer, head } from '../support/raw-client.ts';
import { startScenario } from '../support/scenario.ts';

let scenario: Scenario;
let node: HostileKubelet;
let other: HostileKubelet;
let alice: string;
before(async () => {
  node = await startHostileKubelet('node-3');
  other = await startHostileKubelet('node-2');
  scenario = await startScenario({
    configure: (yaml) => other.takePlaceOf(node.takePlaceOf(yaml, 'node-3'), 'node-2'),
  });
  alice = await scenario.environment.issueToken('alice');
});
after(() => closeAll(scenario, node, other));

const locations = (): readonly string[] => [
  `https://127.0.0.1:${other.port}/exec/default/shell/shell?command=id`,
  `http://127.0.0.1:${other.port}/pods`,
  `//127.0.0.1:${other.port}/pods`,
  `https://127.0.0.1:${node.port}/pods`,
  '/pods',
  '/pods/',
  'pods/',
  '../pods',
  '/\\127.0.0.1/',
  'javascript:alert(1)',
  'http://169.254.169.254/latest/meta-data/',
];
const STATUSES = [
  '301 Moved Permanently',
  '302 Found',
  '303 See Other',
  '307 Temporary Redirect',
  '308 Permanent Redirect',
];

describe('a redirect of a node', () => {
  for (const status of STATUSES) {
    it(`is neither followed nor passed on: ${status}`, async () => {
      for (const location of locations()) {
        node.script = (_head, connection) => connection.write(answer(status, '', `Location: ${location}`));
        const requests = node.connections.flatMap(({ heads }) => heads).length;
        for (const path of ['/pods', '/metrics', '/logs/dir', '/containerLogs/default/shell/shell']) {
          const got = await ask(scenario, head('GET', `/nodes/node-3${path}`, bearer(alice)));
          assert.equal(got.code, 502, `${path} ${location}`);
          assert.equal(got.headers.get('location'), undefined);
          assert.ok(!got.body.includes(location), 'its address is nothing for a client');
        }
        for (const [method, lines] of [
          ['GET', WEBSOCKET],
          ['POST', SPDY],
        ] as const) {
          const path = '/nodes/node-3/exec/default/shell/shell?command=id&output=1';
          const got = await ask(scenario, head(method, path, bearer(alice), ...lines));
          assert.equal(got.code, 502, `${method} ${location}`);
          assert.equal(got.headers.get('location'), undefined);
        }
        assert.equal(node.connections.flatMap(({ heads }) => heads).length, requests + 6);
      }
      assert.equal(other.connections.length, 0);
    });
  }

  it('that adds a slash to a directory below /logs/ becomes one to the path that the client used', async () => {
    for (const [asked, location] of [
      ['/nodes/node-3/logs/dir', 'dir/'],
      ['/nodes/node-3/logs/dir', '/logs/dir/'],
      ['/api/v1/nodes/node-3/proxy/logs/dir', 'dir/'],
    ] as const) {
      node.script = (_head, connection) =>
        connection.write(answer('301 Moved Permanently', '', `Location: ${location}`));
      const got = await ask(scenario, head('GET', asked, bearer(alice)));
      assert.equal(got.code, 301, `${asked} ${location}`);
      const sent = got.headers.get('location') ?? '';
      assert.equal(new URL(sent, `https://gateway${asked}`).href, `https://gateway${asked}/`);
    }
  });
});
