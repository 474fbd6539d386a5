// Runs a schema over a part of a document and turns every issue into a problem in words, with its path and line.

import type { z } from 'zod';
import type { Findings, Path } from '../problem.ts';
import type { Source } from '../yaml.ts';
import { toSuggestion } from '../nearest.ts';

/**
 * The typed value; undefined when it is not as it should be. All problems have been told. Unknown keys are problems
 * that need not hide others: the value is given without them. `path` is where `value` stands.
 */
export function check<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  source: Source,
  path: Path,
  findings: Findings,
): z.output<Schema> | undefined {
  const result = schema.safeParse(value, { error: toWords });
  if (result.success) return result.data;
  tell(result.error.issues, source, path, findings);
  if (result.error.issues.some(({ code }) => code !== 'unrecognized_keys')) return undefined;
  const known = schema.safeParse(withoutUnknown(value, result.error.issues), { error: toWords });
  if (known.success) return known.data;
  // Rules between keys are looked at only where all keys are known: here are the rest.
  tell(known.error.issues, source, path, findings);
  return undefined;
}

/** A copy without the keys that the issues complain of. */
function withoutUnknown(value: unknown, issues: readonly z.core.$ZodIssue[]): unknown {
  const copy: unknown = structuredClone(value);
  for (const issue of issues) {
    let holder = copy;
    for (const key of issue.path) holder = isObject(holder) ? Reflect.get(holder, key) : undefined;
    if (!isObject(holder) || issue.code !== 'unrecognized_keys') continue;
    for (const key of issue.keys) Reflect.deleteProperty(holder, key);
  }
  return copy;
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

function tell(issues: readonly z.core.$ZodIssue[], source: Source, path: Path, findings: Findings): void {
  for (const issue of issues) {
    const at = [...path, ...issue.path];
    if (issue.code === 'unrecognized_keys') {
      const messages = issue.message.split('\n');
      issue.keys.forEach((key, index) =>
        findings.problem(source, [...at, key], messages[index] ?? 'unknown key'),
      );
    } else findings.problem(source, at, issue.message);
  }
}

const KINDS: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a mapping',
  record: 'a mapping',
};

/** Words for the issues that a schema itself gives no words for. Never repeats the value: it may be a secret. */
function toWords(issue: z.core.$ZodRawIssue): string {
  const { input } = issue;
  switch (issue.code) {
    case 'invalid_type':
      if (input === undefined) return 'is required';
      if (input === null) return 'has no value: give it one, or leave the key out';
      return `must be ${KINDS[issue.expected] ?? issue.expected}, not ${toKind(input)}`;
    case 'invalid_value':
      return toChoice(issue.values.map(String), input);
    case 'invalid_union':
      return 'discriminator' in issue && Array.isArray(issue['options'])
        ? toChoice(issue['options'].map(String), discriminatorOf(issue['discriminator'], input))
        : 'has the wrong type';
    case 'too_small':
      if (issue.origin === 'string') return 'must not be empty';
      return issue.origin === 'array'
        ? `must have at least ${issue.minimum} entries`
        : `must be at least ${issue.minimum}`;
    case 'too_big':
      return issue.origin === 'array'
        ? `must have at most ${issue.maximum} entries`
        : `must be at most ${issue.maximum}`;
    default:
      return 'is not valid';
  }
}

function toChoice(values: readonly string[], input: unknown): string {
  const choice = values.length === 1 ? `must be ${values[0] ?? ''}` : `must be one of ${values.join(', ')}`;
  if (input === undefined)
    return values.length === 1 ? `is required, and ${choice}` : `is required: ${choice}`;
  return typeof input === 'string' && values.length > 1 ? choice + toSuggestion(input, values) : choice;
}

const discriminatorOf = (key: unknown, value: unknown): unknown =>
  isObject(value) && typeof key === 'string' ? Reflect.get(value, key) : undefined;

function toKind(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'boolean') return `the boolean ${String(value)}`;
  return KINDS[typeof value] ?? typeof value;
}
