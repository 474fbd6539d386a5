// The two building blocks of every schema here: mappings that refuse unknown keys by name, and keys that are known
// but not supported. Both say why in words; neither is ever ignored.

import { z } from 'zod';
import { toSuggestion } from '../nearest.ts';

/**
 * A mapping of exactly these keys. The message of an unknown-keys issue holds one line for every key, in order;
 * `check` makes a problem of each.
 */
export const strict = <Shape extends z.core.$ZodLooseShape>(shape: Shape) =>
  z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys'
        ? (issue.keys as readonly string[])
            .map((key) => `unknown key${toSuggestion(key, Object.keys(shape))}`)
            .join('\n')
        : undefined,
  });

/** A key that Kubernetes knows and the gateway does not carry: refused with `message` when it is there. */
export const refused = (message: string) => z.never({ error: message }).exactOptional();

/** A list of one or more. */
export const someOf = <Item extends z.ZodType>(item: Item, what: string) =>
  z.array(item).min(1, { error: `must name at least one ${what}` });

/** A list of a rule, which matches when it holds what is asked about. Absent: any. */
export const anyOf = <Item extends z.ZodType>(item: Item) =>
  z.array(item).min(1, { error: 'matches nothing when empty; leave it out to match any' }).exactOptional();

/** A list without repetitions. */
export const distinct = (what: string) => (ctx: z.core.ParsePayload<readonly string[]>) => {
  ctx.value.forEach((value, index) => {
    if (ctx.value.indexOf(value) === index) return;
    ctx.issues.push({ code: 'custom', path: [index], message: `this ${what} is listed twice`, input: value });
  });
};
