// A session whose typed bytes come back, over both protocols.

import { once } from 'node:events';
import { WebSocket } from 'ws';
import { SpdyDecoder, encodeSpdyFrame } from '../../src/wire/spdy-frame.ts';
import { SpdyHeaderEncoder } from '../../src/wire/spdy-headers.ts';
import { openRaw } from './raw-session.ts';
import type { Way } from './way.ts';
import { SPDY_HEADERS, toExecPath, toUpgradeHead } from './way.ts';
import { toSynStream } from '../../test/support/syn-stream.ts';

export interface EchoSession {
  /** Sends one byte and resolves when it is back. */
  echo(): Promise<void>;
  close(): void;
}

/** Opens an exec of `command`. */
export type OpenEcho = (way: Way, command: string) => Promise<EchoSession>;

export const PROTOCOLS: Readonly<Record<string, OpenEcho>> = {
  'SPDY/3.1': openSpdy,
  WebSocket: openWebSocket,
};

async function openWebSocket(way: Way, command: string): Promise<EchoSession> {
  const socket = new WebSocket(
    `wss://127.0.0.1:${way.port}${toExecPath(way, [command])}`,
    ['v5.channel.k8s.io'],
    {
      ...way.tls,
      headers: way.token === undefined ? {} : { authorization: `Bearer ${way.token}` },
      perMessageDeflate: false,
    },
  );
  await once(socket, 'open');
  let back = (): void => undefined;
  socket.on('message', (data: Buffer) => {
    // Channel 1 is standard output; an empty message announces it.
    if (data[0] === 1 && data.length > 1) back();
  });
  socket.on('error', () => undefined);
  return {
    echo: () =>
      new Promise((resolve) => {
        back = resolve;
        socket.send(Buffer.from([0, 0x78]));
      }),
    close: () => socket.terminate(),
  };
}

async function openSpdy(way: Way, command: string): Promise<EchoSession> {
  const head = toUpgradeHead(way, 'POST', toExecPath(way, [command]), SPDY_HEADERS);
  const socket = await openRaw(way, head);
  const encoder = new SpdyHeaderEncoder();
  const decoder = new SpdyDecoder();
  const streams = { error: 1, stdin: 3, stdout: 5 };
  let back = (): void => undefined;
  socket.on('data', (chunk: Buffer) => {
    decoder.push(chunk, (event) => {
      if (event.kind === 'data' && event.streamId === streams.stdout && event.data.length > 0) back();
    });
  });
  socket.on('error', () => undefined);
  socket.resume();
  for (const [streamtype, streamId] of Object.entries(streams)) {
    socket.write(encodeSpdyFrame(toSynStream(streamId, encoder.encode([['streamtype', streamtype]]))));
  }
  return {
    echo: () =>
      new Promise((resolve) => {
        back = resolve;
        socket.write(
          encodeSpdyFrame({ kind: 'data', streamId: streams.stdin, fin: false, data: Buffer.from('x') }),
        );
      }),
    close: () => socket.destroy(),
  };
}
