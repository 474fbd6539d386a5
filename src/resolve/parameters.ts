// The query parameters of one request, read once each. What a route did not read is refused by name, so that nothing
// that a client wrote is silently left out of what is sent, and a repeated single value never means two things.

import { Fault } from '../core/fault.ts';
import type { Target } from './target.ts';

export interface Parameters {
  /** The value of a parameter that may be given once. Throws BadRequest when it is repeated. */
  one(name: string): string | undefined;
  /** The values of a parameter that may be repeated, in order. */
  all(name: string): readonly string[];
  /** All of them, as a canonical query with its question mark; empty when there are none. */
  toQuery(): string;
  /** Throws BadRequest when one was given that nobody read. */
  finish(): void;
}

/** Parameters named in `ignored` may be given and mean nothing here. */
export function createParameters(pairs: Target['pairs'], ignored: readonly string[]): Parameters {
  const read = new Set(ignored);
  const all = (name: string): readonly string[] => {
    read.add(name);
    return pairs.filter((pair) => pair[0] === name).map((pair) => pair[1]);
  };
  return {
    all,
    one: (name) => {
      const values = all(name);
      if (values.length > 1) throw badParameter(name, 'is given more than once');
      return values[0];
    },
    toQuery: () => {
      for (const [name] of pairs) read.add(name);
      const text = pairs.map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`);
      return text.length === 0 ? '' : `?${text.join('&')}`;
    },
    finish: () => {
      const unknown = pairs.find(([name]) => !read.has(name));
      if (unknown !== undefined) throw badParameter(unknown[0], 'is not known on this path');
    },
  };
}

/** Names the parameter, never its value. */
export const badParameter = (name: string, rule: string): Fault =>
  new Fault('BadRequest', `query parameter ${JSON.stringify(name.slice(0, 64))} ${rule}`);
