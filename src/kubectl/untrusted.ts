// Reads parts of a parsed JSON document that nobody vouches for (a node's answer). Only own properties count, so a
// document that is built to reach into prototypes finds nothing; a value of the wrong type is an absent value.

/** An own property of an object; undefined for everything else. */
export const field = (value: unknown, key: string): unknown =>
  isRecord(value) && Object.hasOwn(value, key) ? value[key] : undefined;

/** Follows own properties: `at(pod, 'metadata', 'name')`. */
export const at = (value: unknown, ...path: readonly string[]): unknown => path.reduce(field, value);

export const text = (value: unknown): string => (typeof value === 'string' ? value : '');

export const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** A whole number from 0 on; anything else is 0. */
export const count = (value: unknown): number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : 0;

/** A whole number of either sign; anything else is 0. */
export const integer = (value: unknown): number =>
  typeof value === 'number' && Number.isSafeInteger(value) ? value : 0;

/** Milliseconds since the epoch of an RFC 3339 time; undefined when there is none. */
export function time(value: unknown): number | undefined {
  if (typeof value !== 'string' || !/^\d{4}-\d{2}-\d{2}T/.test(value)) return undefined;
  const ms = Date.parse(value);
  return Number.isNaN(ms) ? undefined : ms;
}

export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
