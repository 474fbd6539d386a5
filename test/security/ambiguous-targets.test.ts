// S8 and S16: the authorizer, the proxy and the backend read one target in different ways (path.Clean, %2F, dot
// segments, absolute form), or one header value as two lines. Here: what could be read in two ways gets 400 and never
// arrives; what arrives is the canonical spelling of what was authorized.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { SimulatedKubelet } from '../../demo/kubelet/kubelet.ts';
import type { Scenario } from '../support/scenario.ts';
import { closeAll } from '../support/close-all.ts';
import { SPDY, WEBSOCKET, ask, bearer, head } from '../support/raw-client.ts';
import { startScenario } from '../support/scenario.ts';

const NODE = '/nodes/node-1';
const ODD = [
  `${NODE}//pods`,
  `/${NODE}/pods`,
  `${NODE}/./pods`,
  `${NODE}/healthz/../pods`,
  `${NODE}/healthz/..`,
  `${NODE}/%2e%2e/pods`,
  `${NODE}/healthz%2f..%2fpods`,
  `${NODE}/exec/default%2Fshell%2Fshell?command=id`,
  `${NODE}/exec%2Fdefault/shell/shell?command=id`,
  `${NODE}/%65xec/default/shell/shell?command=id`,
  `${NODE}/healthz%252f..%252fpods`,
  `${NODE}/pods;x=1`,
  `${NODE}/exec/default/shell/shell?command=id;command=rm`,
  `${NODE}/pods\\..\\exec`,
  `${NODE}/pods#/exec`,
  `${NODE}/pods%00`,
  `${NODE}/pods%0d%0aX-Y:%20z`,
  `${NODE}/exec/default/sh%0d%0aell/shell?command=id`,
  `${NODE}/exec/default/shell/shell%0a?command=id`,
  `${NODE}/exec/default/shell/shell?command=%00`,
  `${NODE}/exec/default/shell/shell?command=%ff%fe`,
  `${NODE}/pods%ff`,
  `${NODE}/pods%`,
  `${NODE}/pods%zz`,
  `${NODE}/logs/../pods`,
  `${NODE}/logs/%2e%2e/pods`,
  `${NODE}/logs/a%2fb`,
  `https://gateway${NODE}/pods`,
  `http://127.0.0.1:10250/pods`,
  `*`,
  `gateway:443`,
  `nodes/node-1/pods`,
  `/nodes/https:node-1:10250/pods`,
  `/nodes/http:node-1:10250/pods`,
  `/nodes/node-1:10250/pods`,
  `/nodes/NODE-1/pods`,
  `/api/v1/nodes/https:node-1:10250/proxy/pods`,
  `/api/v1/nodes/node-1:10250/proxy/pods`,
  `/nodes/127.0.0.1:10255/pods`,
  `${NODE}/exec/default/shell/shell?command=id&command`.replace('&command', '&%'),
  `${NODE}/exec/UPPER/shell/shell?command=id`,
  `${NODE}/exec/default/${'s'.repeat(254)}/shell?command=id`,
  `${NODE}/logs/${'d/'.repeat(3000)}`,
];
/** Well-formed, but no path of a kubelet here. */
const NOWHERE = [
  `${NODE}/PODS`,
  `${NODE}/Exec/default/shell/shell?command=id`,
  `${NODE}/metrics/`,
  `${NODE}/exec/`,
  `${NODE}/exec/default/shell`,
  `${NODE}/healthz/a/b`,
  `${NODE}/debug/flags/v`,
  `${NODE}/proxy/pods`,
  '/pods',
  '/metrics',
  '/exec/default/shell/shell?command=id',
];

let scenario: Scenario;
let kubelet: SimulatedKubelet;
let alice: string;
before(async () => {
  scenario = await startScenario();
  const found = scenario.environment.kubelets.get('node-1');
  assert.ok(found !== undefined);
  kubelet = found;
  alice = await scenario.environment.issueToken('alice');
});
after(() => closeAll(scenario));

describe('a target that could be read in two ways', () => {
  for (const target of ODD) {
    it(`is refused: ${target.slice(0, 80)}`, async () => {
      for (const lines of [[], WEBSOCKET, SPDY]) {
        const got = await ask(scenario, head('GET', target, bearer(alice), ...lines));
        assert.equal(got.code, 400, got.body);
        assert.match(got.body, /"kind":"Status"/);
      }
      assert.equal(kubelet.requests.length, 0);
    });
  }

  for (const target of NOWHERE) {
    it(`or that is no path at all is nowhere: ${target}`, async () => {
      for (const lines of [[], WEBSOCKET]) {
        assert.equal((await ask(scenario, head('GET', target, bearer(alice), ...lines))).code, 404);
      }
      assert.equal(kubelet.requests.length, 0);
    });
  }

  it('is refused with bytes that no target has', async () => {
    for (const target of [`${NODE}/pods\0`, `${NODE}/p\xc3\xb6ds`, `${NODE}/pods\x7f`, `${NODE}/pods\t`]) {
      assert.equal((await ask(scenario, head('GET', target, bearer(alice)))).code, 400);
    }
  });

  it('is refused at 129 kB, and served at 64 kB', async () => {
    const script = (bytes: number): string =>
      `${NODE}/exec/default/shell/shell?output=1&command=echo&command=${'x'.repeat(bytes)}`;
    assert.equal((await ask(scenario, head('GET', script(129 * 1024), bearer(alice)))).code, 431);
    const before = kubelet.requests.length;
    const got = await ask(scenario, head('GET', script(64 * 1024), bearer(alice), ...WEBSOCKET));
    assert.equal(got.code, 101);
    assert.equal(kubelet.requests.length, before + 1);
  });
});

describe('a header value that could be read as two lines', () => {
  const exec = `${NODE}/exec/default/shell/shell?command=id&output=1`;
  const without = (name: string): readonly string[] => WEBSOCKET.filter((line) => !line.startsWith(name));
  for (const [name, lines] of [
    ['CR in Upgrade', [...without('Upgrade'), 'Upgrade: websocket\rX-Y: z']],
    ['LF in Upgrade', [...without('Upgrade'), 'Upgrade: websocket\nX-Y: z']],
    ['NUL in Upgrade', [...without('Upgrade'), 'Upgrade: websocket\0']],
    [
      'CR in a subprotocol',
      [...without('Sec-WebSocket-Protocol'), 'Sec-WebSocket-Protocol: v5.channel.k8s.io\rX: y'],
    ],
    [
      'LF in a subprotocol',
      [...without('Sec-WebSocket-Protocol'), 'Sec-WebSocket-Protocol: v5.channel.k8s.io\nX: y'],
    ],
    [
      'a folded subprotocol',
      [
        ...without('Sec-WebSocket-Protocol'),
        'Sec-WebSocket-Protocol: v5.channel.k8s.io,\r\n v4.channel.k8s.io',
      ],
    ],
    [
      'a subprotocol that is no token',
      [...without('Sec-WebSocket-Protocol'), 'Sec-WebSocket-Protocol: v5"; x'],
    ],
    ['NUL in a key', [...without('Sec-WebSocket-Key'), 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=\0']],
    ['a key of another length', [...without('Sec-WebSocket-Key'), 'Sec-WebSocket-Key: eA==']],
    ['two keys', [...WEBSOCKET, 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==']],
    ['an SPDY protocol with a line in it', [...SPDY, 'X-Stream-Protocol-Version: v5\rX: y']],
    ['two Upgrade lines', [...WEBSOCKET, 'Upgrade: SPDY/3.1']],
    ['two protocols', [...without('Upgrade'), 'Upgrade: websocket, SPDY/3.1']],
    ['another version', [...without('Sec-WebSocket-Version'), 'Sec-WebSocket-Version: 8']],
  ] as const) {
    it(`is refused: ${name}`, async () => {
      const before = kubelet.requests.length;
      const got = await ask(scenario, head('GET', exec, bearer(alice), ...lines));
      assert.equal(got.code, 400, got.body);
      assert.equal(kubelet.requests.length, before);
    });
  }
});

describe('what arrives at a node', () => {
  it('is the canonical spelling of what was authorized', async () => {
    for (const [asked, sent] of [
      [`${NODE}/logs/a%20b`, '/logs/a%20b'],
      [`${NODE}/pods?`, '/pods'],
      [`/api/v1/nodes/node-1/proxy/healthz?verbose=`, '/healthz?verbose=true'],
      [
        `${NODE}/containerLogs/default/logger/logger?tailLines=%31&limitBytes=5&`,
        '/containerLogs/default/logger/logger?tailLines=1&limitBytes=5',
      ],
    ] as const) {
      const before = kubelet.requests.length;
      await ask(scenario, head('GET', asked, bearer(alice)));
      assert.equal(kubelet.requests.length, before + 1, asked);
      assert.equal(kubelet.requests.at(-1)?.target, sent);
    }
  });
});
