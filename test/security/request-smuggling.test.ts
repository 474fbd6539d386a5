// S15 and S14: two readers disagree where a request ends, and the rest of one client's bytes becomes a request of its
// own, or another user's answer. Here: a malformed head is refused and its connection closed, a node sees exactly one
// request for each of a client's, answers never cross users, and no protocol but HTTP/1.1 is spoken.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { DemoUser } from '../../demo/environment.ts';
import type { SimulatedKubelet } from '../../demo/kubelet/kubelet.ts';
import type { HostileKubelet, NodeConnection } from '../support/hostile-kubelet.ts';
import type { Scenario } from '../support/scenario.ts';
import { closeAll } from '../support/close-all.ts';
import { answer, startHostileKubelet } from '../support/hostile-kubelet.ts';
import { RawClient, ask, bearer, head } from '../support/raw-client.ts';
import { startScenario } from '../support/scenario.ts';

let scenario: Scenario;
let kubelet: SimulatedKubelet;
let node: HostileKubelet;
let alice: string;
let bob: string;
let carol: string;
before(async () => {
  node = await startHostileKubelet('node-3');
  scenario = await startScenario({ configure: (yaml) => node.takePlaceOf(yaml, 'node-3') });
  const found = scenario.environment.kubelets.get('node-1');
  assert.ok(found !== undefined);
  kubelet = found;
  const issue = (user: DemoUser): Promise<string> => scenario.environment.issueToken(user);
  [alice, bob, carol] = await Promise.all([issue('alice'), issue('bob'), issue('carol')]);
});
after(() => closeAll(scenario, node));

const SMUGGLED = 'GET /nodes/node-1/configz HTTP/1.1\r\nHost: gateway\r\n\r\n';
const post = (lines: readonly string[], body: string): string =>
  head('POST', '/nodes/node-1/run/default/shell/shell?cmd=true', bearer(alice), ...lines) + body;
const get = (lines: readonly string[], body = ''): string =>
  head('GET', '/nodes/node-1/healthz', bearer(alice), ...lines) + body;

describe('a request whose end is a matter of opinion', () => {
  const length = `Content-Length: ${SMUGGLED.length}`;
  for (const [name, bytes] of [
    ['TE and CL', post(['Transfer-Encoding: chunked', length], `0\r\n\r\n${SMUGGLED}`)],
    ['CL and TE', post([length, 'Transfer-Encoding: chunked'], `0\r\n\r\n${SMUGGLED}`)],
    ['two CL', post(['Content-Length: 0', length], SMUGGLED)],
    ['CL list', post([`Content-Length: 0, ${SMUGGLED.length}`], SMUGGLED)],
    ['CL with a sign', post([`Content-Length: +${SMUGGLED.length}`], SMUGGLED)],
    ['CL in hex', post(['Content-Length: 0x10'], SMUGGLED)],
    ['negative CL', post(['Content-Length: -1'], SMUGGLED)],
    ['xchunked', post(['Transfer-Encoding: xchunked'], `0\r\n\r\n${SMUGGLED}`)],
    ['chunked, identity', post(['Transfer-Encoding: chunked, identity'], `0\r\n\r\n${SMUGGLED}`)],
    ['TE twice', post(['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'], `0\r\n\r\n${SMUGGLED}`)],
    ['TE with a tab before the colon', post(['Transfer-Encoding\t: chunked'], `0\r\n\r\n${SMUGGLED}`)],
    ['TE by underscore and CL', get(['Transfer_Encoding: chunked', 'Content-Length: x'], SMUGGLED)],
    ['folded TE', post(['X: y\r\n Transfer-Encoding: chunked'], `0\r\n\r\n${SMUGGLED}`)],
    ['chunk size with a sign', post(['Transfer-Encoding: chunked'], `-1\r\n\r\n${SMUGGLED}`)],
    ['chunk size that overflows', post(['Transfer-Encoding: chunked'], `fffffffffffffffff\r\n${SMUGGLED}`)],
    ['chunk ended by a bare LF', post(['Transfer-Encoding: chunked'], `0\n\n${SMUGGLED}`)],
    ['chunk longer than it says', post(['Transfer-Encoding: chunked'], `1\r\nabc\r\n0\r\n\r\n${SMUGGLED}`)],
    ['bare LF', get([]).replaceAll('\r\n', '\n') + SMUGGLED],
    ['space before the colon', get(['Content-Length : 5'], SMUGGLED)],
    ['no Host', 'GET /nodes/node-1/healthz HTTP/1.1\r\n\r\n' + SMUGGLED],
    ['two Hosts', get(['Host: node-1'], SMUGGLED)],
    ['the HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' + SMUGGLED],
  ] as const) {
    it(`is refused, with everything after it: ${name}`, async () => {
      const client = await RawClient.open(scenario);
      client.send(bytes);
      const got = await client.readAnswer();
      assert.equal(got.code, 400, got.body);
      assert.equal(got.headers.get('connection'), 'close');
      client.send(SMUGGLED);
      await client.closed;
      assert.equal(client.received.length, 0, 'one answer only');
      assert.ok(!kubelet.requests.some(({ target }) => target.includes('configz')));
      client.destroy();
    });
  }

  it('is one request when it is well-formed, bodies of GET and chunk extensions included', async () => {
    for (const [bytes, code] of [
      [get([`Content-Length: ${SMUGGLED.length}`], SMUGGLED), 200],
      [
        get(
          ['Transfer-Encoding: chunked'],
          `${SMUGGLED.length.toString(16)};a=b\r\n${SMUGGLED}\r\n0\r\n\r\n`,
        ),
        200,
      ],
      [post([`Content-Length: ${SMUGGLED.length}`], SMUGGLED), 200],
      [post(['Transfer-Encoding: chunked'], `5;x="y"\r\nhello\r\n0\r\nTrailer-Field: x\r\n\r\n`), 200],
    ] as const) {
      const before = kubelet.requests.length;
      const got = await ask(scenario, bytes);
      assert.equal(got.code, code, got.body);
      assert.equal(kubelet.requests.length, before + 1);
      assert.ok(!(kubelet.requests.at(-1)?.rawHeaders.join() ?? '').includes('Trailer'));
    }
    assert.ok(!kubelet.requests.some(({ target }) => target.includes('configz')));
  });

  it('keeps the answers of one connection in order, each with its own rights', async () => {
    const client = await RawClient.open(scenario);
    const rows = [
      [alice, '/nodes/node-1/configz', 200],
      [bob, '/nodes/node-1/configz', 403],
      [carol, '/nodes/node-1/metrics', 403],
      [bob, '/nodes/node-1/healthz', 200],
      [undefined, '/nodes/node-1/healthz', 401],
      [carol, '/nodes/node-1/configz', 200],
    ] as const;
    client.send(
      rows
        .map(([token, target]) => head('GET', target, ...(token === undefined ? [] : [bearer(token)])))
        .join(''),
    );
    for (const [, target, code] of rows) {
      const got = await client.readAnswer();
      assert.equal(got.code, code, target);
    }
    client.destroy();
  });
});

describe('a node that says more than it was asked', () => {
  const once = '/nodes/node-3/healthz';
  it('with two answers to one request gives the second to nobody', async () => {
    node.script = (_head, connection) =>
      connection.write(answer('200 OK', 'first') + answer('200 OK', 'poison'));
    assert.equal((await ask(scenario, head('GET', once, bearer(alice)))).body, 'first');
    node.script = (_head, connection) => connection.write(answer('200 OK', 'own'));
    for (let i = 0; i < 5; i += 1) {
      const got = await ask(scenario, head('GET', once, bearer(bob)));
      assert.ok(got.code === 502 || got.body === 'own', `${got.code} ${got.body}`);
    }
  });

  it("with bytes behind an answer, later, loses the connection: the bytes are nobody's answer", async () => {
    let used: NodeConnection | undefined;
    node.script = (_head, connection) => {
      used = connection;
      connection.write(answer('200 OK', 'first'));
      setImmediate(() => connection.write(answer('200 OK', 'poison')));
    };
    assert.equal((await ask(scenario, head('GET', once, bearer(alice)))).body, 'first');
    assert.ok(used !== undefined);
    await used.closed;
    node.script = (_head, connection) => connection.write(answer('200 OK', 'own'));
    for (let i = 0; i < 5; i += 1) {
      assert.equal((await ask(scenario, head('GET', once, bearer(bob)))).body, 'own');
    }
  });

  for (const [name, said] of [
    ['TE and CL', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n'],
    ['two CL', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 5\r\n\r\nhello'],
    ['no HTTP at all', 'hello\r\n\r\n'],
    ['a NUL in a header', 'HTTP/1.1 200 OK\r\nX: \0\r\nContent-Length: 0\r\n\r\n'],
  ] as const) {
    it(`or whose answer has no certain end is a bad gateway: ${name}`, async () => {
      node.script = (_head, connection) => connection.write(said);
      assert.equal((await ask(scenario, head('GET', once, bearer(alice)))).code, 502);
    });
  }

  it('and closes in mid-answer cuts the client off too', async () => {
    node.script = (_head, connection) => {
      // The end comes with the bytes.
      connection.socket.end('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart');
    };
    const client = await RawClient.open(scenario);
    client.send(head('GET', once, bearer(alice)));
    const got = await client.readHead();
    assert.equal(got.code, 200);
    assert.ok((await client.readToEnd()).length < 100);
  });
});

describe('another protocol than HTTP/1.1', () => {
  it('is not negotiated: of h2 and http/1.1 it is http/1.1', async () => {
    const client = await RawClient.open(scenario, { ALPNProtocols: ['h2', 'http/1.1'] });
    assert.equal(client.socket.alpnProtocol, 'http/1.1');
    client.send(head('GET', '/nodes/node-1/healthz', bearer(alice)));
    assert.equal((await client.readAnswer()).code, 200);
    client.destroy();
  });

  it('is not spoken to who wants h2 alone', async () => {
    await assert.rejects(
      RawClient.open(scenario, { ALPNProtocols: ['h2'] }).then(async (client) => {
        // A server may also negotiate nothing; then HTTP/2 is answered as what it is, a malformed request.
        assert.notEqual(client.socket.alpnProtocol, 'h2');
        client.send('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0');
        const got = await client.readAnswer();
        client.destroy();
        throw new Error(`refused with ${got.code}`);
      }),
      /refused with 400|alert|no application protocol/i,
    );
  });

  it('is not upgraded to', async () => {
    const lines = ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__'];
    const got = await ask(scenario, head('GET', '/nodes/node-1/healthz', bearer(alice), ...lines));
    assert.equal(got.code, 400);
  });
});
