// What becomes of a node's answer by its status: relayed, explained to kubectl as a Status, or refused. A kubelet's 401
// and 403 are about the gateway's own credential and never about the client (pkg/kubelet/server/server.go,
// InstallAuthFilter); its bare 403 to an unknown stream protocol is another thing and told apart.

import type { FaultReason } from '../core/fault.ts';
import type { Action } from '../core/action.ts';
import type { EndReason } from '../core/lifetime.ts';
import type { KubeletCredential } from '../core/node.ts';
import { Fault } from '../core/fault.ts';

/** As much of a kubelet's error text as an API server shows (apiserver registry/generic/rest response_checker.go). */
export const MAX_ERROR_BYTES = 50_000;

/**
 * What a client is told of a node's 401 or 403. Where the credential says the user's own name, a 403 is about the user:
 * the kubelet has asked for the user's own rights, and knows none that the gateway knew of.
 */
export function credentialRejected(code: number, { user }: Pick<KubeletCredential, 'user'>): Fault {
  const cause = new Error(`the node answered ${code}`);
  if (user !== undefined && code === 403) {
    return new Fault('Forbidden', `the node itself does not allow this to User ${JSON.stringify(user)}`, {
      cause,
    });
  }
  const why = code === 403 ? 'it has no right to this there (403)' : 'it is not known there (401)';
  return new Fault('BadGateway', `the node rejected the gateway's credential: ${why}`, { cause });
}

export const redirectRefused = (): Fault =>
  new Fault('BadGateway', 'the node answered with a redirect, which is not followed');

/** True for the text of the kubelet's authorizer, which also names the identity that the gateway used. */
export const isDenialText = (text: string): boolean => text.startsWith('Forbidden (user=');

/** A node's error answer in the words that kubectl expects of an API server: the right code, the kubelet's own text. */
export function toKubectlFault(code: number, body: Buffer, retryAfter: string | undefined): Fault {
  const text = toErrorText(body);
  const message = text === '' ? `the node answered ${code}` : text;
  const reason = isUnknownContainer(text) ? 'BadRequest' : toReason(code);
  const wait = retryAfter !== undefined && /^\d{1,9}$/.test(retryAfter) ? retryAfter : undefined;
  return new Fault(reason, message, wait === undefined ? {} : { headers: { 'retry-after': wait } });
}

/** A kubelet says 404 or 500 where an API server says 400: the container of a request is checked before a node is asked. */
const isUnknownContainer = (text: string): boolean =>
  /^container not found \("/.test(text) || /^container \S+ not found in pod /.test(text);

const REASONS: Readonly<Record<number, FaultReason>> = {
  400: 'BadRequest',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  406: 'NotAcceptable',
  408: 'RequestTimeout',
  409: 'Conflict',
  413: 'RequestEntityTooLarge',
  415: 'UnsupportedMediaType',
  429: 'TooManyRequests',
  502: 'BadGateway',
  503: 'ServiceUnavailable',
  504: 'Timeout',
};

const toReason = (code: number): FaultReason =>
  REASONS[code] ?? (code >= 400 && code < 500 ? 'BadRequest' : 'InternalError');

/** A kubelet's error body as one text. Some are `{"message": "…"}` under a text/plain label. */
export function toErrorText(body: Buffer): string {
  const text = body
    .toString('utf8', 0, Math.min(body.length, MAX_ERROR_BYTES))
    // A terminal shows this text: no control character but line feed and tab.
    .replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, '')
    .trim();
  if (!text.startsWith('{')) return text;
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === 'object' && parsed !== null && 'message' in parsed) {
      return typeof parsed.message === 'string' ? parsed.message : text;
    }
  } catch {
    // Not JSON after all.
  }
  return text;
}

/** What a client is told when its exchange ends before anything was sent. */
export function toEndFault(reason: EndReason): Fault {
  switch (reason) {
    case 'draining':
      return new Fault('ServiceUnavailable', 'the gateway is shutting down');
    case 'requestTimeout':
    case 'idleTimeout':
    case 'sessionTimeout':
      return new Fault('Timeout', 'the node did not answer in time');
    case 'credentialExpired':
      return new Fault('Unauthorized', 'the credential of this request has expired');
    case 'signedOut':
      return new Fault('Unauthorized', 'the sign-in of this request has been ended');
    case 'terminated':
      return new Fault('Forbidden', 'the session was ended by an operator');
    case 'rightRevoked':
      return new Fault('Forbidden', 'the right to this request was revoked');
    case 'rightUnconfirmed':
      return new Fault('ServiceUnavailable', 'the right to this request could not be confirmed');
    case 'auditFailed':
      return new Fault('InternalError', 'failed to store audit event');
    case 'recordingFailed':
      return new Fault('InternalError', 'this session must be recorded, and its recording failed');
    case 'clientClosed':
    case 'nodeClosed':
    case 'completed':
    case 'protocolError':
      return new Fault('BadGateway', 'the exchange with the node ended before its answer');
    default:
      return reason satisfies never;
  }
}

/**
 * The client's own path with a slash added, when that is all a node's redirect asks for: a directory below `/logs/`
 * that was named without it (Go net/http fs.go, localRedirect). Undefined for every other redirect.
 *
 * @param location the node's `Location`
 * @param nodeTarget path and query that were sent to the node
 * @param clientTarget path and query as the client wrote them
 */
export function toSlashRedirect(
  action: Action,
  location: string | undefined,
  nodeTarget: string,
  clientTarget: string,
): string | undefined {
  if (action.kind !== 'nodeLogs' || action.directory || location === undefined) return undefined;
  const name = action.path.at(-1);
  if (name === undefined || !clientTarget.startsWith('/') || clientTarget.startsWith('//')) return undefined;
  const [nodePath = ''] = nodeTarget.split('?');
  const [path] = location.split('?');
  const slashed = [`${name}/`, `${encodeURIComponent(name)}/`, `./${name}/`, `${nodePath}/`];
  if (path === undefined || !slashed.includes(path)) return undefined;
  const at = clientTarget.indexOf('?');
  return at < 0 ? `${clientTarget}/` : `${clientTarget.slice(0, at)}/${clientTarget.slice(at)}`;
}
