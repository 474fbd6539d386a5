// What sessions cost that are open and silent: memory of the proxy, and the CPU of opening and of keeping them.

import { setTimeout as wait } from 'node:timers/promises';
import type { TLSSocket } from 'node:tls';
import { readUsage } from '../load/usage.ts';
import type { StreamFigure } from '../report/results.ts';
import { openRaw } from './raw-session.ts';
import type { Way } from './way.ts';
import { WEBSOCKET_HEADERS, toExecPath, toUpgradeHead } from './way.ts';

/** Sessions that are being opened at a time. */
const AT_A_TIME = 16;
/** For handshakes' garbage to be collected and timers to settle. */
const SETTLE_MS = 2000;
const IDLE_MS = 3000;

/** `counts` ascending; sessions of a smaller count stay open for the next. */
export async function measureOpenSessions(
  { way, pid }: { readonly way: Way; readonly pid: number },
  counts: readonly number[],
): Promise<readonly StreamFigure[]> {
  const head = toUpgradeHead(way, 'GET', toExecPath(way, ['idle']), WEBSOCKET_HEADERS);
  const sockets: TLSSocket[] = [];
  const openOne = async (): Promise<void> => {
    const socket = await openRaw(way, head);
    socket.on('error', () => undefined);
    sockets.push(socket.resume());
  };
  const figures: StreamFigure[] = [];
  // What is loaded at the first session belongs to no session.
  for (let i = 0; i < 20; i += 1) await openOne();
  await wait(SETTLE_MS);
  const first = readUsage(pid);
  const already = sockets.length;
  for (const count of counts) {
    const before = readUsage(pid);
    const had = sockets.length;
    while (sockets.length < count + already) {
      const next = Math.min(AT_A_TIME, count + already - sockets.length);
      await Promise.all(Array.from({ length: next }, openOne));
    }
    const opened = readUsage(pid);
    await wait(SETTLE_MS);
    const settled = readUsage(pid);
    await wait(IDLE_MS);
    const after = readUsage(pid);
    const add = (what: string, value: number, unit: string): void => {
      figures.push({ what: `${what} (${count} open)`, way: way.name, value, unit });
    };
    add('memory of an open session', (after.rssKb - first.rssKb) / count, 'kB');
    add('CPU of opening a session', (opened.cpuUs - before.cpuUs) / (sockets.length - had) / 1000, 'ms');
    add('CPU of all sessions, silent', ((after.cpuUs - settled.cpuUs) / IDLE_MS / 1000) * 100, '% of a core');
  }
  for (const socket of sockets) socket.destroy();
  return figures;
}
