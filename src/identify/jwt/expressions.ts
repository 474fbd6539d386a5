// The expressions of an issuer (apiserver/pkg/authentication/cel): user name, groups, uid and extra from claims, and
// rules over claims and over the user. Compiled once; a result is never trusted to be of the type that was expected.

import type { ExtraMapping, JwtIssuer, ValidationRule } from '../../core/authentication-configuration.ts';
import type { User } from '../../core/user.ts';
import type { CompileOptions, Program } from '../../cel/compile.ts';
import type { CelValue } from '../../cel/value.ts';
import type { Claims } from './claim.ts';
import { compileExpression } from '../../cel/compile.ts';
import { toCelValue } from '../../cel/value.ts';
import { nameProblem } from '../names.ts';
import { refuseDistributed, refused } from './claim.ts';

export interface Expressions {
  /** Whether the user name is made of the claim `email`. */
  readonly nameFromEmail: boolean;
  /** The values for one token. Everything in it throws a Fault (Unauthorized) for a failure. */
  of(claims: Claims): ExpressionValues;
  /** Throws a Fault (Unauthorized) unless all rules about users hold. */
  checkUser(user: User): void;
}

export interface ExpressionValues {
  name(): string;
  groups(): readonly string[];
  uid(): string;
  extra(): Readonly<Record<string, readonly string[]>>;
  /** Throws unless all rules about claims hold. */
  checkClaims(): void;
}

interface Rule {
  readonly program: Program;
  readonly message: string | undefined;
}

/** Throws an Error when an expression does not compile. */
export function createExpressions({
  claimMappings: { username, groups, uid, extra = [] },
  claimValidationRules,
  userValidationRules = [],
}: JwtIssuer): Expressions {
  const name = programOf(username, TEXT);
  const ofGroups = programOf(groups, TEXTS);
  const ofUid = programOf(uid, TEXT);
  const ofExtra = extra.map(({ key, valueExpression }: ExtraMapping) => ({
    key,
    program: compile(valueExpression, TEXTS),
  }));
  const rules = claimValidationRules.flatMap((rule) =>
    'expression' in rule ? toRule(rule, CLAIM_RULE) : [],
  );
  const userRules = userValidationRules.map((rule) => toRule(rule, USER_RULE));
  const programs = [
    name,
    ofGroups,
    ofUid,
    ...ofExtra.map(({ program }) => program),
    ...rules.map((r) => r.program),
  ];

  return {
    nameFromEmail: name?.selects('claims', 'email') ?? false,
    of(claims) {
      const isNeeded = (claim: string): boolean =>
        programs.some((program) => program?.selects('claims', claim) === true);
      refuseDistributed(claims, isNeeded);
      let converted: CelValue | undefined;
      const evaluate = (program: Program | undefined, what: string): unknown =>
        program && attempt(() => program.evaluate({ claims: (converted ??= toCelValue(claims)) }), what);
      return {
        name: () => toText(evaluate(name, 'user name'), 'user name'),
        groups: () => toTexts(evaluate(ofGroups, 'groups'), 'groups'),
        uid: () => toPrintable(toText(evaluate(ofUid, 'user id'), 'user id'), 'user id'),
        extra: () =>
          Object.fromEntries(
            ofExtra.flatMap(({ key, program }) => {
              const values = toTexts(evaluate(program, `extra ${key}`), `extra ${key}`);
              for (const value of values) toPrintable(value, `extra ${key}`);
              return values.length === 0 ? [] : [[key, values]];
            }),
          ),
        checkClaims: () => {
          for (const { program, message } of rules) {
            if (evaluate(program, 'claims') !== true)
              throw refused(message ?? 'its claims do not satisfy a rule');
          }
        },
      };
    },
    checkUser: (user) => checkUser(userRules, user),
  };
}

function checkUser(rules: readonly Rule[], { name: username, uid, groups, extra }: User): void {
  if (rules.length === 0) return;
  const user = toCelValue({ username, uid, groups, extra });
  for (const { program, message } of rules) {
    if (attempt(() => program.evaluate({ user }), 'user') !== true) {
      throw refused(message ?? 'its user does not satisfy a rule');
    }
  }
}

const TEXT: CompileOptions = { variables: 'claims', results: ['string'] };
const TEXTS: CompileOptions = { variables: 'claims', results: ['string', 'list(string)'] };
const CLAIM_RULE: CompileOptions = { variables: 'claims', results: ['bool'] };
const USER_RULE: CompileOptions = { variables: 'user', results: ['bool'] };

function compile(expression: string, options: CompileOptions): Program {
  const compiled = compileExpression(expression, options);
  if (compiled.kind === 'program') return compiled.program;
  throw new Error(`an expression of an issuer ${compiled.message}`);
}

const programOf = (mapping: object | undefined, options: CompileOptions): Program | undefined =>
  mapping !== undefined && 'expression' in mapping && typeof mapping.expression === 'string'
    ? compile(mapping.expression, options)
    : undefined;

const toRule = ({ expression, message }: ValidationRule, options: CompileOptions): Rule => ({
  program: compile(expression, options),
  message: message === '' ? undefined : message,
});

function attempt<Value>(evaluate: () => Value, what: string): Value {
  try {
    return evaluate();
  } catch (error) {
    throw refused(`the expression for its ${what} fails for its claims`, error);
  }
}

function toText(value: unknown, what: string): string {
  if (typeof value !== 'string') throw refused(`the expression for its ${what} gives no string`);
  return value;
}

/** A string, a list of strings, or null for none; empty strings are dropped, as in Kubernetes. */
function toTexts(value: unknown, what: string): readonly string[] {
  if (value === null) return [];
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  return values
    .map((item) => {
      if (typeof item === 'string') return item;
      throw refused(`the expression for its ${what} gives neither a string nor a list of strings`);
    })
    .filter((text) => text !== '');
}

function toPrintable(text: string, what: string): string {
  if (text !== '' && nameProblem(text) !== undefined)
    throw refused(`its ${what} holds a control or invisible character`);
  return text;
}
