// Kubernetes' label selectors (apimachinery pkg/labels): `a=b,c!=d,e in (f,g),h notin (i),j,!k,l>1,m<2`. A selector
// that cannot be read is refused: taking it for "everything" would show more than was asked for.

import type { LabelRequirement } from '../core/action.ts';
import { Fault } from '../core/fault.ts';

const KEY_PREFIX = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const NAME = /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const TOKEN = /==|!=|[=!(),<>]|[^\s=!(),<>]+/g;

/** Throws BadRequest. An empty selector selects everything. */
export function parseLabelSelector(selector: string): readonly LabelRequirement[] {
  const tokens = tokenize(selector);
  const requirements: LabelRequirement[] = [];
  if (tokens.peek() === '') return requirements;
  for (;;) {
    requirements.push(parseRequirement(tokens));
    const next = tokens.take();
    if (next === '') return requirements;
    if (next !== ',') throw refusal(`found '${next}', expected: ',' or the end`);
  }
}

/** `labels` is a pod's `metadata.labels` as a map of its own string entries. */
export const matchesLabels = (
  requirements: readonly LabelRequirement[],
  labels: ReadonlyMap<string, string>,
): boolean => requirements.every((requirement) => matches(requirement, labels.get(requirement.key)));

function matches(requirement: LabelRequirement, value: string | undefined): boolean {
  const { operator, values } = requirement;
  switch (operator) {
    case 'in':
      return value !== undefined && values.includes(value);
    case 'notin':
      return value === undefined || !values.includes(value);
    case 'exists':
      return value !== undefined;
    case 'doesNotExist':
      return value === undefined;
    case 'gt':
    case 'lt': {
      if (value === undefined || !/^-?\d{1,15}$/.test(value)) return false;
      const bound = Number(values[0]);
      return operator === 'gt' ? Number(value) > bound : Number(value) < bound;
    }
  }
}

interface Tokens {
  peek(): string;
  take(): string;
}

function tokenize(selector: string): Tokens {
  const tokens = selector.match(TOKEN) ?? [];
  let at = 0;
  return { peek: () => tokens[at] ?? '', take: () => tokens[at++] ?? '' };
}

function parseRequirement(tokens: Tokens): LabelRequirement {
  if (tokens.peek() === '!') {
    tokens.take();
    return { key: parseKey(tokens.take()), operator: 'doesNotExist', values: [] };
  }
  const key = parseKey(tokens.take());
  if (tokens.peek() === '' || tokens.peek() === ',') return { key, operator: 'exists', values: [] };
  const operator = tokens.take();
  switch (operator) {
    case '=':
    case '==':
      return { key, operator: 'in', values: [parseExactValue(tokens)] };
    case '!=':
      return { key, operator: 'notin', values: [parseExactValue(tokens)] };
    case 'in':
    case 'notin':
      return { key, operator, values: parseValues(tokens) };
    case '>':
    case '<':
      return { key, operator: operator === '>' ? 'gt' : 'lt', values: [parseBound(tokens.take())] };
    default:
      throw refusal(`found '${operator}', expected: in, notin, =, ==, !=, >, <`);
  }
}

function parseKey(key: string): string {
  const slash = key.indexOf('/');
  const prefix = key.slice(0, Math.max(slash, 0));
  const valid =
    NAME.test(key.slice(slash + 1)) && (slash < 0 || (prefix.length <= 253 && KEY_PREFIX.test(prefix)));
  if (!valid) throw refusal(`'${key}' is not a label key`);
  return key;
}

function parseValue(value: string): string {
  if (value !== '' && !NAME.test(value)) throw refusal(`'${value}' is not a label value`);
  return value;
}

/** After `=`, `==`, `!=`; nothing there is the empty value. */
const parseExactValue = (tokens: Tokens): string =>
  tokens.peek() === '' || tokens.peek() === ',' ? '' : parseValue(tokens.take());

function parseValues(tokens: Tokens): readonly string[] {
  if (tokens.take() !== '(') throw refusal("expected: '(' after in and notin");
  const values: string[] = [];
  for (;;) {
    const here = tokens.peek();
    values.push(here === ',' || here === ')' ? '' : parseValue(tokens.take()));
    const next = tokens.take();
    if (next === ')') return values;
    if (next !== ',') throw refusal(`found '${next}', expected: ',' or ')'`);
  }
}

function parseBound(bound: string): string {
  if (!/^-?\d{1,15}$/.test(bound)) throw refusal('for > and < the value must be an integer');
  return bound;
}

const refusal = (detail: string): Fault =>
  new Fault('BadRequest', `unable to parse the label selector: ${detail}`);
