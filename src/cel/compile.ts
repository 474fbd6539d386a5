// Compiles and evaluates expressions of the Common Expression Language (cel-spec doc/langdef.md). The only file that
// imports the CEL library. Promises: what is not carried is refused here, by name; an expression that compiles has
// been type-checked; its evaluation ends within a budget, touches nothing but its variables, and never runs a RegExp
// that it brings.

import { Environment } from '@marcbachmann/cel-js';
import type { CarriedFunction } from './carried.ts';
import type { Meter } from './meter.ts';
import type { Node } from './nodes.ts';
import type { Pattern } from './regex.ts';
import type { CelValue } from './value.ts';
import type { Variables } from './variables.ts';
import { FUNCTIONS, toCallable } from './functions.ts';
import { createMeter } from './meter.ts';
import { meterEvaluation } from './metering.ts';
import { isNode, toCall, writtenNodes } from './nodes.ts';
import { compilePattern } from './regex.ts';
import { TYPES, VARIABLES } from './variables.ts';

export type ResultType = 'bool' | 'string' | 'list(string)';

export interface Program {
  /** Throws an Error whose text is for the log: it may quote the values that the expression was given. */
  evaluate(variables: Readonly<Record<string, CelValue>>): unknown;
  /** Whether a field of the variable is selected somewhere: `claims.email`, `claims.?email`, `claims["email"]`. */
  selects(variable: string, field: string): boolean;
  /** Whether the variable may be looked at. */
  uses(variable: string): boolean;
}

export type Compiled =
  | { readonly kind: 'program'; readonly program: Program }
  /** `message` completes "the expression …" or stands alone. */
  | { readonly kind: 'refused'; readonly message: string };

export interface CompileOptions {
  readonly variables: Variables;
  /** A result of a type that is known only at evaluation is let through, and must be checked then. */
  readonly results: readonly [ResultType, ...ResultType[]];
  /** Default {@link COST_LIMIT}. */
  readonly costLimit?: number;
}

/** Of one evaluation; about as many nodes of the expression can be evaluated. */
export const COST_LIMIT = 100_000;

export const MAX_EXPRESSION_LENGTH = 4096;
const LIMITS = { maxAstNodes: 1000, maxDepth: 50, maxListElements: 200, maxMapEntries: 100 };

/** Functions that are our own bear this before their names, out of the way of the library's. */
const OWN = 'carried_';

export function compileExpression(text: string, options: CompileOptions): Compiled {
  try {
    return { kind: 'program', program: compile(text, options) };
  } catch (error) {
    return { kind: 'refused', message: toWords(error, text) };
  }
}

function compile(text: string, { variables, results, costLimit = COST_LIMIT }: CompileOptions): Program {
  if (text.trim() === '') throw new Refusal('is empty');
  if (text.length > MAX_EXPRESSION_LENGTH) {
    throw new Refusal(`is longer than ${MAX_EXPRESSION_LENGTH} characters`);
  }
  const meter = createMeter(costLimit);
  const patterns = new Map<string, Pattern>();
  const parsed = createEnvironment(variables, meter, patterns).parse(text);
  const root: unknown = parsed.ast;
  if (!isNode(root)) throw new Refusal('cannot be walked');
  const selected = new Set<string>();
  const used = new Set<string>();
  for (const node of writtenNodes(root)) {
    checkNode(node);
    checkCall(node, meter, patterns);
    if (node.op === 'id' && typeof node.args === 'string') used.add(node.args);
    const selection = toSelection(node);
    if (selection !== undefined) selected.add(selection);
  }
  const checked = parsed.check();
  if (!checked.valid) throw checked.error ?? new Refusal('cannot be type-checked');
  checkResult(checked.type ?? 'unknown', results);
  meterEvaluation(root, meter);
  return {
    selects: (variable, field) => selected.has(`${variable} ${field}`),
    uses: (variable) => used.has(variable),
    evaluate(values) {
      meter.reset();
      try {
        const value: unknown = parsed(values);
        // Macros and logical operators swallow errors; an exhausted budget is not for swallowing.
        if (meter.exhausted) meter.charge(0);
        return value;
      } catch (error) {
        if (meter.exhausted) meter.charge(0);
        throw new Error(`the expression cannot be evaluated: ${summaryOf(error)}`, { cause: error });
      }
    },
  };
}

class Refusal extends Error {}

function createEnvironment(variables: Variables, meter: Meter, patterns: Map<string, Pattern>): Environment {
  const environment = new Environment({
    enableOptionalTypes: true,
    homogeneousAggregateLiterals: false,
    limits: LIMITS,
  });
  for (const [name, type] of Object.entries(VARIABLES[variables])) {
    const fields = TYPES[type];
    if (fields !== undefined) environment.registerType(type, { fields: { ...fields } });
    environment.registerVariable(name, type);
  }
  const pattern = (text: string): Pattern => {
    const compiled = patterns.get(text);
    if (compiled === undefined) throw new Error('the pattern is not known');
    return compiled;
  };
  for (const { signature, handler } of CARRIED) {
    if (handler === undefined) continue;
    const open = signature.indexOf('(');
    const at = signature.slice(0, open).indexOf('.') + 1;
    environment.registerFunction(
      signature.slice(0, at) + OWN + signature.slice(at),
      handler({ meter, pattern }) as (...args: unknown[]) => unknown,
      { async: false },
    );
  }
  return environment;
}

const CARRIED = Object.values(FUNCTIONS).flat();

const toKey = ({ isMethod, name, argumentCount }: ReturnType<typeof toCallable>): string =>
  `${isMethod ? '.' : ''}${name}/${argumentCount}`;

const BY_KEY: ReadonlyMap<string, CarriedFunction> = new Map(
  CARRIED.map((carried) => [toKey(toCallable(carried)), carried]),
);
const NAMES: ReadonlySet<string> = new Set(CARRIED.map((carried) => toCallable(carried).name));

const PATTERN_FUNCTIONS = new Set(['matches', 'find', 'findAll']);

/** Refuses what is not carried, compiles patterns, and names the functions that are our own. */
function checkCall(node: Node, meter: Meter, patterns: Map<string, Pattern>): void {
  const call = toCall(node);
  if (call === undefined) return;
  const key = { isMethod: call.isMethod, name: call.name, argumentCount: call.arguments.length };
  const carried = BY_KEY.get(toKey(key));
  if (carried === undefined) {
    throw new Refusal(
      NAMES.has(call.name)
        ? `calls ${call.name} in a form that is not carried: with ${call.arguments.length} arguments${call.isMethod ? ' after what it is called on' : ''}`
        : `calls the function ${call.name}, which is not carried`,
    );
  }
  if (PATTERN_FUNCTIONS.has(call.name)) {
    const literal = call.arguments[0];
    if (literal?.op !== 'value' || typeof literal.args !== 'string') {
      throw new Refusal(`calls ${call.name} with a pattern that is not a string literal`);
    }
    patterns.set(literal.args, compilePattern(literal.args, meter));
  }
  if (carried.handler !== undefined) call.rename(OWN + call.name);
}

// Types and names that only the CEL library has, or that need more than JSON.
const UNCARRIED_NAMES = new Set(['google', 'bytes', 'uint']);

function checkNode({ op, args }: Node): void {
  if (op === 'value' && typeof args === 'object' && args !== null) {
    throw new Refusal('has a literal of type uint or bytes, which are not carried');
  }
  if (op === 'id' && typeof args === 'string' && UNCARRIED_NAMES.has(args)) {
    throw new Refusal(`names ${args}, which is not carried`);
  }
}

/** `VARIABLE FIELD`, where the node selects a field of a variable itself. */
function toSelection({ op, args }: Node): string | undefined {
  if (!['.', '.?', '[]', '[?]'].includes(op) || !Array.isArray(args)) return undefined;
  const parts: readonly unknown[] = args;
  const [operand, key] = parts;
  if (!isNode(operand) || operand.op !== 'id' || typeof operand.args !== 'string') return undefined;
  const field = isNode(key) && key.op === 'value' ? key.args : key;
  return typeof field === 'string' ? `${operand.args} ${field}` : undefined;
}

/** By the library's names of types; a list of unknown elements is checked again when it is there. */
const RESULT_TYPES: Readonly<Record<ResultType, readonly string[]>> = {
  bool: ['bool', 'dyn'],
  string: ['string', 'dyn'],
  'list(string)': ['list<string>', 'list', 'dyn'],
};

function checkResult(type: string, results: CompileOptions['results']): void {
  if (results.some((result) => RESULT_TYPES[result].includes(type))) return;
  throw new Refusal(`must evaluate to ${results.join(' or ')}, and evaluates to ${type}`);
}

function toWords(error: unknown, text: string): string {
  if (error instanceof Refusal) return error.message;
  const range: unknown = error instanceof Error && 'range' in error ? error.range : undefined;
  const start =
    typeof range === 'object' && range !== null && 'start' in range && typeof range.start === 'number'
      ? range.start
      : undefined;
  const words = `is not valid: ${summaryOf(error).replaceAll(OWN, '')}`;
  if (start === undefined || start > text.length) return words;
  const line = text.slice(0, start).split('\n');
  return `${words} (line ${line.length}, column ${(line.at(-1) ?? '').length + 1} of the expression)`;
}

/** The library's messages quote the expression on further lines; its summaries do not. */
function summaryOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error';
  return 'summary' in error && typeof error.summary === 'string' ? error.summary : error.message;
}
