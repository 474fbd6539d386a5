// The conformance tests of the CEL specification (test/fixtures/cel). Each of its expressions either gives what the
// specification says, or is refused when it is compiled, or stands in the list of known differences with its reason.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { compileExpression } from '../../src/cel/compile.ts';
import { DIFFERENCES, REFUSED } from './vector-differences.ts';

interface Vector {
  readonly suite: string;
  readonly name: string;
  readonly expr: string;
  readonly value?: Readonly<Record<string, unknown>>;
  readonly error?: string;
}

const VECTORS = JSON.parse(
  readFileSync(new URL('../fixtures/cel/vectors.json', import.meta.url), 'utf8'),
) as readonly Vector[];

const toId = ({ suite, expr }: Vector): string => `${suite}: ${expr}`;

function evaluate({ expr, value, error }: Vector): 'right' | 'wrong' | 'refused' {
  const question = value === undefined ? `dyn(${expr}) != 0` : toQuestion(expr, value);
  const compiled = compileExpression(question, { variables: 'claims', results: ['bool'] });
  // What the specification calls an error may be told early.
  if (compiled.kind === 'refused') return error === undefined ? 'refused' : 'right';
  try {
    const result = compiled.program.evaluate({ claims: new Map() });
    return error === undefined && result === true ? 'right' : 'wrong';
  } catch {
    return error === undefined ? 'wrong' : 'right';
  }
}

function toQuestion(expr: string, value: Readonly<Record<string, unknown>>): string {
  if (value['doubleValue'] === 'NaN') return `dyn(${expr}) != dyn(${expr})`;
  const literal = toLiteral(value);
  return `dyn(${expr}) == dyn(${literal}) && type(dyn(${expr})) == type(dyn(${literal}))`;
}

/** The value as CEL writes it. */
function toLiteral(value: Readonly<Record<string, unknown>>): string {
  const [[kind, content] = ['', undefined]] = Object.entries(value);
  switch (kind) {
    case 'stringValue':
      return `"${Array.from(String(content))
        .map((c) => `\\U${(c.codePointAt(0) ?? 0).toString(16).padStart(8, '0')}`)
        .join('')}"`;
    case 'doubleValue':
      return `double("${String(content)}")`;
    case 'uint64Value':
      return `${String(content)}u`;
    case 'bytesValue':
      return 'b""';
    case 'typeValue':
      return String(content);
    case 'listValue':
      return `[${children(content, 'values').map(toLiteral).join(', ')}]`;
    case 'mapValue':
      return `{${children(content, 'entries')
        .map(
          (entry) =>
            `${toLiteral(entry['key'] as Vector['value'] & object)}: ${toLiteral(entry['value'] as Vector['value'] & object)}`,
        )
        .join(', ')}}`;
    default:
      return String(content);
  }
}

const children = (content: unknown, key: string): readonly Readonly<Record<string, unknown>>[] =>
  ((content as Readonly<Record<string, unknown>>)[key] ?? []) as readonly Readonly<Record<string, unknown>>[];

describe('the conformance tests of the CEL specification', () => {
  const refused: string[] = [];
  const wrong: string[] = [];
  let right = 0;
  for (const vector of VECTORS) {
    const outcome = evaluate(vector);
    if (outcome === 'right') right += 1;
    else (outcome === 'refused' ? refused : wrong).push(toId(vector));
  }

  it('are passed by everything that compiles, but for the known differences', () => {
    assert.deepEqual(wrong, Object.keys(DIFFERENCES));
  });

  it('are refused at load where they need what is not carried, and only there', () => {
    const unexpected = refused.filter((id) => !REFUSED.some(({ pattern }) => pattern.test(id)));
    assert.deepEqual(unexpected, []);
  });

  it('are mostly passed', () => {
    assert.ok(right >= 770, `${right} of ${VECTORS.length}`);
  });
});
