// What recording costs in volume: a long output of text and of noise, and a copy into a pod, through a gateway that
// records nothing and one that must record all.

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { toSpread } from '../load/statistics.ts';
import { readUsage } from '../load/usage.ts';
import type { StreamFigure } from '../report/results.ts';
import { encodeWebSocketFrame } from '../../src/wire/websocket-frame.ts';
import { openRaw } from './raw-session.ts';
import type { Way } from './way.ts';
import { WEBSOCKET_HEADERS, toExecPath, toUpgradeHead } from './way.ts';

/** What `print` and `take` pass, by the name that the figures have. */
const KINDS = {
  'printed text': ['print', 'text'],
  'printed noise': ['print', 'random'],
  'a file copied into a pod': ['take'],
  // What `kubectl cp` reads is the output of a tar, of any bytes.
  'a file copied out of a pod': ['print', 'random'],
} as const;
export type Kind = keyof typeof KINDS;

export interface Measured {
  readonly way: Way;
  /** Absent where there is no proxy. */
  readonly pid?: number;
  /** Where its recordings are, if it makes any. */
  readonly directory?: string;
}

export interface PassingOptions {
  readonly bytes: number;
  readonly rounds: number;
}

export async function measurePassing(
  gateways: readonly Measured[],
  kinds: readonly Kind[],
  { bytes, rounds }: PassingOptions,
): Promise<readonly StreamFigure[]> {
  const figures: StreamFigure[] = [];
  for (const what of kinds) {
    const [command, kind] = KINDS[what];
    const samples = gateways.map((): { rate: number; cpu: number }[] => []);
    for (let round = -1; round < rounds; round += 1) {
      for (const [index, gateway] of gateways.entries()) {
        const words = [command, String(bytes), ...(kind === undefined ? [] : [kind])];
        const sample = await passOnce(gateway, words, bytes);
        if (round >= 0) samples[index]?.push(sample);
      }
    }
    for (const [index, { way, pid }] of gateways.entries()) {
      const taken = samples[index] ?? [];
      const add = (unit: string, text: string, key: 'rate' | 'cpu'): void => {
        const value = toSpread(taken.map((each) => each[key])).median;
        figures.push({ what: text, way: way.name, value, unit });
      };
      add('MB/s', what, 'rate');
      if (pid !== undefined) add('µs', `CPU of the proxy for a MB of ${what}`, 'cpu');
    }
  }
  return figures;
}

const toCpuUs = (pid: number | undefined): number => (pid === undefined ? 0 : readUsage(pid).cpuUs);

/** One session, from its request to its end, and the CPU until its recording is closed. */
async function passOnce(
  { way, pid, directory }: Measured,
  words: readonly string[],
  bytes: number,
): Promise<{ readonly rate: number; readonly cpu: number }> {
  const before = toCpuUs(pid);
  const startedAt = performance.now();
  const socket = await openRaw(way, toUpgradeHead(way, 'GET', toExecPath(way, words), WEBSOCKET_HEADERS));
  let received = 0;
  socket.on('data', (chunk: Buffer) => {
    received += chunk.length;
  });
  socket.on('error', () => undefined);
  socket.resume();
  const ended = once(socket, 'end');
  if (words[0] === 'take') await send(socket, bytes);
  await ended;
  const seconds = (performance.now() - startedAt) / 1000;
  socket.destroy();
  if (words[0] === 'print' && received < bytes) throw new Error(`${way.name}: ${received} of ${bytes} bytes`);
  await new Promise((resolve) => setTimeout(resolve, 300));
  const cpu = (toCpuUs(pid) - before) / (bytes / 1_000_000);
  if (directory !== undefined) rmSync(join(directory, 'recordings'), { recursive: true, force: true });
  return { rate: bytes / 1_000_000 / seconds, cpu };
}

/** Frames of 32 kB, as kubectl sends them, of what compressed archives look like. */
async function send(socket: Awaited<ReturnType<typeof openRaw>>, bytes: number): Promise<void> {
  const payload = randomBytes(32 * 1024 - 8);
  // The channel of standard input.
  payload[0] = 0;
  const frame = encodeWebSocketFrame({ opcode: 2, payload, mask: Buffer.from([1, 2, 3, 4]) });
  const closed = once(socket, 'close');
  for (let left = bytes; left > 0; left -= frame.length) {
    if (!socket.write(frame)) await Promise.race([once(socket, 'drain'), closed]);
    if (socket.destroyed) throw new Error('the session ended early');
  }
}
