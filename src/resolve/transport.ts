// Reads how a client wants its session carried: SPDY/3.1 as client-go upgrades to it (k8s.io/streaming httpstream/spdy),
// or a WebSocket (RFC 6455 §4.2.1). Repeated header lines that servers read differently are refused, not joined.

import type { Transport } from '../core/exchange.ts';
import { Fault } from '../core/fault.ts';
import type { HeaderLines } from '../core/headers.ts';

type Upgraded = Exclude<Transport, { kind: 'http' }>;

/** The subprotocol entry that carries a bearer token (apiserver pkg/authentication/request/websocket). */
const BEARER_PREFIX = 'base64url.bearer.authorization.k8s.io.';

/** RFC 9110 §5.6.2 token, and the slash of `SPDY/3.1+portforward.k8s.io`. */
const PROTOCOL = /^[-!#$%&'*+.^_`|~0-9A-Za-z/]{1,256}$/;

/** 16 bytes in base64 (RFC 6455 §4.1). */
const WEBSOCKET_KEY = /^[A-Za-z0-9+/]{21}[AQgw]==$/;

/** Throws BadRequest when the request asks for an upgrade. */
export function refuseUpgrade(headers: HeaderLines): void {
  if (headers.first('upgrade') !== undefined) throw refusal('this path does not upgrade the connection');
}

/** Throws BadRequest, or MethodNotAllowed for a WebSocket by another method than GET. */
export function parseUpgrade(method: string, headers: HeaderLines): Upgraded {
  const upgrade = single(headers, 'upgrade')?.trim().toLowerCase();
  if (upgrade === undefined) throw refusal('upgrade request required');
  const connection = single(headers, 'connection')?.toLowerCase().split(',') ?? [];
  if (!connection.some((option) => option.trim() === 'upgrade')) {
    throw refusal('upgrade request required: the Connection header does not say upgrade');
  }
  if (hasBody(headers)) throw refusal('a request that upgrades the connection must not have a body');
  switch (upgrade) {
    case 'spdy/3.1':
      return { kind: 'spdy', protocols: parseSpdyProtocols(headers) };
    case 'websocket':
      return parseWebSocket(method, headers);
    default:
      throw refusal('the Upgrade header must be SPDY/3.1 or websocket');
  }
}

function parseSpdyProtocols(headers: HeaderLines): readonly string[] {
  const protocols = parseProtocols(headers, 'x-stream-protocol-version');
  if (protocols.length === 0) throw refusal('SPDY/3.1 needs an X-Stream-Protocol-Version header');
  return protocols;
}

function parseWebSocket(method: string, headers: HeaderLines): Upgraded {
  if (method !== 'GET') {
    throw new Fault('MethodNotAllowed', 'a WebSocket begins with a GET', { headers: { allow: 'GET' } });
  }
  if (single(headers, 'sec-websocket-version')?.trim() !== '13') {
    throw refusal('the Sec-WebSocket-Version header must be 13');
  }
  const key = single(headers, 'sec-websocket-key')?.trim() ?? '';
  if (!WEBSOCKET_KEY.test(key)) throw refusal('the Sec-WebSocket-Key header must be 16 bytes in base64');
  const protocols = parseProtocols(headers, 'sec-websocket-protocol');
  return {
    kind: 'websocket',
    protocols: protocols.filter((protocol) => !protocol.startsWith(BEARER_PREFIX)),
    key,
  };
}

/** Which of them are known is the kubelet's to say; that they are tokens is ours. */
function parseProtocols(headers: HeaderLines, name: string): readonly string[] {
  const protocols = headers.all(name).flatMap((line) => line.split(',').map((protocol) => protocol.trim()));
  for (const protocol of protocols) {
    if (!PROTOCOL.test(protocol) && !isBearer(protocol)) throw refusal(`the ${name} header is malformed`);
  }
  return protocols;
}

/** A token is longer than a protocol's name. */
const isBearer = (protocol: string): boolean =>
  protocol.startsWith(BEARER_PREFIX) && /^[-A-Za-z0-9_]+$/.test(protocol.slice(BEARER_PREFIX.length));

function single(headers: HeaderLines, name: string): string | undefined {
  const lines = headers.all(name);
  if (lines.length > 1) throw refusal(`the ${name} header is repeated`);
  return lines[0];
}

const hasBody = (headers: HeaderLines): boolean =>
  headers.first('transfer-encoding') !== undefined ||
  headers.all('content-length').some((length) => length.trim() !== '0');

const refusal = (message: string): Fault => new Fault('BadRequest', message);
