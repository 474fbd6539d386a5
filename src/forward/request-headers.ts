// The header fields of a request to a node. They are built, never copied: what a client sent counts only where a row
// here reads it. Hop-by-hop fields (RFC 9110 §7.6.1), credentials, cookies and forwarding fields have no row.

import type { Action } from '../core/action.ts';
import type { HeaderLines } from '../core/headers.ts';
import type { KubeletCredential } from '../core/node.ts';
import { Fault } from '../core/fault.ts';

const USER_AGENT = 'kubelet-gateway';

/** One range: more than one would be answered with multipart/byteranges, a type that no answer is let through with. */
const ONE_RANGE = /^bytes=\d{0,18}-\d{0,18}$/;
const HTTP_DATE = /^[A-Za-z]{3}, \d{2} [A-Za-z]{3} \d{4} \d{2}:\d{2}:\d{2} GMT$/;
const BEARER_TOKEN = /^[\x21-\x7e]+$/;

/** Name, value, name, value …, without `Host`. */
export function toRequestHeaders(
  action: Action,
  headers: HeaderLines,
  credential: KubeletCredential,
): string[] {
  const lines = ['user-agent', USER_AGENT, 'accept', toAccept(action)];
  const authorization = toAuthorization(credential);
  if (authorization !== undefined) lines.push('authorization', authorization);
  if (action.kind === 'metrics' && takesGzip(headers)) lines.push('accept-encoding', 'gzip');
  if (action.kind === 'nodeLogs') pushFileHeaders(lines, headers);
  return lines;
}

/** Kubelets answer 406 to what their route does not list, so that a client's own `Accept` is not passed on. */
function toAccept({ kind }: Action): string {
  switch (kind) {
    case 'pods':
    case 'runningPods':
    case 'stats':
    case 'checkpoint':
      return 'application/json';
    default:
      return '*/*';
  }
}

/** The value of `Authorization` for a bearer token; undefined for a credential that TLS shows. */
export function toAuthorization({ material }: KubeletCredential): string | undefined {
  if (material.kind !== 'bearerToken') return undefined;
  const token = material.token.reveal();
  if (!BEARER_TOKEN.test(token)) {
    throw new Fault('InternalError', 'the credential for this node cannot be used');
  }
  return `Bearer ${token}`;
}

const takesGzip = (headers: HeaderLines): boolean =>
  headers
    .all('accept-encoding')
    .some((value) =>
      value.split(',').some((coding) => /^\s*gzip\s*(;\s*q=(1(\.0+)?|0\.\d*[1-9]\d*)\s*)?$/i.test(coding)),
    );

function pushFileHeaders(lines: string[], headers: HeaderLines): void {
  const range = headers.first('range');
  if (range !== undefined && ONE_RANGE.test(range)) lines.push('range', range);
  const since = headers.first('if-modified-since');
  if (since !== undefined && HTTP_DATE.test(since)) lines.push('if-modified-since', since);
}
