// An exec that prints as fast as it can: megabytes a second, and the proxy's CPU for each.

import { once } from 'node:events';
import { toSpread } from '../load/statistics.ts';
import { readUsage } from '../load/usage.ts';
import type { StreamFigure } from '../report/results.ts';
import { openRaw } from './raw-session.ts';
import type { Way } from './way.ts';
import { WEBSOCKET_HEADERS, toExecPath, toUpgradeHead } from './way.ts';

/** `pid`: the proxy's, undefined where there is none. */
export async function measureVolume(
  ways: readonly { readonly way: Way; readonly pid: number | undefined }[],
  { bytes, rounds }: { readonly bytes: number; readonly rounds: number },
): Promise<readonly StreamFigure[]> {
  const samples = ways.map((): { rate: number; cpu: number }[] => []);
  for (let round = -1; round < rounds; round += 1) {
    for (const [index, { way, pid }] of ways.entries()) {
      const before = pid === undefined ? 0 : readUsage(pid).cpuUs;
      const startedAt = performance.now();
      const received = await receive(way, bytes);
      const seconds = (performance.now() - startedAt) / 1000;
      const cpuUs = pid === undefined ? 0 : readUsage(pid).cpuUs - before;
      const megabytes = received / 1_000_000;
      if (round >= 0) samples[index]?.push({ rate: megabytes / seconds, cpu: cpuUs / megabytes });
    }
  }
  const size = `${Math.round(bytes / 1_000_000)} MB`;
  return ways.flatMap(({ way, pid }, index) => {
    const taken = samples[index] ?? [];
    const rate = toSpread(taken.map((each) => each.rate)).median;
    const cpu = toSpread(taken.map((each) => each.cpu)).median;
    return [
      { what: `exec that prints ${size}`, way: way.name, value: rate, unit: 'MB/s' },
      ...(pid === undefined
        ? []
        : [{ what: 'CPU of the proxy for a MB printed', way: way.name, value: cpu, unit: 'µs' }]),
    ];
  });
}

async function receive(way: Way, bytes: number): Promise<number> {
  const head = toUpgradeHead(way, 'GET', toExecPath(way, ['print', String(bytes)]), WEBSOCKET_HEADERS);
  const socket = await openRaw(way, head);
  let received = 0;
  socket.on('data', (chunk: Buffer) => {
    received += chunk.length;
  });
  socket.resume();
  await once(socket, 'end');
  socket.destroy();
  if (received < bytes) throw new Error(`${way.name}: ${received} of ${bytes} bytes`);
  return received;
}
