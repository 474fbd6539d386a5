// How long a typed byte takes to come back through an exec of `cat` in a simulated node. Ways take turns, one probe each.

import { toQuantile } from '../load/statistics.ts';
import type { StreamFigure } from '../report/results.ts';
import type { EchoSession } from './echo-session.ts';
import { PROTOCOLS } from './echo-session.ts';
import type { Way } from './way.ts';

export async function measureEcho(
  ways: readonly Way[],
  { echoes }: { readonly echoes: number },
): Promise<readonly StreamFigure[]> {
  const figures: StreamFigure[] = [];
  for (const [protocol, open] of Object.entries(PROTOCOLS)) {
    const sessions = await Promise.all(ways.map((way) => open(way, 'cat')));
    figures.push(...toLatencies(`echoed byte, ${protocol}`, ways, await takeTurns(ways, echoes, sessions)));
  }
  return figures;
}

/** p50 and p99 of each way's times, in milliseconds. */
export const toLatencies = (
  what: string,
  ways: readonly Way[],
  times: readonly (readonly number[])[],
): readonly StreamFigure[] =>
  ways.flatMap(({ name }, index) => {
    const sorted = (times[index] ?? []).toSorted((a, b) => a - b);
    return [
      { what: `${what}, p50`, way: name, value: toQuantile(sorted, 0.5), unit: 'ms' },
      { what: `${what}, p99`, way: name, value: toQuantile(sorted, 0.99), unit: 'ms' },
    ];
  });

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
