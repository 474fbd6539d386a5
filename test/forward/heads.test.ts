// What is parsed and written of heads: pure functions, so tables.

import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { describe, it } from 'node:test';
import type { Action } from '../../src/core/action.ts';
import { Fault } from '../../src/core/fault.ts';
import { HeaderLines } from '../../src/core/headers.ts';
import { Secret } from '../../src/core/secret.ts';
import { readErrorBody } from '../../src/forward/upgrade-answer.ts';
import { AnswerHeadReader } from '../../src/wire/answer-head.ts';
import { toAnswerHeaders, toContentType } from '../../src/forward/answer-headers.ts';
import { toRequestHeaders } from '../../src/forward/request-headers.ts';
import { toWebSocketAccept } from '../../src/forward/upgrade-head.ts';
import { containerName, namespaceName, podName } from '../support/resolved.ts';

const pod = { namespace: namespaceName('default'), name: podName('shell') };
const container = containerName('shell');
const streams = { stdin: false, stdout: true, stderr: true, tty: false };
const METRICS: Action = { kind: 'metrics', endpoint: 'cadvisor' };
const file = (directory: boolean, ...path: string[]): Action => ({ kind: 'nodeLogs', path, directory });
const LOGS: Action = { kind: 'containerLogs', pod, container, options: {} };
const certificate = {
  name: 'reader',
  fingerprint: 'r',
  material: { kind: 'certificate', certificate: '', key: new Secret('') },
} as const;

describe('the headers of a request', () => {
  const base = ['user-agent', 'kubelet-gateway', 'accept'];
  const rows: readonly [string, Action, string[], string[]][] = [
    ['pods are asked for as JSON', { kind: 'pods' }, ['Accept', 'text/html'], ['application/json']],
    ['stats too', { kind: 'stats', path: ['summary'], onlyCpuAndMemory: false }, [], ['application/json']],
    ['metrics are not compressed unasked', METRICS, [], ['*/*']],
    [
      'metrics may be compressed',
      METRICS,
      ['Accept-Encoding', 'br, gzip;q=0.8'],
      ['*/*', 'accept-encoding', 'gzip'],
    ],
    ['not with q=0', METRICS, ['Accept-Encoding', 'gzip;q=0'], ['*/*']],
    ['not with another coding', METRICS, ['Accept-Encoding', 'xgzip'], ['*/*']],
    ['logs are never compressed', LOGS, ['Accept-Encoding', 'gzip'], ['*/*']],
    [
      'a file may be asked for in part',
      file(false, 'a'),
      ['Range', 'bytes=0-9'],
      ['*/*', 'range', 'bytes=0-9'],
    ],
    ['but not in parts', file(false, 'a'), ['Range', 'bytes=0-9,20-29'], ['*/*']],
    [
      'a file may be unchanged',
      file(false, 'a'),
      ['If-Modified-Since', 'Mon, 23 Nov 2026 17:17:10 GMT'],
      ['*/*', 'if-modified-since', 'Mon, 23 Nov 2026 17:17:10 GMT'],
    ],
    ['a date must be one', file(false, 'a'), ['If-Modified-Since', 'yesterday'], ['*/*']],
    ['nothing else has a range', { kind: 'configz' }, ['Range', 'bytes=0-9'], ['*/*']],
    [
      'no credential, cookie or forwarding field passes',
      { kind: 'configz' },
      [
        'Authorization',
        'x',
        'Cookie',
        'x',
        'X-Forwarded-For',
        'x',
        'Connection',
        'user-agent',
        'Impersonate-User',
        'x',
      ],
      ['*/*'],
    ],
  ];
  for (const [what, action, sent, rest] of rows) {
    it(what, () => {
      assert.deepEqual(toRequestHeaders(action, new HeaderLines(sent), certificate), [...base, ...rest]);
    });
  }

  it('refuse a token that cannot be in a header', () => {
    const token = { ...certificate, material: { kind: 'bearerToken', token: new Secret('a\r\nb') } } as const;
    assert.throws(
      () => toRequestHeaders({ kind: 'configz' }, new HeaderLines([]), token),
      (fault) => fault instanceof Fault && fault.code === 500 && !fault.message.includes('a\r\n'),
    );
  });
});

describe('the content type of an answer', () => {
  const text = 'text/plain; charset=utf-8';
  const openMetrics = 'application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores';
  const rows: readonly [Action, number, string, string][] = [
    [{ kind: 'healthz', verbose: true, exclude: [] }, 200, 'text/html', text],
    [{ kind: 'flagz' }, 200, 'text/html', text],
    [{ kind: 'statusz' }, 200, '', text],
    [{ kind: 'pods' }, 200, 'text/html', 'application/json'],
    [{ kind: 'runningPods' }, 200, '', 'application/json'],
    [{ kind: 'stats', path: ['summary'], onlyCpuAndMemory: false }, 200, 'x', 'application/json'],
    [{ kind: 'spec' }, 404, 'text/html', text],
    [{ kind: 'configz' }, 200, 'text/html', 'application/json'],
    [{ kind: 'checkpoint', pod, container }, 500, 'text/html', text],
    [METRICS, 200, 'text/plain; version=0.0.4; charset=utf-8', 'text/plain; version=0.0.4; charset=utf-8'],
    [METRICS, 200, openMetrics, openMetrics],
    [METRICS, 200, 'text/html', 'text/plain'],
    [METRICS, 200, 'text/plain; x="<script>"', 'text/plain'],
    [LOGS, 200, 'text/html', text],
    [{ kind: 'run', pod, container, command: 'x' }, 200, 'application/json', text],
    [{ kind: 'exec', pod, container, command: [], streams }, 500, 'text/html', text],
    [{ kind: 'attach', pod, container, streams }, 500, 'text/html', text],
    [{ kind: 'portForward', pod, ports: [] }, 500, 'text/html', text],
    [file(true), 200, 'text/html; charset=utf-8', 'text/html; charset=utf-8'],
    [file(true), 404, 'text/html', text],
    [file(false, 'a.html'), 200, 'text/html', text],
    [file(false, 'a.gz'), 200, 'application/gzip', 'application/octet-stream'],
    [file(false, 'a'), 200, '', 'application/octet-stream'],
    [file(true, 'a'), 206, 'text/html', text],
    [{ kind: 'nodeLogs', path: [], directory: true, query: { query: ['kubelet'] } }, 200, 'text/html', text],
    [{ kind: 'pprof', profile: 'heap' }, 200, 'application/octet-stream', 'application/octet-stream'],
    [{ kind: 'pprof', profile: 'cmdline' }, 200, 'text/plain; charset=utf-8', text],
    [{ kind: 'pprof', profile: 'x' }, 200, 'text/html', 'application/octet-stream'],
  ];
  for (const [action, code, said, shown] of rows) {
    it(`${action.kind} ${code} "${said}" is ${shown}`, () => {
      assert.equal(toContentType(action, code, said), shown);
    });
  }
});

describe('the headers of an answer', () => {
  const passed = (said: Record<string, string | string[]>): string[] => {
    const lines = Object.entries(said).flatMap(([name, values]) =>
      [values].flat().flatMap((value) => [name, value]),
    );
    return toAnswerHeaders(LOGS, 200, new HeaderLines(lines), 'id').slice(12);
  };

  it('pass in the shape they have', () => {
    const said = {
      'content-length': '5',
      'content-range': 'bytes 0-4/10',
      'accept-ranges': 'bytes',
      'last-modified': 'Mon, 23 Nov 2026 17:17:10 GMT',
      'process-start-time-unix': '1.795e+09',
      allow: 'GET, POST',
      'retry-after': '60',
    };
    const lines = passed(said);
    assert.deepEqual(
      Object.fromEntries(lines.flatMap((x, i) => (i % 2 === 0 ? [[x, lines[i + 1]]] : []))),
      said,
    );
  });

  it('do not pass in another', () => {
    const said = {
      'content-length': 'five',
      'content-range': 'bytes */*/*',
      'accept-ranges': '<script>',
      'last-modified': 'javascript:alert(1)\u00e9',
      'process-start-time-unix': 'x',
      allow: 'GET\r\nSet-Cookie: a=b',
      'retry-after': ['1', '2'],
      'set-cookie': ['a=b'],
      'x-powered-by': 'node',
    };
    assert.deepEqual(passed(said), []);
  });

  it('mark what is no text as a download', () => {
    const lines = toAnswerHeaders(file(false, 'a.gz'), 200, new HeaderLines([]), 'id');
    assert.deepEqual(lines.slice(10), [
      'Content-Type',
      'application/octet-stream',
      'Content-Disposition',
      'attachment',
    ]);
  });
});

describe('the head of an upgrade’s answer', () => {
  const parseAnswerHead = (bytes: Buffer) => new AnswerHeadReader().push(bytes);
  const whole = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: SPDY/3.1\r\nConnection:Upgrade \r\n\r\nrest';

  it('is found wherever the bytes are cut', () => {
    const bytes = Buffer.from(whole);
    const end = bytes.length - 'rest'.length;
    for (let at = 0; at < bytes.length; at++) {
      const parsed = parseAnswerHead(bytes.subarray(0, at));
      assert.equal(parsed !== undefined, at >= end, `at ${at}`);
    }
    const parsed = parseAnswerHead(bytes);
    assert.equal(parsed?.rest.toString(), 'rest');
    assert.equal(parsed.head.code, 101);
    assert.equal(parsed.head.headers.first('connection'), 'Upgrade');
  });

  const malformed: readonly [string, string][] = [
    ['another version', 'HTTP/1.0 101 X\r\n\r\n'],
    ['no status', 'HTTP/1.1 X\r\n\r\n'],
    ['a status of four digits', 'HTTP/1.1 1010 X\r\n\r\n'],
    ['a status out of range', 'HTTP/1.1 600 X\r\n\r\n'],
    ['a bare line feed', 'HTTP/1.1 101 X\nUpgrade: x\r\n\r\n'],
    ['a bare line feed in a field', 'HTTP/1.1 101 X\r\nA: b\nUpgrade: x\r\n\r\n'],
    ['a folded field', 'HTTP/1.1 101 X\r\nA: b\r\n c\r\n\r\n'],
    ['a space before the colon', 'HTTP/1.1 101 X\r\nUpgrade : x\r\n\r\n'],
    ['no colon', 'HTTP/1.1 101 X\r\nUpgrade\r\n\r\n'],
    ['an empty name', 'HTTP/1.1 101 X\r\n: x\r\n\r\n'],
    ['a NUL', 'HTTP/1.1 101 X\r\nA: \0\r\n\r\n'],
    ['a space first', ' HTTP/1.1 101 X\r\n\r\n'],
    ['too many lines', `HTTP/1.1 101 X\r\n${'A: b\r\n'.repeat(200)}\r\n`],
    ['too many bytes', `HTTP/1.1 101 X\r\nA: ${'b'.repeat(70_000)}`],
    ['too many bytes, whole', `HTTP/1.1 101 X\r\nA: ${'b'.repeat(70_000)}\r\n\r\n`],
    ['interim answers without end', 'HTTP/1.1 103 X\r\n\r\n'.repeat(10)],
  ];
  for (const [what, bytes] of malformed) {
    it(`is refused with ${what}`, () => {
      assert.throws(() => parseAnswerHead(Buffer.from(bytes)), {
        message: "the node's answer is not valid HTTP",
      });
    });
  }
});

describe('the body of a refusal', () => {
  const rows: readonly [string, string[], string, string, boolean][] = [
    ['with a length', ['Content-Length', '3'], 'abcdef', 'abc', true],
    ['with a length, not all there', ['Content-Length', '9'], 'abc', 'abc', false],
    ['empty', ['Content-Length', '0'], '', '', true],
    ['without a length', [], 'abc', 'abc', false],
    ['with two lengths', ['Content-Length', '1', 'Content-Length', '2'], 'abc', '', true],
    ['in chunks', ['Transfer-Encoding', 'chunked'], '3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n', 'abcde', true],
    ['in chunks, cut', ['Transfer-Encoding', 'chunked'], '3\r\nab', 'ab', false],
    ['in chunks, cut in a size', ['Transfer-Encoding', 'chunked'], '3\r\nabc\r\n1', 'abc', false],
    ['in chunks, malformed', ['Transfer-Encoding', 'chunked'], '3\r\nabc\r\nzz\r\n', 'abc', true],
    ['with a length and in chunks', ['Transfer-Encoding', 'chunked', 'Content-Length', '1'], '1', '', true],
  ];
  for (const [what, raw, bytes, body, whole] of rows) {
    it(what, async () => {
      for (const pieces of [[bytes], Array.from(bytes)]) {
        const node = new PassThrough();
        const answer = { head: { code: 500, headers: new HeaderLines(raw) }, rest: Buffer.alloc(0) };
        const read = readErrorBody(node, answer, new AbortController().signal);
        for (const piece of pieces) node.write(piece);
        // What is whole, or can be no body, is not waited for.
        if (!whole) node.end();
        assert.equal((await read).toString(), body);
        node.destroy();
      }
    });
  }
});

it('Sec-WebSocket-Accept is the one of RFC 6455 §1.3', () => {
  assert.equal(toWebSocketAccept('dGhlIHNhbXBsZSBub25jZQ=='), 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
});
