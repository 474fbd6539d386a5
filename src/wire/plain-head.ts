// The head of a plain request: a GET of a kubelet's path without a body, in a form that every reader of HTTP/1.1 reads
// alike (RFC 9112 §3, §5). It is a judge and no parser: what is not exactly that, whether valid or not, is none, and is
// left to Node's. Whatever frames a message, upgrades a connection or belongs to one alone has no name here.

import { HeaderLines } from '../core/headers.ts';
import { valueEnd, valueStart } from './field-value.ts';

export interface PlainHead {
  readonly method: 'GET';
  readonly target: string;
  readonly headers: HeaderLines;
}

/** All of a head but its last line end. Tried in one way only: no two parts that follow each other share a character. */
const HEAD = /^GET \/nodes\/[\x21-\x7e]* HTTP\/1\.1(?:\r\n[A-Za-z-]{1,40}:[\t\x20-\x7e\x80-\xff]*)+\r\n\r\n$/;
const MAX_BYTES = 8192;
const BEGINNING = 'GET ';
const VERSION = ' HTTP/1.1';
const LINE_END = '\r\n';

/** What clients without a browser send with a GET, each with a bit of its own: it may come once. */
const NAMES: ReadonlyMap<string, { readonly name: string; readonly bit: number }> = new Map(
  [
    'host',
    'accept',
    'accept-encoding',
    'accept-language',
    'authorization',
    'cache-control',
    'connection',
    'if-modified-since',
    'pragma',
    'range',
    'traceparent',
    'tracestate',
    'user-agent',
    'x-forwarded-for',
    'x-forwarded-host',
    'x-forwarded-proto',
    'x-prometheus-scrape-timeout-seconds',
  ].map((name, index) => [name, { name, bit: 1 << index }]),
);
const HOST = NAMES.get('host')?.bit ?? 0;

const KEEP_ALIVE = /^keep-alive$/i;

/** The head, if `bytes` are one whole plain request and nothing else. */
export function readPlainHead(bytes: Buffer): PlainHead | undefined {
  if (bytes.length > MAX_BYTES) return undefined;
  const text = bytes.toString('latin1');
  if (!HEAD.test(text)) return undefined;
  const afterTarget = text.indexOf(LINE_END);
  const lines = readLines(bytes, text, afterTarget + LINE_END.length);
  return lines === undefined
    ? undefined
    : {
        method: 'GET',
        target: toOwn(bytes, BEGINNING.length, afterTarget - VERSION.length),
        headers: new HeaderLines(lines),
      };
}

/** What of it is kept (targets are, and names of programs) must not keep all of it, the bearer token included. */
const toOwn = (bytes: Buffer, from: number, to: number): string => bytes.toString('latin1', from, to);

/** Name, value, name, value …, if all of them may stand in a plain request. */
function readLines(bytes: Buffer, text: string, from: number): string[] | undefined {
  const lines: string[] = [];
  const end = text.length - LINE_END.length;
  let seen = 0;
  for (let at = from; at < end;) {
    const colon = text.indexOf(':', at);
    const lineEnd = text.indexOf(LINE_END, colon);
    const known = NAMES.get(text.slice(at, colon).toLowerCase());
    const valueAt = valueStart(text, colon + 1, lineEnd);
    const value = toOwn(bytes, valueAt, valueEnd(text, valueAt, lineEnd));
    if (known === undefined || (seen & known.bit) !== 0) return undefined;
    if (known.name === 'connection' && !KEEP_ALIVE.test(value)) return undefined;
    seen |= known.bit;
    lines.push(known.name, value);
    at = lineEnd + LINE_END.length;
  }
  return (seen & HOST) === 0 ? undefined : lines;
}
