// The header fields of an answer to the client. What a node says is hostile too: a field of its answer passes only when
// it is listed here and has the shape it should have, the content type is pinned to what the action yields, and every
// answer is sandboxed, because the output of a pod must not run script beside a login cookie.

import type { Action } from '../core/action.ts';
import type { HeaderLines } from '../core/headers.ts';

const TEXT = 'text/plain; charset=utf-8';
const BINARY = 'application/octet-stream';

const ACCEPTED_PROTOCOLS = 'x-accepted-stream-protocol-versions';

/** The fields of a node's answer that reach the client, each with its shape. Repeated fields do not. */
const PASSED: readonly (readonly [name: string, shape: RegExp])[] = [
  ['content-length', /^\d{1,15}$/],
  ['content-encoding', /^gzip$/],
  ['content-range', /^bytes (\d{1,18}-\d{1,18}|\*)\/(\d{1,18}|\*)$/],
  ['accept-ranges', /^(bytes|none)$/],
  ['last-modified', /^[A-Za-z0-9 ,:]{1,40}$/],
  ['process-start-time-unix', /^[\d.e+]{1,32}$/],
  [ACCEPTED_PROTOCOLS, /^[A-Za-z0-9.+/, -]{1,512}$/],
  ['allow', /^[A-Z, ]{1,64}$/],
  ['retry-after', /^\d{1,9}$/],
];

/** What every answer to a client carries, whoever wrote its body. */
export const toSafetyHeaders = (auditId: string): string[] => [
  'X-Content-Type-Options',
  'nosniff',
  'Content-Security-Policy',
  "sandbox; default-src 'none'",
  'Cross-Origin-Resource-Policy',
  'same-origin',
  'Cache-Control',
  'no-store',
  'Audit-Id',
  auditId,
];

/** The complete header of a relayed answer, as HttpAnswer.writeHead takes it. */
export function toAnswerHeaders(
  action: Action,
  code: number,
  headers: HeaderLines,
  auditId: string,
): string[] {
  const lines = toSafetyHeaders(auditId);
  const contentType = toContentType(action, code, headers.only('content-type') ?? '');
  lines.push('Content-Type', contentType);
  if (contentType === BINARY) lines.push('Content-Disposition', 'attachment');
  for (const [name, shape] of PASSED) {
    // The kubelet repeats this one, a line for each protocol.
    const text = name === ACCEPTED_PROTOCOLS ? headers.all(name).join(', ') : headers.only(name);
    if (text !== undefined && shape.test(text)) lines.push(name, text);
  }
  return lines;
}

/** What the answer is shown as; `said` is the node's own word and counts only where it cannot harm. */
export function toContentType(action: Action, code: number, said: string): string {
  if (code >= 300) return TEXT;
  switch (action.kind) {
    case 'stats':
    case 'spec':
    case 'pods':
    case 'runningPods':
    case 'configz':
    case 'checkpoint':
      return 'application/json';
    case 'metrics':
      return METRICS.test(said) ? said : 'text/plain';
    case 'nodeLogs':
      if (action.query !== undefined) return TEXT;
      // The listing of a directory, the only HTML that is let through: below a sandbox, and from GET /logs/ alone.
      if (action.directory && code === 200 && /^text\/html\b/i.test(said)) return 'text/html; charset=utf-8';
      return /^text\//i.test(said) ? TEXT : BINARY;
    case 'pprof':
      return /^text\/plain\b/i.test(said) ? TEXT : BINARY;
    case 'healthz':
    case 'flagz':
    case 'statusz':
    case 'containerLogs':
    case 'exec':
    case 'attach':
    case 'portForward':
    case 'run':
      return TEXT;
    default:
      return action satisfies never;
  }
}

/** Prometheus text and OpenMetrics, with their parameters. */
const METRICS = /^(text\/plain|application\/openmetrics-text)(; ?[a-z]{1,16}=[A-Za-z0-9._-]{1,32}){0,6}$/;
