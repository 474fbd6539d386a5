// S2: `get nodes/proxy` executes commands at a kubelet, because a WebSocket begins with a GET and the kubelet derives the
// verb from the method. carol holds that right and nothing else. At the gateway every way into a container needs
// `create`: nothing of hers arrives at the node, whatever the method, the transport and the spelling; alice's does.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Scenario } from '../support/scenario.ts';
import type { SimulatedKubelet } from '../../demo/kubelet/kubelet.ts';
import { closeAll } from '../support/close-all.ts';
import { RawClient, SPDY, WEBSOCKET, ask, bearer, head } from '../support/raw-client.ts';
import { eventually, startScenario } from '../support/scenario.ts';

const PATHS = [
  '/exec/default/shell/shell?command=id&output=1',
  '/exec/default/shell/00000000-0000-4000-8000-000000000000/shell?command=id&output=1',
  '/attach/default/shell/shell?output=1',
  '/portForward/default/web?port=8080',
  '/api/v1/namespaces/default/pods/shell/exec?command=id&container=shell&stdout=true',
  '/api/v1/namespaces/default/pods/shell/attach?container=shell&stdout=true',
  '/api/v1/namespaces/default/pods/web/portforward?ports=8080',
];
const mixed = (lines: readonly string[]): readonly string[] =>
  lines.map((line) =>
    line
      .replace(/^Connection: .*/, 'cOnNeCtIoN: keep-alive, uPgRaDe')
      .replace('Upgrade: websocket', 'UPGRADE: wEbSoCkEt')
      .replace('Upgrade: SPDY/3.1', 'uPGRADE: sPdY/3.1'),
  );
const WAYS: readonly (readonly [name: string, method: string, lines: readonly string[]])[] = [
  ['WebSocket GET', 'GET', WEBSOCKET],
  ['WebSocket GET in mixed case', 'GET', mixed(WEBSOCKET)],
  ['SPDY GET', 'GET', SPDY],
  ['SPDY POST', 'POST', [...SPDY, 'Content-Length: 0']],
  ['SPDY POST in mixed case', 'POST', mixed(SPDY)],
];
/** Not even asked about: they have no route. */
const NO_WAYS: readonly (readonly [name: string, method: string, lines: readonly string[]])[] = [
  ['HEAD', 'HEAD', WEBSOCKET],
  ['HEAD by SPDY', 'HEAD', SPDY],
  ['OPTIONS', 'OPTIONS', WEBSOCKET],
  ['PUT', 'PUT', SPDY],
  ['PATCH', 'PATCH', SPDY],
  ['WebSocket POST', 'POST', WEBSOCKET],
  ['GET without an upgrade', 'GET', []],
  ['POST without an upgrade', 'POST', ['Content-Length: 0']],
  ['an upgrade without Connection', 'GET', WEBSOCKET.slice(1)],
];

let scenario: Scenario;
let kubelet: SimulatedKubelet;
let carol: string;
before(async () => {
  scenario = await startScenario();
  const found = scenario.environment.kubelets.get('node-1');
  assert.ok(found !== undefined);
  kubelet = found;
  carol = await scenario.environment.issueToken('carol');
});
after(() => closeAll(scenario));

describe('who may only read', () => {
  for (const prefix of ['/nodes/node-1', '/api/v1/nodes/node-1/proxy']) {
    for (const [name, method, lines] of WAYS) {
      it(`reaches no container by ${name} under ${prefix}`, async () => {
        for (const path of prefix.startsWith('/api') ? PATHS.slice(0, 4) : PATHS) {
          const got = await ask(scenario, head(method, `${prefix}${path}`, bearer(carol), ...lines));
          assert.equal(got.code, 403, path);
          assert.match(got.body, /is forbidden: User \\"carol\\" cannot create resource/, path);
        }
        assert.equal(kubelet.requests.length, 0);
      });
    }
    for (const [name, method, lines] of NO_WAYS) {
      it(`finds no way round by ${name} under ${prefix}`, async () => {
        for (const path of PATHS.slice(0, 4)) {
          const client = await RawClient.open(scenario);
          client.send(head(method, `${prefix}${path}`, bearer(carol), ...lines));
          const got = await client.readHead();
          client.destroy();
          assert.ok([400, 403, 405].includes(got.code), `${path}: ${got.code}`);
        }
        assert.equal(kubelet.requests.length, 0);
      });
    }
  }

  it('is refused run, by POST and by what asks for an upgrade', async () => {
    const path = '/nodes/node-1/run/default/shell/shell?cmd=id';
    for (const [method, lines, code] of [
      ['POST', ['Content-Length: 0'], 403],
      ['GET', WEBSOCKET, 405],
      ['GET', SPDY, 405],
      ['POST', SPDY, 400],
    ] as const) {
      const got = await ask(scenario, head(method, path, bearer(carol), ...lines));
      assert.equal(got.code, code, `${method} ${lines.join(' ')}: ${got.body}`);
    }
    assert.equal(kubelet.requests.length, 0);
  });

  it('is refused the paths of a runtime, which nobody has', async () => {
    for (const path of ['/cri/exec/token', '/cri/attach/token', '/cri/portforward/token']) {
      const got = await ask(scenario, head('GET', `/nodes/node-1${path}`, bearer(carol), ...WEBSOCKET));
      assert.equal(got.code, 404, path);
    }
    assert.equal(kubelet.requests.length, 0);
  });

  it('is told of in the audit log as somebody who tried to create', async () => {
    const events = await eventually('the refusals', async () => {
      const all = (await scenario.auditEvents()).filter(
        (event) =>
          event.user.username === 'carol' &&
          event.stage === 'ResponseComplete' &&
          event.responseStatus?.code === 403,
      );
      return all.length > 20 ? all : undefined;
    });
    for (const event of events) assert.equal(event.verb, 'create', event.requestURI);
  });
});

describe('who may operate', () => {
  it('is executed, by each of the same ways', async () => {
    const alice = await scenario.environment.issueToken('alice');
    for (const [name, method, lines] of WAYS) {
      const before = kubelet.requests.length;
      const client = await RawClient.open(scenario);
      client.send(head(method, `/nodes/node-1${PATHS[0] ?? ''}`, bearer(alice), ...lines));
      const got = await client.readHead();
      client.destroy();
      assert.equal(got.code, 101, `${name}: ${got.head}`);
      assert.equal(kubelet.requests.length, before + 1);
      assert.equal(kubelet.requests.at(-1)?.user?.name, 'gateway-operator:node-1');
      assert.equal(
        kubelet.requests.at(-1)?.method,
        lines.some((line) => /websocket/i.test(line)) ? 'GET' : 'POST',
      );
    }
  });
});
