// Parts of one benchmark that were run one after the other (--only), as one result.

import type { Machine } from './machine.ts';
import { toBars } from './bars.ts';
import type { Results } from './results.ts';

/** Throws unless all are of one machine, its programs and a mode. The date is the first part's, the load the most. */
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
  const start = parts.find((part) => part.start !== undefined)?.start;
  const machine = { ...first.machine, loadBefore: Math.max(...parts.map((part) => part.machine.loadBefore)) };
  const bars = toBars(scenarios, streams, start);
  return { ...first, ...(start === undefined ? {} : { start }), machine, scenarios, streams, bars };
}

const toIdentity = (machine: Machine): string => JSON.stringify({ ...machine, loadBefore: undefined });
