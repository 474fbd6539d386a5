// S5 and S6, after CVE-2021-31999 and CVE-2025-64484: a client says who it is in headers, renames them past a filter, or
// strikes out the proxy's own by naming them in Connection. Here: identities in headers are refused, everything else is
// dropped, and what a node sees is exactly the set that the gateway writes, by the right credential.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { SimulatedKubelet } from '../../demo/kubelet/kubelet.ts';
import type { Scenario } from '../support/scenario.ts';
import { closeAll } from '../support/close-all.ts';
import { RawClient, WEBSOCKET, ask, bearer, head } from '../support/raw-client.ts';
import { startScenario } from '../support/scenario.ts';

const REFUSED = [
  'Impersonate-User: admin',
  'impersonate-user: admin',
  'Impersonate-Group: system:masters',
  'Impersonate-Uid: 0',
  'Impersonate-Extra-Scopes: all',
  'Impersonate_User: admin',
  'X-Remote-User: admin',
  'x-remote-user: admin',
  'X_Remote_User: admin',
  'X-Remote_Group: system:masters',
  'X-Remote-Uid: 0',
  'X-Remote-Extra-Foo: bar',
];

const DROPPED = [
  'X-Forwarded-For: 10.0.0.1',
  'X-Forwarded-Uri: /healthz',
  'X-Forwarded-Host: node-1',
  'X-Forwarded-Proto: http',
  'X-Forwarded-Client-Cert: By=admin',
  'X-Real-Ip: 10.0.0.1',
  'Forwarded: for=10.0.0.1',
  'Via: 1.1 me',
  'Cookie: session=secret',
  'Proxy-Authorization: Basic YTpi',
  'X-Original-Url: /exec/default/shell/shell',
  'X-Rewrite-Url: /exec/default/shell/shell',
  'X-Http-Method-Override: DELETE',
  'Te: trailers',
  'Keep-Alive: timeout=1000',
  'Referer: https://gateway/',
  'Origin: https://evil.example',
  'Audit-Id: 00000000-0000-4000-8000-000000000000',
  'Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  'User-Agent: kube-probe/1.36',
  'Accept: text/html',
  'Range: bytes=0-1',
  'If-None-Match: *',
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

/** `Name: value` lines of the last request that the node saw. */
const seen = (): readonly string[] => {
  const raw = kubelet.requests.at(-1)?.rawHeaders ?? [];
  return raw.flatMap((name, i) => (i % 2 === 0 ? [`${name.toLowerCase()}: ${raw[i + 1] ?? ''}`] : []));
};

describe('identities in headers', () => {
  for (const line of REFUSED) {
    it(`are refused on plain requests, upgrades and for everybody: ${line}`, async () => {
      const before = kubelet.requests.length;
      const exec = '/nodes/node-1/exec/default/shell/shell?command=id&output=1';
      const rows: readonly (readonly [request: string, codes: readonly number[]])[] = [
        [head('GET', '/nodes/node-1/pods', bearer(alice), line), [403]],
        [head('GET', '/nodes/node-1/version', bearer(alice), line), [403]],
        [head('GET', exec, bearer(alice), ...WEBSOCKET, line), [403]],
        // Naming it in Connection makes it no less said.
        [
          head('GET', '/nodes/node-1/pods', bearer(alice), line, `Connection: ${line.split(':')[0] ?? ''}`),
          [403],
        ],
        [head('GET', '/nodes/node-1/pods', line), [401, 403]],
      ];
      for (const [request, codes] of rows) {
        const got = await ask(scenario, request);
        assert.ok(codes.includes(got.code), `${got.code}: ${request}`);
      }
      assert.equal(kubelet.requests.length, before);
    });
  }

  it('in ten thousand groups are refused before anybody is asked (S13)', async () => {
    const before = kubelet.requests.length;
    const groups = Array.from({ length: 10_000 }, (_, i) => `Impersonate-Group: g${i}`);
    assert.equal(
      (await ask(scenario, head('GET', '/nodes/node-1/pods', bearer(alice), ...groups))).code,
      431,
    );
    const fewer = groups.slice(0, 90);
    assert.equal((await ask(scenario, head('GET', '/nodes/node-1/pods', bearer(alice), ...fewer))).code, 403);
    assert.equal(kubelet.requests.length, before);
  });
});

describe('what a node sees', () => {
  const port = (): number => kubelet.port;

  it('of a plain request is what the gateway writes, whatever the client sent', async () => {
    const got = await ask(
      scenario,
      head(
        'GET',
        '/nodes/node-1/pods',
        bearer(alice),
        ...DROPPED,
        'Connection: keep-alive, Authorization, Host, User-Agent, Accept, Cookie, X-Forwarded-For',
      ),
    );
    assert.equal(got.code, 200, got.body);
    assert.deepEqual([...seen()].sort(), [
      'accept: application/json',
      'connection: keep-alive',
      `host: 127.0.0.1:${port()}`,
      'user-agent: kubelet-gateway',
    ]);
    assert.equal(kubelet.requests.at(-1)?.user?.name, 'gateway-reader:node-1');
    assert.notEqual(got.headers.get('audit-id'), '00000000-0000-4000-8000-000000000000');
  });

  it('of an upgrade is what the gateway writes, whatever the client sent', async () => {
    const client = await RawClient.open(scenario);
    client.send(
      head(
        'GET',
        '/nodes/node-1/exec/default/shell/shell?command=id&output=1',
        bearer(alice),
        ...DROPPED,
        ...WEBSOCKET.filter((line) => !line.startsWith('Connection:')),
        'Connection: Upgrade, Authorization, Host, Sec-WebSocket-Key, Cookie, X-Forwarded-For',
        'Sec-WebSocket-Extensions: permessage-deflate',
      ),
    );
    assert.equal((await client.readHead()).code, 101);
    client.destroy();
    assert.deepEqual([...seen()].sort(), [
      'connection: Upgrade',
      `host: 127.0.0.1:${port()}`,
      'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==',
      'sec-websocket-protocol: v5.channel.k8s.io',
      'sec-websocket-version: 13',
      'upgrade: websocket',
      'user-agent: kubelet-gateway',
    ]);
    assert.equal(kubelet.requests.at(-1)?.user?.name, 'gateway-operator:node-1');
  });

  it('holds no token that came as a subprotocol, and neither does the answer (S28)', async () => {
    const token = Buffer.from(alice).toString('base64url');
    const client = await RawClient.open(scenario);
    client.send(
      head(
        'GET',
        '/nodes/node-1/exec/default/shell/shell?command=id&output=1',
        ...WEBSOCKET.filter((line) => !line.startsWith('Sec-WebSocket-Protocol')),
        `Sec-WebSocket-Protocol: base64url.bearer.authorization.k8s.io.${token}, v5.channel.k8s.io`,
      ),
    );
    const got = await client.readHead();
    client.destroy();
    assert.equal(got.code, 101, got.head);
    assert.equal(got.headers.get('sec-websocket-protocol'), 'v5.channel.k8s.io');
    assert.ok(!got.head.includes('bearer'));
    assert.ok(seen().includes('sec-websocket-protocol: v5.channel.k8s.io'));
    assert.ok(!seen().join().includes('bearer'));
  });

  it('believes X-Forwarded-For of nobody: the audit log has the TCP peer', async () => {
    const got = await ask(
      scenario,
      head('GET', '/nodes/node-1/healthz', bearer(alice), 'X-Forwarded-For: 203.0.113.7'),
    );
    const events = (await scenario.auditEvents()).filter(
      ({ auditID }) => auditID === got.headers.get('audit-id'),
    );
    assert.ok(events.length > 0);
    for (const event of events) assert.deepEqual(event.sourceIPs, ['127.0.0.1']);
  });

  it('is not shaped by a User-Agent of a health check: it needs a credential like any other (S7)', async () => {
    for (const agent of ['GoogleHC/1.0', 'kube-probe/1.36', 'ELB-HealthChecker/2.0']) {
      const got = await ask(scenario, head('GET', '/nodes/node-1/healthz', `User-Agent: ${agent}`));
      assert.equal(got.code, 401);
    }
  });
});
