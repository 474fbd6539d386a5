// S38: what a node answers is as hostile as what a client asks. A pod's output must not run script or set cookies at the
// gateway's address. Here: of a hostile node's headers only the allowed ones survive, each in its shape, and content
// types are those of the action.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { HostileKubelet } from '../support/hostile-kubelet.ts';
import type { Scenario } from '../support/scenario.ts';
import { closeAll } from '../support/close-all.ts';
import { answer, startHostileKubelet } from '../support/hostile-kubelet.ts';
import { RawClient, WEBSOCKET, ask, bearer, head } from '../support/raw-client.ts';
import { startScenario } from '../support/scenario.ts';

const HOSTILE = [
  'Set-Cookie: session=stolen; Path=/',
  'Set-Cookie2: a=b',
  'Access-Control-Allow-Origin: *',
  'Access-Control-Allow-Credentials: true',
  'Refresh: 0; url=https://evil.example/',
  'Link: </x>; rel=preload',
  'Location: https://evil.example/',
  'Content-Location: /console',
  'Clear-Site-Data: "*"',
  'Strict-Transport-Security: max-age=31536000',
  'Public-Key-Pins: x',
  'Alt-Svc: h3=":443"',
  'Content-Security-Policy: script-src *',
  'X-Content-Type-Options: sniff',
  'Cross-Origin-Resource-Policy: cross-origin',
  'Cross-Origin-Opener-Policy: unsafe-none',
  'Cache-Control: public, max-age=31536000',
  'Expires: Thu, 01 Jan 2099 00:00:00 GMT',
  'ETag: "x"',
  'Vary: *',
  'Age: 1',
  'Server: evil/1.0',
  'Via: 1.1 evil',
  'Audit-Id: 00000000-0000-4000-8000-000000000000',
  'Service-Worker-Allowed: /',
  'SourceMap: /x',
  'Report-To: {}',
  'WWW-Authenticate: Basic realm="give me"',
  'Proxy-Authenticate: Basic',
  'X-Frame-Options: ALLOWALL',
  'X-Accel-Redirect: /etc/passwd',
  'X-Sendfile: /etc/passwd',
  'Trailer: Set-Cookie',
  'Content-Disposition: inline; filename=x.html',
  'Last-Modified: <script>',
  'Content-Range: bytes 0-1/2, evil',
  'Retry-After: soon',
  'Allow: GET, EVIL<>',
];
const HTML = '<script>document.cookie="a=b"</script>';
const ALLOWED = new Set([
  'x-content-type-options',
  'content-security-policy',
  'cross-origin-resource-policy',
  'cache-control',
  'audit-id',
  'content-type',
  'content-disposition',
  'content-length',
  'date',
  'connection',
  'keep-alive',
]);

let scenario: Scenario;
let node: HostileKubelet;
let alice: string;
before(async () => {
  node = await startHostileKubelet('node-3');
  scenario = await startScenario({ configure: (yaml) => node.takePlaceOf(yaml, 'node-3') });
  alice = await scenario.environment.issueToken('alice');
});
after(() => closeAll(scenario, node));

const TEXT = 'text/plain; charset=utf-8';
const ROWS: readonly (readonly [path: string, type: string, said?: string])[] = [
  ['/containerLogs/default/shell/shell', TEXT],
  ['/metrics', 'text/plain'],
  ['/metrics', 'text/plain', 'text/plain; charset=utf-8, text/html'],
  ['/stats/summary', 'application/json'],
  ['/pods', 'application/json'],
  ['/configz', 'application/json'],
  ['/healthz', TEXT],
  ['/logs/x.html', TEXT],
  ['/logs/x.svg', 'application/octet-stream', 'image/svg+xml'],
  ['/logs/x.js', TEXT, 'text/javascript'],
  ['/logs/?query=kubelet', TEXT],
  ['/debug/pprof/heap', 'application/octet-stream'],
];

describe('what a hostile node says in its headers', () => {
  for (const [path, type, said = 'text/html'] of ROWS) {
    for (const status of ['200 OK', '404 Not Found', '500 Internal Server Error']) {
      it(`does not survive, but for the allowed ones: ${status} of ${path} as ${said}`, async () => {
        node.script = (_head, on) => on.write(answer(status, HTML, `Content-Type: ${said}`, ...HOSTILE));
        const got = await ask(scenario, head('GET', `/nodes/node-3${path}`, bearer(alice)));
        assert.equal(got.code, Number(status.slice(0, 3)), got.body);
        for (const name of got.headers.keys()) assert.ok(ALLOWED.has(name), got.head);
        assert.doesNotMatch(got.head, /evil|stolen|00000000|\*/i);
        assert.equal(got.headers.get('content-type'), got.code === 200 ? type : TEXT);
        assert.equal(got.headers.get('x-content-type-options'), 'nosniff');
        assert.equal(got.headers.get('content-security-policy'), "sandbox; default-src 'none'");
        assert.equal(got.headers.get('cross-origin-resource-policy'), 'same-origin');
        assert.equal(got.headers.get('cache-control'), 'no-store');
        assert.equal(
          got.headers.get('content-disposition'),
          got.code === 200 && type === 'application/octet-stream' ? 'attachment' : undefined,
        );
      });
    }
  }

  it('does not survive as trailers, interim answers or odd reason phrases', async () => {
    node.script = (_head, on) =>
      on.write(
        'HTTP/1.1 103 Early Hints\r\nLink: </evil>; rel=preload\r\nSet-Cookie: a=stolen\r\n\r\n' +
          'HTTP/1.1 200 <script>evil</script>\r\nTransfer-Encoding: chunked\r\nTrailer: Set-Cookie\r\n\r\n' +
          '2\r\nok\r\n0\r\nSet-Cookie: session=stolen\r\n\r\n',
      );
    const client = await RawClient.open(scenario);
    client.send(head('GET', '/nodes/node-3/healthz', bearer(alice), 'Connection: close', 'TE: trailers'));
    const all = (await client.readToEnd()).toString('latin1');
    assert.match(all, /^HTTP\/1\.1 200 OK\r\n/);
    assert.doesNotMatch(all, /stolen|evil|103/);
  });

  it('does not survive a refused upgrade or an accepted one', async () => {
    const exec = '/nodes/node-3/exec/default/shell/shell?command=id&output=1';
    node.script = (_head, on) =>
      on.write(answer('400 Bad Request', HTML, 'Content-Type: text/html', ...HOSTILE));
    const refused = await ask(scenario, head('GET', exec, bearer(alice), ...WEBSOCKET));
    assert.equal(refused.code, 400);
    for (const name of refused.headers.keys()) assert.ok(ALLOWED.has(name), refused.head);
    assert.equal(refused.headers.get('content-type'), TEXT);
    node.script = (_head, on) => {
      on.raw = true;
      on.write(
        [
          'HTTP/1.1 101 Switching Protocols',
          'Connection: Upgrade',
          'Upgrade: websocket',
          'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=',
          'Sec-WebSocket-Protocol: v5.channel.k8s.io',
          ...HOSTILE.filter((line) => !line.startsWith('Sec-')),
          '',
          '',
        ].join('\r\n'),
      );
    };
    const client = await RawClient.open(scenario);
    client.send(head('GET', exec, bearer(alice), ...WEBSOCKET));
    const accepted = await client.readHead();
    client.destroy();
    assert.equal(accepted.code, 101);
    assert.deepEqual([...accepted.headers.keys()].sort(), [
      'audit-id',
      'connection',
      'sec-websocket-accept',
      'sec-websocket-protocol',
      'upgrade',
    ]);
  });

  it('does not make a decompression bomb: an encoding that was not asked for is refused', async () => {
    for (const coding of ['gzip', 'br', 'deflate', 'zstd', 'gzip, gzip']) {
      node.script = (_head, on) => on.write(answer('200 OK', 'xx', `Content-Encoding: ${coding}`));
      assert.equal((await ask(scenario, head('GET', '/nodes/node-3/pods', bearer(alice)))).code, 502, coding);
    }
  });
});
