// Parts of one benchmark that were run one after the other (--only), as one result.

import type { Machine } from './machine.ts';
import { toBars } from './bars.ts';
import type { Results } from './results.ts';

/** Throws unless all are of one machine, its programs and a mode. The date and the time to ready are the first part's, the load the most. */
export function joinResults(parts: readonly Results[]): Results {
  const [first] = parts;
  if (first === undefined) throw new Error('no parts to join');
  for (const { machine, mode } of parts) {
    if (mode !== first.mode || toIdentity(machine) !== toIdentity(first.machine)) {
      throw new Error('these are parts of different benchmarks');
    }
  }
  const scenarios = parts.flatMap((part) => part.scenarios);
  const streams = parts.flatMap((part) => part.streams);
  const { readyMs } = first;
  const machine = { ...first.machine, loadBefore: Math.max(...parts.map((part) => part.machine.loadBefore)) };
  return { ...first, machine, scenarios, streams, bars: toBars(scenarios, streams, readyMs) };
}

const toIdentity = (machine: Machine): string => JSON.stringify({ ...machine, loadBefore: undefined });
