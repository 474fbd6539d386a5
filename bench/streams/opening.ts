// How long it takes from nothing to the first byte of a session, handshakes included, against a stand-in that begins no
// process: what a proxy adds would be lost in the time that a `fork` takes. Ways take turns.

import type { StreamFigure } from '../report/results.ts';
import { toLatencies } from './echo.ts';
import type { OpenEcho } from './echo-session.ts';
import { PROTOCOLS } from './echo-session.ts';
import type { Way } from './way.ts';

/** Until what opens a session is compiled on all ways. */
const WARM_UP = 50;

export async function measureOpenings(
  ways: readonly Way[],
  { openings }: { readonly openings: number },
): Promise<readonly StreamFigure[]> {
  const figures: StreamFigure[] = [];
  for (const [protocol, open] of Object.entries(PROTOCOLS)) {
    const times = await timeOpenings(ways, openings, open);
    figures.push(...toLatencies(`opening a session, ${protocol}`, ways, times));
  }
  return figures;
}

async function timeOpenings(
  ways: readonly Way[],
  openings: number,
  open: OpenEcho,
): Promise<readonly number[][]> {
  const times = ways.map((): number[] => []);
  for (let i = -WARM_UP; i < openings; i += 1) {
    for (const [index, way] of ways.entries()) {
      const startedAt = performance.now();
      const session = await open(way, 'answer');
      await session.echo();
      if (i >= 0) times[index]?.push(performance.now() - startedAt);
      session.close();
    }
  }
  return times;
}
