// How long a typed byte takes to come back through an exec of `cat` in a simulated node, and how long it takes from
// nothing to the first such byte. Ways take turns, one probe each.

import { once } from 'node:events';
import { WebSocket } from 'ws';
import { toQuantile } from '../load/statistics.ts';
import type { StreamFigure } from '../report/results.ts';
import { SpdyDecoder, encodeSpdyFrame } from '../../src/wire/spdy-frame.ts';
import { SpdyHeaderEncoder } from '../../src/wire/spdy-headers.ts';
import { openRaw } from './raw-session.ts';
import type { Way } from './way.ts';
import { SPDY_HEADERS, toExecPath, toUpgradeHead } from './way.ts';

interface EchoSession {
  /** Sends one byte and resolves when it is back. */
  echo(): Promise<void>;
  close(): void;
}

type Open = (way: Way) => Promise<EchoSession>;

const PROTOCOLS: Readonly<Record<string, Open>> = { 'SPDY/3.1': openSpdy, WebSocket: openWebSocket };

export interface EchoOptions {
  readonly echoes: number;
  readonly sessions: number;
}

export async function measureEcho(
  ways: readonly Way[],
  { echoes, sessions }: EchoOptions,
): Promise<readonly StreamFigure[]> {
  const figures: StreamFigure[] = [];
  for (const [protocol, open] of Object.entries(PROTOCOLS)) {
    const latencies = await takeTurns(ways, echoes, await openAll(ways, open));
    const openings = await timeOpenings(ways, sessions, open);
    for (const [what, times] of [
      [`echoed byte, ${protocol}`, latencies],
      [`opening a session, ${protocol}`, openings],
    ] as const) {
      for (const [index, { name }] of ways.entries()) {
        const sorted = (times[index] ?? []).toSorted((a, b) => a - b);
        figures.push({ what: `${what}, p50`, way: name, value: toQuantile(sorted, 0.5), unit: 'ms' });
        figures.push({ what: `${what}, p99`, way: name, value: toQuantile(sorted, 0.99), unit: 'ms' });
      }
    }
  }
  return figures;
}

const openAll = (ways: readonly Way[], open: Open): Promise<readonly EchoSession[]> =>
  Promise.all(ways.map(open));

async function takeTurns(
  ways: readonly Way[],
  echoes: number,
  sessions: readonly EchoSession[],
): Promise<readonly number[][]> {
  const times = ways.map((): number[] => []);
  const warmUp = Math.ceil(echoes / 5);
  for (let i = -warmUp; i < echoes; i += 1) {
    for (const [index, session] of sessions.entries()) {
      const startedAt = performance.now();
      await session.echo();
      if (i >= 0) times[index]?.push(performance.now() - startedAt);
    }
  }
  for (const session of sessions) session.close();
  return times;
}

async function timeOpenings(
  ways: readonly Way[],
  sessions: number,
  open: Open,
): Promise<readonly number[][]> {
  const times = ways.map((): number[] => []);
  for (let i = -3; i < sessions; i += 1) {
    for (const [index, way] of ways.entries()) {
      const startedAt = performance.now();
      const session = await open(way);
      await session.echo();
      if (i >= 0) times[index]?.push(performance.now() - startedAt);
      session.close();
    }
  }
  return times;
}

async function openWebSocket(way: Way): Promise<EchoSession> {
  const socket = new WebSocket(
    `wss://127.0.0.1:${way.port}${toExecPath(way, ['cat'])}`,
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

async function openSpdy(way: Way): Promise<EchoSession> {
  const head = toUpgradeHead(way, 'POST', toExecPath(way, ['cat']), SPDY_HEADERS);
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
    socket.write(
      encodeSpdyFrame({
        kind: 'synStream',
        streamId,
        associatedId: 0,
        priority: 0,
        slot: 0,
        fin: false,
        unidirectional: false,
        headerBlock: encoder.encode([['streamtype', streamtype]]),
      }),
    );
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
