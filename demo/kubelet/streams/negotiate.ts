// How a kubelet 1.36 and the runtime behind it agree on a protocol for an upgraded connection, and what they say when they
// do not: header by header as net/http, spdystream's handshake and golang.org/x/net/websocket read and write them.

import type { IncomingMessage } from 'node:http';
import { CHANNEL_PROTOCOLS } from '../../../src/wire/channels.ts';
import type { ChannelProtocol } from '../../../src/wire/channels.ts';
import { toWebSocketAccept } from '../../../src/wire/websocket-frame.ts';
import type { Answer } from '../answer.ts';
import { goError, text } from '../answer.ts';
import { withoutTokens } from '../identity.ts';
import type { StatusVersion } from './remote.ts';

export type Agreed =
  | { readonly kind: 'spdy'; readonly protocol: string; readonly head: string }
  | { readonly kind: 'websocket'; readonly protocol: ChannelProtocol; readonly head: string }
  | { readonly kind: 'tunnel'; readonly head: string }
  /** Written by hand by the WebSocket code: no Date, no length, and the connection is closed. */
  | { readonly kind: 'rawRefusal'; readonly head: string }
  | { readonly kind: 'refusal'; readonly answer: Answer };

export interface Abilities {
  /** `v5.channel.k8s.io` and the tunnel, which kubelets before 1.36 do not have (ExtendWebSocketsToKubelet). */
  readonly extended: boolean;
}

const SPDY_VERSIONS: ReadonlyMap<string, Exclude<StatusVersion, 5>> = new Map([
  ['v4.channel.k8s.io', 4],
  ['v3.channel.k8s.io', 3],
  ['v2.channel.k8s.io', 2],
  ['channel.k8s.io', 1],
]);
const PORT_FORWARD = 'portforward.k8s.io';

export const toSpdyVersion = (protocol: string): Exclude<StatusVersion, 5> =>
  SPDY_VERSIONS.get(protocol) ?? 1;

const lines = (request: IncomingMessage, name: string): string[] => {
  const values: string[] = [];
  for (let i = 0; i + 1 < request.rawHeaders.length; i += 2) {
    if (request.rawHeaders[i]?.toLowerCase() === name) values.push(request.rawHeaders[i + 1] ?? '');
  }
  return values;
};

const listed = (values: readonly string[]): string[] =>
  values
    .flatMap((value) => value.split(','))
    .map((value) => value.trim())
    .filter((value) => value !== '');

const isWebSocket = (request: IncomingMessage): boolean =>
  (request.headers.upgrade ?? '').toLowerCase() === 'websocket';

/** exec and attach. */
export const agreeOnExec = (request: IncomingMessage, abilities: Abilities): Agreed => {
  if (!isWebSocket(request)) return agreeOnSpdy(request, [...SPDY_VERSIONS.keys()], 2);
  const offered = offeredProtocols(request);
  const wanted =
    abilities.extended && offered.includes('v5.channel.k8s.io') ? ['v5.channel.k8s.io'] : offered;
  const known = CHANNEL_PROTOCOLS.filter(({ version }) => version !== 5 || abilities.extended);
  return agreeOnWebSocket(request, wanted, known);
};

/** The header of a tunnel names the protocol of the SPDY connection inside. */
export const agreeOnPortForward = (
  request: IncomingMessage,
  abilities: Abilities,
  ports: readonly string[],
): Agreed => {
  if (!isWebSocket(request)) return agreeOnSpdy(request, [PORT_FORWARD], 1);
  const offered = offeredProtocols(request);
  const tunnel = offered.find((name) => name.startsWith('SPDY/3.1+') && name.endsWith('.k8s.io'));
  if (abilities.extended && tunnel !== undefined) {
    const inner = tunnel.slice('SPDY/3.1+'.length);
    if (inner !== PORT_FORWARD)
      return { kind: 'refusal', answer: noCommonProtocol([inner], [PORT_FORWARD], 1) };
    return checkHandshake(request) ?? { kind: 'tunnel', head: webSocketHead(request, tunnel) };
  }
  if (ports.length === 0) return { kind: 'refusal', answer: text(400, 'query parameter "port" is required') };
  const known = CHANNEL_PROTOCOLS.filter(({ subprotocol, version }) => version === 4 || subprotocol === '');
  return agreeOnWebSocket(request, offered, known);
};

/** Of several lines only the first counts. */
const offeredProtocols = (request: IncomingMessage): readonly string[] =>
  withoutTokens(listed(lines(request, 'sec-websocket-protocol').slice(0, 1)));

const raw = (status: string, ...headers: readonly string[]): Agreed => ({
  kind: 'rawRefusal',
  head: [`HTTP/1.1 ${status}`, ...headers, 'Connection: close', '', ''].join('\r\n'),
});

const checkHandshake = (request: IncomingMessage): Agreed | undefined => {
  if (request.method !== 'GET') return raw('405 Method Not Allowed');
  if ((request.headers['sec-websocket-key'] ?? '') === '') return raw('400 Bad Request');
  if (request.headers['sec-websocket-version'] !== '13')
    return raw('400 Bad Request', 'Sec-WebSocket-Version: 13');
  return undefined;
};

const agreeOnWebSocket = (
  request: IncomingMessage,
  offered: readonly string[],
  known: readonly ChannelProtocol[],
): Agreed => {
  const refusal = checkHandshake(request);
  if (refusal !== undefined) return refusal;
  const names = offered.length === 0 ? [''] : offered;
  const name = names.find((candidate) => known.some(({ subprotocol }) => subprotocol === candidate));
  const protocol = known.find(({ subprotocol }) => subprotocol === name);
  if (protocol === undefined) return raw('403 Forbidden');
  return { kind: 'websocket', protocol, head: webSocketHead(request, protocol.subprotocol) };
};

const webSocketHead = (request: IncomingMessage, protocol: string): string =>
  [
    'HTTP/1.1 101 Switching Protocols',
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Accept: ${toWebSocketAccept(request.headers['sec-websocket-key'] ?? '')}`,
    `Sec-WebSocket-Protocol: ${protocol}`,
    '',
    '',
  ].join('\r\n');

const HEADER = 'X-Stream-Protocol-Version';

/** `times`: how often the message is written; for exec both the handshake and its caller write it. */
const agreeOnSpdy = (request: IncomingMessage, known: readonly string[], times: number): Agreed => {
  const offered = listed(lines(request, HEADER.toLowerCase()));
  if (offered.length === 0) {
    const names = new Set(Object.keys(request.headers)).size;
    const message = `unable to upgrade: header ${HEADER} does not exist in request with ${names} headers\n`;
    return { kind: 'refusal', answer: goError(400, message.repeat(times).trimEnd()) };
  }
  const protocol = offered.find((name) => known.includes(name));
  if (protocol === undefined) return { kind: 'refusal', answer: noCommonProtocol(offered, known, times) };
  const [connection = ''] = lines(request, 'connection');
  const upgrade = request.headers.upgrade ?? '';
  if (!connection.toLowerCase().includes('upgrade') || !upgrade.toLowerCase().includes('spdy/3.1')) {
    return { kind: 'refusal', answer: goError(400, 'unable to upgrade: missing upgrade headers in request') };
  }
  const head = [
    'HTTP/1.1 101 Switching Protocols',
    'Connection: Upgrade',
    'Upgrade: SPDY/3.1',
    `${HEADER}: ${protocol}`,
    `Date: ${new Date().toUTCString()}`,
    '',
    '',
  ].join('\r\n');
  return { kind: 'spdy', protocol, head };
};

const noCommonProtocol = (offered: readonly string[], known: readonly string[], times: number): Answer => {
  const sides = `client supports [${offered.join(' ')}], server accepts [${known.join(' ')}]`;
  const message = `unable to upgrade: unable to negotiate protocol: ${sides}\n`;
  const { headers = [], ...rest } = goError(403, message.repeat(times).trimEnd());
  const accepted = known.map((name) => ['X-Accepted-Stream-Protocol-Versions', name] as const);
  return { ...rest, headers: [...headers, ...accepted] };
};
