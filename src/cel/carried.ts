// A function that expressions may call: what the reference says of it, and how it is done.

import type { Meter } from './meter.ts';
import type { Pattern } from './regex.ts';

/** What functions are given beside their arguments. */
export interface FunctionContext {
  readonly meter: Meter;
  /** The compiled form of a pattern that stands in the expression. */
  readonly pattern: (text: string) => Pattern;
}

// Arguments have been checked against the signature by the library before a handler is called.
export type Handler = (...args: never[]) => unknown;

export interface CarriedFunction {
  /** As the CEL library writes it: `string.indexOf(string, int): int`. */
  readonly signature: string;
  /** Completes "…": one clause for the reference. */
  readonly meaning: string;
  /** Absent: the library's own is used. */
  readonly handler?: (context: FunctionContext) => Handler;
}
