// The two heads of an upgrade (RFC 9110 §7.8): the request that a node is sent and the 101 that the client is sent. Both
// are written from nothing; a node's 101 must accept what was asked for, or there is no tunnel.
// SPDY: k8s.io/streaming pkg/httpstream; WebSocket: RFC 6455 §4.

import type { Credentialed, Transport } from '../core/exchange.ts';
import type { AnswerHead } from '../wire/answer-head.ts';
import { createHash } from 'node:crypto';
import { Fault } from '../core/fault.ts';
import { toAuthority } from '../upstream/pools.ts';
import { toAuthorization } from './request-headers.ts';

export type UpgradeTransport = Extract<Transport, { kind: 'spdy' | 'websocket' }>;

const WEBSOCKET_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const WEBSOCKET_KEY = /^[A-Za-z0-9+/]{22}==$/;
const TARGET = /^\/[\x21-\x7e]*$/;
/** A stream protocol's name; `SPDY/3.1+portforward.k8s.io` has a slash, which is no token character of RFC 9110. */
const PROTOCOL = /^[A-Za-z0-9.+_/-]{1,128}$/;

/** The head of the request to the node. Throws BadRequest for what must not be in a head. */
export function toUpgradeRequest(
  { entry, credential }: Pick<Credentialed, 'entry' | 'credential'>,
  transport: UpgradeTransport,
  method: 'GET' | 'POST',
  target: string,
): string {
  if (!TARGET.test(target)) throw new Fault('BadRequest', 'the request target is not valid');
  if (!transport.protocols.every((protocol) => PROTOCOL.test(protocol))) {
    throw new Fault('BadRequest', 'a stream protocol that was asked for is not valid');
  }
  const lines = [
    `${method} ${target} HTTP/1.1`,
    `Host: ${toAuthority(entry)}`,
    'User-Agent: kubelet-gateway',
    // One line, and only one: the kubelet reads no second.
    'Connection: Upgrade',
  ];
  const authorization = toAuthorization(credential);
  if (authorization !== undefined) lines.push(`Authorization: ${authorization}`);
  if (method === 'POST') lines.push('Content-Length: 0');
  lines.push(...toProtocolLines(transport));
  return `${lines.join('\r\n')}\r\n\r\n`;
}

function toProtocolLines(transport: UpgradeTransport): string[] {
  if (transport.kind === 'spdy') {
    const versions = transport.protocols.map((protocol) => `X-Stream-Protocol-Version: ${protocol}`);
    return ['Upgrade: SPDY/3.1', ...versions];
  }
  if (!WEBSOCKET_KEY.test(transport.key)) throw new Fault('BadRequest', 'Sec-WebSocket-Key is not valid');
  const { protocols } = transport;
  return [
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Key: ${transport.key}`,
    ...(protocols.length === 0 ? [] : [`Sec-WebSocket-Protocol: ${protocols.join(', ')}`]),
  ];
}

/** The 101 for the client, made from the node's. Throws BadGateway when the node accepted something else. */
export function toUpgradeAnswer(
  { headers }: AnswerHead,
  transport: UpgradeTransport,
  { auditId, setCookies }: { readonly auditId: string; readonly setCookies: readonly string[] },
): string {
  const upgrade = transport.kind === 'spdy' ? 'SPDY/3.1' : 'websocket';
  const connection = headers.all('connection').flatMap((value) => value.toLowerCase().split(','));
  if (!connection.some((option) => option.trim() === 'upgrade')) throw unasked('Connection');
  if (only(headers.all('upgrade'))?.toLowerCase() !== upgrade.toLowerCase()) throw unasked('Upgrade');
  const lines = [
    'HTTP/1.1 101 Switching Protocols',
    'Connection: Upgrade',
    `Upgrade: ${upgrade}`,
    ...(transport.kind === 'spdy'
      ? [`X-Stream-Protocol-Version: ${toChosen(headers.all('x-stream-protocol-version'), transport)}`]
      : toWebSocketLines(headers, transport)),
    `Audit-Id: ${auditId}`,
    ...setCookies.map((line) => `Set-Cookie: ${line}`),
  ];
  return `${lines.join('\r\n')}\r\n\r\n`;
}

/** What the node chose, once `toUpgradeAnswer` has found nothing wrong with it; empty: none was asked for. */
export function toChosenProtocol({ headers }: AnswerHead, { kind, protocols }: UpgradeTransport): string {
  const chosen = headers.first(kind === 'spdy' ? 'x-stream-protocol-version' : 'sec-websocket-protocol');
  // The request's own string: the answer's is a piece of the whole head, which would be kept with it.
  return protocols.find((protocol) => protocol === chosen) ?? '';
}

function toWebSocketLines(
  headers: AnswerHead['headers'],
  transport: Extract<UpgradeTransport, { kind: 'websocket' }>,
): string[] {
  const accept = toWebSocketAccept(transport.key);
  if (only(headers.all('sec-websocket-accept')) !== accept) throw unasked('Sec-WebSocket-Accept');
  // permessage-deflate was not asked for, and nobody after this point could read it.
  if (headers.first('sec-websocket-extensions') !== undefined) throw unasked('Sec-WebSocket-Extensions');
  const chosen = headers.all('sec-websocket-protocol');
  const line = `Sec-WebSocket-Accept: ${accept}`;
  if (transport.protocols.length > 0) {
    return [line, `Sec-WebSocket-Protocol: ${toChosen(chosen, transport)}`];
  }
  // Asked for none, a kubelet answers with an empty field, which its clients are used to.
  if (chosen.some((protocol) => protocol !== '')) throw unasked('Sec-WebSocket-Protocol');
  return chosen.length === 0 ? [line] : [line, 'Sec-WebSocket-Protocol: '];
}

/** RFC 6455 §4.2.2, item 5.4. */
export const toWebSocketAccept = (key: string): string =>
  createHash('sha1').update(`${key}${WEBSOCKET_GUID}`).digest('base64');

function toChosen(values: readonly string[], { protocols }: UpgradeTransport): string {
  const chosen = only(values);
  if (chosen === undefined || !protocols.includes(chosen)) throw unasked('stream protocol');
  return chosen;
}

const only = (values: readonly string[]): string | undefined => (values.length === 1 ? values[0] : undefined);

const unasked = (what: string): Fault =>
  new Fault('BadGateway', 'the node accepted an upgrade that was not asked for', {
    cause: new Error(`unexpected ${what} in the node's 101`),
  });
