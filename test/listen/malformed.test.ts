// Requests that are not HTTP/1.1, or that two readers could read differently: each is refused with a Status, an audit
// id and a closed connection, and none reaches the line.

import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { Received } from '../../src/core/exchange.ts';
import type { TestPki } from './gateway.ts';
import { createPki, parseAnswer, sayOk, startListener } from './gateway.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const post = (headers: string, body = ''): string =>
  `POST /x HTTP/1.1\r\nHost: a\r\n${headers}\r\n\r\n${body}`;
const get = (headers: string): string => `GET /x HTTP/1.1\r\nHost: a\r\n${headers}\r\n\r\n`;
const upgrade = (headers: string): string => get(`Connection: Upgrade\r\n${headers}`);

const rows: readonly [name: string, bytes: string, code: number][] = [
  [
    'Transfer-Encoding and Content-Length',
    post('Transfer-Encoding: chunked\r\nContent-Length: 4', '0\r\n\r\n'),
    400,
  ],
  [
    'Content-Length and Transfer-Encoding',
    post('Content-Length: 4\r\nTransfer-Encoding: chunked', '0\r\n\r\n'),
    400,
  ],
  ['two Content-Length', post('Content-Length: 4\r\nContent-Length: 5', 'body'), 400],
  ['two equal Content-Length', post('Content-Length: 4\r\nContent-Length: 4', 'body'), 400],
  ['a list as Content-Length', post('Content-Length: 4, 4', 'body'), 400],
  ['a signed Content-Length', post('Content-Length: +4', 'body'), 400],
  ['Transfer-Encoding xchunked', post('Transfer-Encoding: xchunked', '0\r\n\r\n'), 400],
  ['Transfer-Encoding identity', post('Transfer-Encoding: identity', '0\r\n\r\n'), 400],
  ['Transfer-Encoding gzip, chunked', post('Transfer-Encoding: gzip, chunked', '0\r\n\r\n'), 400],
  [
    'Transfer-Encoding twice',
    post('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked', '0\r\n\r\n'),
    400,
  ],
  ['Transfer-Encoding after a vertical tab', post('Transfer-Encoding: \x0bchunked', '0\r\n\r\n'), 400],
  ['Transfer-Encoding in HTTP/1.0', 'POST /x HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 400],
  ['bare LF after the request line', 'GET /x HTTP/1.1\nHost: a\n\n', 400],
  ['bare LF in the headers', 'GET /x HTTP/1.1\r\nHost: a\nX: y\r\n\r\n', 400],
  ['bare CR in a header', 'GET /x HTTP/1.1\r\nHost: a\rX: y\r\n\r\n', 400],
  ['a folded header line', get('X: y\r\n z'), 400],
  ['a space before the colon', get('X : y'), 400],
  ['a NUL in a header', get('X: y\0z'), 400],
  ['a byte above 127 in the target', 'GET /\x80 HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['a space in the target', 'GET /a b HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['an unknown method', 'FROB /x HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['the HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
  ['HTTP/2.0 as a version', 'GET /x HTTP/2.0\r\nHost: a\r\n\r\n', 400],
  ['HTTP/0.9 as a version', 'GET /x HTTP/0.9\r\nHost: a\r\n\r\n', 400],
  ['no Host', 'GET /x HTTP/1.1\r\n\r\n', 400],
  ['two Host lines', get('Host: b'), 400],
  ['an unknown expectation', post('Expect: the unexpected\r\nContent-Length: 4'), 400],
  ['two expectations', post('Expect: 100-continue\r\nExpect: 100-continue\r\nContent-Length: 4'), 400],
  ['TLS inside TLS', '\x16\x03\x01\x00\x05hello', 400],
  ['CONNECT', 'CONNECT node-1:10250 HTTP/1.1\r\nHost: node-1:10250\r\n\r\n', 405],
  ['a head above 128 KiB', `GET /${'x'.repeat(131_100)} HTTP/1.1\r\nHost: a\r\n\r\n`, 431],
  ['101 header lines', get(`${'a: b\r\n'.repeat(99)}c: d`), 431],
  ['3000 header lines', get(`${'a:\r\n'.repeat(2998)}c: d`), 431],
  ['10000 groups to impersonate', get(`${'Impersonate-Group: g\r\n'.repeat(5000)}c: d`), 431],
  ['an upgrade to h2c', upgrade('Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__'), 400],
  ['an upgrade to TLS', upgrade('Upgrade: TLS/1.0'), 400],
  ['an upgrade to two protocols', upgrade('Upgrade: websocket, h2c'), 400],
  ['an upgrade on two lines', upgrade('Upgrade: websocket\r\nUpgrade: SPDY/3.1'), 400],
  ['an upgrade with a body', upgrade('Upgrade: SPDY/3.1\r\nContent-Length: 4').replace('GET', 'POST'), 400],
  [
    'an upgrade with chunks',
    upgrade('Upgrade: SPDY/3.1\r\nTransfer-Encoding: chunked').replace('GET', 'POST'),
    400,
  ],
  ['an upgrade in HTTP/1.0', 'GET /x HTTP/1.0\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n', 400],
  ['an upgrade with 101 header lines', upgrade(`Upgrade: websocket\r\n${'a: b\r\n'.repeat(97)}c: d`), 431],
];

describe('a malformed request', () => {
  let pki: TestPki;
  before(async () => {
    pki = await createPki();
  });

  // Below /nodes/ another reader looks at it first.
  for (const where of ['/', '/nodes/']) {
    for (const [name, bytes, code] of rows) {
      it(`is refused: ${name} (${where})`, async (t) => {
        const gateway = await startListener(t, pki);
        const answer = parseAnswer(await gateway.say(bytes.replace(/^(GET|POST) \//, `$1 ${where}`)));
        assert.equal(answer.code, code);
        assert.match(answer.headers.get('audit-id') ?? '', UUID);
        assert.equal(answer.headers.get('content-type'), 'application/json');
        assert.equal(answer.headers.get('x-content-type-options'), 'nosniff');
        assert.equal(answer.headers.get('cache-control'), 'no-store');
        assert.equal(answer.headers.get('connection'), 'close');
        assert.equal(Number(answer.headers.get('content-length')), answer.body.length);
        const status: unknown = JSON.parse(answer.body);
        assert.ok(typeof status === 'object' && status !== null && 'code' in status && 'kind' in status);
        assert.deepEqual([status.kind, status.code], ['Status', code]);
        assert.deepEqual(gateway.received, []);
        assert.equal(gateway.refused[0]?.code, code);
        // What the log needs to tell whose answer this was.
        const from = { auditId: answer.headers.get('audit-id'), sourceIPs: ['127.0.0.1'] };
        assert.deepEqual(gateway.refusedFrom, [from]);
        assert.equal(gateway.live.count, 0);
      });
    }
  }

  it('takes the largest head that is allowed', async (t) => {
    const gateway = await startListener(t, pki);
    const target = `/${'x'.repeat(130_000)}`;
    const text = await gateway.say(`GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
    assert.equal(parseAnswer(text).code, 200);
    assert.equal(gateway.received[0]?.target, target);
  });

  it('takes 100 header lines', async (t) => {
    const gateway = await startListener(t, pki);
    const text = await gateway.say(get(`${'a: b\r\n'.repeat(98)}Connection: close`));
    assert.equal(parseAnswer(text).code, 200);
    assert.equal(gateway.received[0]?.headers.count, 100);
  });

  it('is refused when only the body is malformed and nothing has been answered', async (t) => {
    const seen: Received[] = [];
    const gateway = await startListener(t, pki, {}, { onReceived: (received) => seen.push(received) });
    const text = await gateway.say(post('Transfer-Encoding: chunked', '4\nbody\n0\n\n'));
    assert.equal(parseAnswer(text).code, 400);
    assert.equal(parseAnswer(text).headers.get('audit-id'), seen[0]?.auditId);
    assert.equal(seen[0]?.lifetime.reason, 'protocolError');
  });

  it('is refused with 413 for endless chunk extensions', async (t) => {
    const gateway = await startListener(t, pki, {}, { onReceived: () => undefined });
    const text = await gateway.say(
      post('Transfer-Encoding: chunked', `4;${'a'.repeat(20_000)}\r\nbody\r\n0\r\n\r\n`),
    );
    assert.equal(parseAnswer(text).code, 413);
  });

  it('ends the connection after the answer to the request before it', async (t) => {
    const gateway = await startListener(
      t,
      pki,
      {},
      { onReceived: (received) => void setImmediate(sayOk, received) },
    );
    const text = await gateway.say(`${get('X: y')}GARBAGE\r\n\r\n`);
    assert.equal(text.match(/HTTP\/1\.1 200/g)?.length, 1);
    assert.equal(gateway.received.length, 1);
    assert.equal(gateway.received[0]?.lifetime.reason, 'completed');
    assert.equal(gateway.refused.length, 1);
  });

  it('lets nothing after it be read as a request', async (t) => {
    const gateway = await startListener(t, pki);
    const text = await gateway.say(post('Transfer-Encoding: xchunked', get('X: smuggled')));
    assert.equal(text.split('HTTP/1.1 ').length, 2);
    assert.deepEqual(gateway.received, []);
  });

  it('is not two well-formed ones, one after the other', async (t) => {
    const gateway = await startListener(t, pki);
    const text = await gateway.say(`${get('X: 1')}${get('Connection: close')}${get('X: 3')}`);
    assert.equal(text.match(/HTTP\/1\.1 200/g)?.length, 2);
  });

  it('is refused when there are too many at a time', async (t) => {
    const gateway = await startListener(
      t,
      pki,
      { limits: { maxPipelined: 4 } },
      { onReceived: (received) => void setImmediate(sayOk, received) },
    );
    const text = await gateway.say(get('X: y').repeat(50));
    assert.deepEqual(
      text.match(/HTTP\/1\.1 \d+/g)?.map((line) => line.slice(9)),
      [...Array<string>(4).fill('200'), '429'],
    );
  });
});
