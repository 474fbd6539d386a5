// Regular expressions on an RE2 engine: time is linear in the text, whatever the pattern. The only file that imports
// it. Patterns are compiled when the configuration is loaded and never come from a claim.

import { RE2JS } from 're2js';
import type { Meter } from './meter.ts';

export interface Pattern {
  /** Whether it occurs in the text. */
  occurs(text: string): boolean;
  /** The first `limit` occurrences, or all when it is negative; never two that overlap. */
  find(text: string, limit: number): readonly string[];
}

const MAX_PATTERN_LENGTH = 1024;
/** Instructions of the compiled pattern: counted repetitions multiply. */
const MAX_PROGRAM_SIZE = 2000;
/** Characters times instructions that cost as much as one evaluated node. */
const STEPS_PER_UNIT = 32;

/** Throws an Error, in words, for what is not RE2 syntax or too large. */
export function compilePattern(pattern: string, meter: Meter): Pattern {
  if (pattern.length > MAX_PATTERN_LENGTH) {
    throw new Error(`the regular expression is longer than ${MAX_PATTERN_LENGTH} characters`);
  }
  const compiled = compile(pattern);
  const size = compiled.programSize();
  if (size > MAX_PROGRAM_SIZE) throw new Error('the regular expression is too large when it is compiled');
  const charge = (text: string): void => meter.charge(1 + (text.length * size) / STEPS_PER_UNIT);
  return {
    occurs(text) {
      charge(text);
      return compiled.test(text);
    },
    find(text, limit) {
      charge(text);
      const found: string[] = [];
      const matcher = compiled.matcher(text);
      while (found.length !== limit && matcher.find()) {
        // Each search is over what follows, at most the whole text.
        charge(text);
        found.push(matcher.group() ?? '');
      }
      return found;
    },
  };
}

function compile(pattern: string): RE2JS {
  try {
    return RE2JS.compile(pattern);
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace(/^error parsing regexp: /, '') : '';
    throw new Error(`the regular expression cannot be used: ${reason}`, { cause: error });
  }
}
