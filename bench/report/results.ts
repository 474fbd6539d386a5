// The results of one run as they are kept.

import type { Machine } from './machine.ts';
import type { Scenario } from '../scenarios.ts';

/** A figure that is not of plain requests: a name, a value in its unit, and what it is compared with. */
export interface StreamFigure {
  readonly what: string;
  readonly way: string;
  readonly value: number;
  readonly unit: string;
}

export interface Bar {
  readonly what: string;
  readonly value: number;
  readonly atMost: number;
  readonly unit: string;
}

/** Milliseconds from start to ready. */
export interface StartFigures {
  /** Of the program as it is shipped. */
  readonly builtMs: number;
  /** From its sources, whose types are taken off at each start. */
  readonly sourceMs: number;
}

export interface Results {
  readonly date: string;
  readonly mode: 'full' | 'quick';
  readonly rounds: number;
  readonly secondsEach: number;
  readonly machine: Machine;
  /** Absent: it was not measured. */
  readonly start?: StartFigures;
  readonly scenarios: readonly Scenario[];
  readonly streams: readonly StreamFigure[];
  readonly bars: readonly Bar[];
}
