// A way to a node: straight, as the gateway goes, or through a proxy. And what is asked of it.

import type { ConnectionOptions } from 'node:tls';

export interface Way {
  readonly name: 'direct' | 'relay' | 'gateway' | 'recorded';
  readonly port: number;
  /** What goes before a kubelet's path. */
  readonly prefix: string;
  readonly tls: ConnectionOptions;
  readonly token?: string;
}

/** The path of an exec of `command`, with standard input and output and no terminal. */
export const toExecPath = ({ prefix }: Way, command: readonly string[]): string =>
  `${prefix}/exec/default/shell/shell?${command.map((word) => `command=${encodeURIComponent(word)}&`).join('')}input=1&output=1`;

/** The head of a request for an upgrade. */
export function toUpgradeHead(way: Way, method: string, path: string, headers: readonly string[]): string {
  const authorization = way.token === undefined ? [] : [`Authorization: Bearer ${way.token}`];
  const lines = [
    `${method} ${path} HTTP/1.1`,
    'Host: bench',
    'Connection: Upgrade',
    ...authorization,
    ...headers,
  ];
  return `${lines.join('\r\n')}\r\n\r\n`;
}

export const WEBSOCKET_HEADERS = [
  'Upgrade: websocket',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Protocol: v5.channel.k8s.io',
];

export const SPDY_HEADERS = [
  'Upgrade: SPDY/3.1',
  'Content-Length: 0',
  'X-Stream-Protocol-Version: v4.channel.k8s.io',
];
