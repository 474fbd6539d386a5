// What is a plain head and what is not, and that Node's parser reads every one of them as this one does.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { duplexPair } from 'node:stream';
import { describe, it } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { findHeadFault } from '../../src/listen/head-rules.ts';
import { DEFAULT_LIMITS } from '../../src/listen/options.ts';
import { HeaderLines } from '../../src/core/headers.ts';
import type { PlainHead } from '../../src/wire/plain-head.ts';
import { readPlainHead } from '../../src/wire/plain-head.ts';

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;

const LINE = 'GET /nodes/n/metrics HTTP/1.1\r\n';
const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');
const read = (text: string) => readPlainHead(latin1(text));
/** With a Host line first. */
const head = (...lines: string[]): string => `${LINE}Host: a\r\n${lines.map((l) => `${l}\r\n`).join('')}\r\n`;

/** Name and value of every line, in order. */
function toLines(headers: HeaderLines): [string, string][] {
  const seen = new Map<string, number>();
  return [...headers.names()].map((name) => {
    const at = seen.get(name) ?? 0;
    seen.set(name, at + 1);
    return [name, headers.all(name)[at] ?? ''];
  });
}

describe('a plain head', () => {
  it('is a method, a target and lines as they came', () => {
    const target = '/nodes/n/logs/../%2e%2e//b;c?x=1;y?#frag!$&\'()*+,|\\^`{}"<>~';
    const plain = read(
      `GET ${target} HTTP/1.1\r\nACCEPT:*/*\r\nhOsT: \t a:8443 \t\r\nUser-Agent: caf\xe9  (x\ty) \r\nPragma:\r\n\r\n`,
    );
    assert.equal(plain?.method, 'GET');
    assert.equal(plain.target, target);
    assert.deepEqual(toLines(plain.headers), [
      ['accept', '*/*'],
      ['host', 'a:8443'],
      ['user-agent', 'caf\xe9  (x\ty)'],
      ['pragma', ''],
    ]);
  });

  const ACCEPTED: readonly (readonly [what: string, bytes: string])[] = [
    ['with nothing but Host', head()],
    ['with the shortest target', 'GET /nodes/ HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['with an empty Host', 'GET /nodes/n HTTP/1.1\r\nHost:\r\n\r\n'],
    ['of Prometheus', head('Accept: text/plain;q=0.5', 'X-Prometheus-Scrape-Timeout-Seconds: 10')],
    ['of kubectl', head('Accept: application/json, */*', 'Accept-Encoding: gzip', 'User-Agent: kubectl/1')],
    ['with a token', head('Authorization: Bearer abc')],
    ['that keeps the connection', head('Connection: keep-alive')],
    ['that keeps the connection, loudly', head('connection: \tKeep-Alive ')],
    ['of 8192 bytes', head(`Accept: ${'x'.repeat(8192 - head('Accept: ').length)}`)],
  ];
  for (const [what, bytes] of ACCEPTED) {
    it(`is one ${what}`, () => assert.notEqual(read(bytes), undefined));
  }

  const REFUSED: readonly (readonly [what: string, bytes: string])[] = [
    ['nothing', ''],
    ['an empty line before it', `\r\n${head()}`],
    ['two Host lines', head('Host: a')],
    ['two Host lines of different case', head('hOST: b')],
    ['no line at all', `${LINE}\r\n`],
    ['no Host', `${LINE}Accept: */*\r\n\r\n`],
    ['a value "host" and no Host', `${LINE}Accept: host\r\nPragma: Host: a\r\n\r\n`],
    ['Content-Length', head('Content-Length: 4')],
    ['Content-Length: 0', head('Content-Length: 0')],
    ['Transfer-Encoding', head('Transfer-Encoding: chunked')],
    ['Transfer-Encoding, hidden', head('Transfer-Encoding : chunked')],
    ['Trailer', head('Trailer: Expires')],
    ['TE', head('TE: trailers')],
    ['Expect', head('Expect: 100-continue')],
    ['Upgrade', head('Upgrade: websocket')],
    ['an upgrade', head('Connection: Upgrade', 'Upgrade: websocket')],
    ['Connection: close', head('Connection: close')],
    ['Connection: Upgrade', head('Connection: Upgrade')],
    ['Connection: keep-alive, Upgrade', head('Connection: keep-alive, Upgrade')],
    ['Connection: keep-alive, keep-alive', head('Connection: keep-alive, keep-alive')],
    ['Connection with the name of a line', head('Connection: authorization')],
    ['an empty Connection', head('Connection:')],
    ['two Connection lines', head('Connection: keep-alive', 'Connection: keep-alive')],
    ['Keep-Alive', head('Keep-Alive: 300')],
    ['Proxy-Connection', head('Proxy-Connection: keep-alive')],
    ['HTTP2-Settings', head('HTTP2-Settings: AAMAAABkAAQAAP__')],
    ['Cookie', head('Cookie: a=b')],
    ['Origin', head('Origin: https://evil.example')],
    ['Sec-Fetch-Site', head('Sec-Fetch-Site: cross-site')],
    ['Impersonate-User', head('Impersonate-User: admin')],
    ['Sec-WebSocket-Key', head('Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==')],
    ['an unknown name', head('X-Unknown: 1')],
    ['the name of a property of objects', head('constructor: 1')],
    ['two Authorization lines', head('Authorization: Bearer a', 'Authorization: Bearer b')],
    ['two Accept lines', head('Accept: a', 'Accept: b')],
    ['two X-Forwarded-For lines', head('X-Forwarded-For: 1.2.3.4', 'x-forwarded-for: 5.6.7.8')],
    ['a blank before the colon', head('Accept : a')],
    ['a tab before the colon', head('Accept\t: a')],
    ['a blank before the name', head(' Accept: a')],
    ['a line without a colon', head('Accept')],
    ['a line without a name', head(': a')],
    ['an underscore in a name', head('user_agent: a')],
    ['a folded line', head('Accept: a', ' b')],
    ['a line folded by a tab', head('Accept: a', '\tb')],
    ['a line folded before its value', head('Accept:', ' b')],
    ['a bare LF after the request line', head().replace('\r\n', '\n')],
    ['a bare LF between lines', head('Accept: a\nPragma: b')],
    ['a bare LF at the end', `${LINE}Host: a\r\n\n`],
    ['bare LFs only', head('Accept: a').replaceAll('\r\n', '\n')],
    ['a bare CR in a value', head('Accept: a\rb')],
    ['a bare CR between lines', head('Accept: a\rPragma: b')],
    ['a bare CR at the end', `${LINE}Host: a\r\n\r`],
    ['CR CR LF', head('Accept: a\r')],
    ['a NUL in a value', head('Accept: a\0b')],
    ['a NUL in a name', head('Acc\0ept: a')],
    ['a NUL in the target', head().replace('/n/', '/\0/')],
    ['a DEL in a value', head('Accept: a\x7f')],
    ['a vertical tab in a value', head('Accept: \x0ba')],
    ['an escape in a value', head('User-Agent: \x1b[2J')],
    ['a control character in the target', head().replace('/n/', '/\x01/')],
    ['a tab in the target', head().replace('/n/', '/\t/')],
    ['a blank in the target', head().replace('/n/', '/ /')],
    ['a byte above 127 in the target', head().replace('/n/', '/\xe9/')],
    ['a DEL in the target', head().replace('/n/', '/\x7f/')],
    ['HTTP/1.0', head().replace('1.1', '1.0')],
    ['HTTP/1.10', head().replace('1.1', '1.10')],
    ['HTTP/2.0', head().replace('1.1', '2.0')],
    ['http/1.1', head().replace('HTTP', 'http')],
    ['no version', head().replace(' HTTP/1.1', '')],
    ['a blank after the version', head().replace('1.1', '1.1 ')],
    ['get', head().replace('GET', 'get')],
    ['HEAD', head().replace('GET', 'HEAD')],
    ['POST', head().replace('GET', 'POST')],
    ['CONNECT', head().replace('GET', 'CONNECT')],
    ['two blanks after the method', head().replace('GET ', 'GET  ')],
    ['a tab after the method', head().replace('GET ', 'GET\t')],
    ['the absolute form', head().replace('/nodes', 'http://a/nodes')],
    ['a target of two slashes', head().replace('/nodes', '//nodes')],
    ['/livez', head().replace('/nodes/n/metrics', '/livez')],
    ['/-/login', head().replace('/nodes/n/metrics', '/-/login')],
    ['/api/v1/nodes/n', head().replace('/nodes', '/api/v1/nodes')],
    ['/nodes', head().replace('/nodes/n/metrics', '/nodes')],
    ['/Nodes/n', head().replace('/nodes', '/Nodes')],
    ['/./nodes/n', head().replace('/nodes', '/./nodes')],
    ['/%6eodes/n', head().replace('/nodes', '/%6eodes')],
    ['8193 bytes', head(`Accept: ${'x'.repeat(8193 - head('Accept: ').length)}`)],
    ['two heads', head().repeat(2)],
    ['a byte after it', `${head()}x`],
    ['a line end after it', `${head()}\r\n`],
    ['TLS', '\x16\x03\x01\x00\x05hello'],
  ];
  for (const [what, bytes] of REFUSED) {
    it(`is none with ${what}`, () => assert.equal(read(bytes), undefined));
  }

  it('is none before its last byte has come', () => {
    const whole = head('Accept: a', 'Authorization: Bearer b');
    for (let length = 0; length < whole.length; length += 1) {
      assert.equal(read(whole.slice(0, length)), undefined, `of ${length} bytes`);
    }
    assert.notEqual(read(whole), undefined);
  });

  const PARTS: readonly (readonly [string, (of: PlainHead | undefined) => string | undefined, string])[] = [
    ['its target', (of) => of?.target, '/nodes/n/metrics/of/999'],
    ['the name of a program', (of) => of?.headers.first('user-agent'), 'a program of a long name/999'],
  ];
  for (const [what, toPart, last] of PARTS) {
    it(`can be forgotten but for ${what}, which others keep`, () => {
      const more = head('User-Agent: a program of a long name', `Authorization: Bearer ${'x'.repeat(7900)}`);
      const parts: (string | undefined)[] = [];
      gc();
      const { heapUsed } = process.memoryUsage();
      for (let i = 0; i < 1000; i += 1) {
        const one = more.replace('metrics', `metrics/of/${i}`).replace('long name', `long name/${i}`);
        parts.push(toPart(read(one)));
      }
      gc();
      const kept = process.memoryUsage().heapUsed - heapUsed;
      assert.equal(parts.at(-1), last);
      assert.ok(kept < 2_000_000, `${kept} bytes are kept`);
    });
  }

  it('is judged in time that grows with its length alone', () => {
    const begun = performance.now();
    for (const filler of ['Accept: a\r\n', 'A', ' ', '\t:', '\r\n', ':\r\n', 'a:\r\n', ': ', '/nodes/']) {
      const bytes = latin1(`${LINE}Host: a\r\n${filler.repeat(8000 / filler.length)}`);
      for (let i = 0; i < 100; i += 1) assert.equal(readPlainHead(bytes), undefined);
    }
    assert.ok(performance.now() - begun < 5000);
  });
});

const SENTINEL = 'POST /sentinel HTTP/1.1\r\nHost: s\r\nContent-Length: 2\r\n\r\nok';

interface Seen {
  readonly method: string | undefined;
  readonly target: string | undefined;
  readonly headers: HeaderLines;
  readonly fault: unknown;
  readonly keepsAlive: boolean;
  readonly body: string;
}

/** What Node's server reads of `bytes`, and whether it found them wrong. The bodies are as far as they came. */
async function readByNode(bytes: string): Promise<{ requests: Seen[]; others: string[] }> {
  const requests: Seen[] = [];
  const others: string[] = [];
  // As in listen/http-side.ts.
  const server = createServer({ insecureHTTPParser: false, requireHostHeader: false });
  server.maxHeadersCount = 0;
  server.on('request', (request, response) => {
    const headers = new HeaderLines(request.rawHeaders);
    const seen = {
      method: request.method,
      target: request.url,
      headers,
      fault: findHeadFault(request, headers, DEFAULT_LIMITS),
      keepsAlive: response.shouldKeepAlive,
      body: '',
    };
    requests.push(seen);
    request.on('data', (chunk: Buffer) => (seen.body += chunk.toString('latin1')));
    response.end();
  });
  for (const event of ['upgrade', 'connect', 'checkContinue', 'checkExpectation', 'clientError'] as const) {
    server.on(event, (_first: unknown, second: { destroy(): unknown }) => {
      others.push(event);
      second.destroy();
    });
  }
  const [client, side] = duplexPair();
  server.emit('connection', side);
  client.resume();
  client.write(bytes, 'latin1');
  await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
  client.destroy();
  side.destroy();
  return { requests, others };
}

const NAMES = [
  ...['Host', 'Accept', 'accept-ENCODING', 'Authorization', 'Connection', 'Range', 'User-Agent', 'Pragma'],
  ...['x-forwarded-for', 'traceparent', 'If-Modified-Since', 'X-Prometheus-Scrape-Timeout-Seconds'],
];
const ODD_NAMES = ['Content-Length', 'Transfer-Encoding', 'Expect', 'Upgrade', 'Cookie', 'X', 'Host ', ''];
const VALUES = [
  '',
  'keep-alive',
  'close',
  'chunked',
  '4',
  'a',
  ' \t a b \t',
  'caf\xe9\xff',
  'Host: b',
  'x'.repeat(99),
];
const ODD_BYTES = [
  '\r',
  '\n',
  '\r\n',
  '\0',
  ' ',
  '\t',
  ':',
  '\x7f',
  '\x80',
  '\xff',
  '\x0b',
  ',',
  'G',
  '\r\n\r\n',
];

/** A chance of one in `odds` that it is of `rare`. */
const mostly = (odds: number, common: fc.Arbitrary<string>, rare: fc.Arbitrary<string>) =>
  fc.oneof({ weight: odds - 1, arbitrary: common }, { weight: 1, arbitrary: rare });

const line = fc
  .tuple(
    mostly(40, fc.constantFrom(...NAMES), fc.constantFrom(...ODD_NAMES)),
    fc.constantFrom(':', ': ', ':\t ', ':  '),
    fc.oneof(
      fc.constantFrom(...VALUES),
      fc.string({ unit: fc.integer({ min: 0x20, max: 0x7e }).map((c) => String.fromCharCode(c)) }),
    ),
  )
  .map(([name, colon, value]) =>
    // Other values are refused, and most heads are to be plain.
    /^connection$/i.test(name) && value !== 'close' ? `${name}${colon}keep-alive` : name + colon + value,
  );

const target = fc
  .string({ unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)) })
  .map((rest) => `/nodes/${rest}`);

const whole = fc
  .tuple(
    mostly(30, fc.constant('GET'), fc.constantFrom('POST', 'HEAD', 'get', 'CONNECT', 'QUERY')),
    mostly(30, target, fc.constantFrom('*', '/', 'http://a/nodes/x', '/nodes/ /', '/nodes/\xe9', 'a:1')),
    mostly(30, fc.constant('HTTP/1.1'), fc.constantFrom('HTTP/1.0', 'HTTP/2.0', 'http/1.1', '')),
    fc.uniqueArray(line, {
      maxLength: 8,
      selector: (text) => text.slice(0, text.indexOf(':')).toLowerCase(),
    }),
    fc.boolean(),
    mostly(30, fc.constant('Host: a'), fc.constant('Accept: host')),
  )
  .map(([method, path, version, lines, repeats, host]) => {
    const hosted = lines.some((text) => /^host:/i.test(text)) ? lines : [host, ...lines];
    const all = repeats && hosted.length > 5 ? [...hosted, hosted[0]] : hosted;
    return `${method} ${path} ${version}\r\n${all.map((text) => `${text}\r\n`).join('')}\r\n`;
  });

/** One to three bytes are put in, taken out or changed, at any place. */
const mutated = fc
  .tuple(
    whole,
    fc.array(
      fc.tuple(
        fc.nat(),
        fc.constantFrom(0, 0, 1, 2),
        fc.oneof(fc.constantFrom(...ODD_BYTES), fc.constant('')),
      ),
      { minLength: 1, maxLength: 3 },
    ),
  )
  .map(([text, changes]) =>
    changes.reduce((now, [at, taken, put]) => {
      const place = at % (now.length + 1);
      return now.slice(0, place) + put + now.slice(place + taken);
    }, text),
  );

describe("a plain head to Node's parser", () => {
  for (const [kind, heads, runs, least] of [
    ['as it was made', whole, 2000, 500],
    ['with bytes changed', mutated, 6000, 300],
  ] as const) {
    it(`is the same request, and ends with the same byte, ${kind}`, async () => {
      let accepted = 0;
      const property = fc.asyncProperty(heads, async (text) => {
        const plain = read(text);
        if (plain === undefined) return;
        accepted += 1;
        const { requests, others } = await readByNode(text + SENTINEL);
        assert.deepEqual(others, []);
        const [first, second, ...more] = requests;
        assert.ok(first !== undefined && second !== undefined && more.length === 0, 'two requests');
        assert.deepEqual([first.method, first.target], [plain.method, plain.target]);
        assert.deepEqual(toLines(first.headers), toLines(plain.headers));
        assert.deepEqual([first.fault, first.keepsAlive, first.body], [undefined, true, '']);
        assert.deepEqual([second.method, second.target, second.body], ['POST', '/sentinel', 'ok']);
        // Nor has it ended before.
        assert.deepEqual((await readByNode(text.slice(0, -1))).requests, []);
      });
      await fc.assert(property, { numRuns: runs });
      assert.ok(accepted > least, `${accepted} of ${runs} were plain`);
    });
  }
});
