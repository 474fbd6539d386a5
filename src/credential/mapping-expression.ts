// The `when` of a mapping rule: an expression of the Common Expression Language over the exchange (docs/cel.md). Promises:
// only true is a match, and an expression that cannot be evaluated, or costs too much, is a refusal of the whole request:
// the next rule could give more than this one was written to withhold.

import type { Action } from '../core/action.ts';
import type { Located } from '../core/exchange.ts';
import type { Program } from '../cel/compile.ts';
import type { CelValue } from '../cel/value.ts';
import { compileExpression } from '../cel/compile.ts';
import { toCelValue } from '../cel/value.ts';
import { isPath } from '../core/attributes.ts';
import { Fault } from '../core/fault.ts';

export interface MappingExpression {
  /** Throws a Fault InternalError when there is neither a yes nor a no. `rule` names it: `credentialMappings[2]`. */
  holds(located: Located, rule: string): boolean;
  /** Whether the claims of the user's token have to be kept for it. */
  readonly usesClaims: boolean;
}

/** Throws a TypeError when the expression does not compile, which it does in a configuration that was read. */
export function createMappingExpression(text: string): MappingExpression {
  const compiled = compileExpression(text, { variables: 'mapping', results: ['bool'] });
  if (compiled.kind === 'refused') throw new TypeError(`the expression of a mapping ${compiled.message}`);
  const { program } = compiled;
  return {
    usesClaims: program.uses('claims'),
    holds: (located, rule) => {
      const result = evaluate(program, located, rule);
      if (typeof result !== 'boolean') throw undecided(rule, new TypeError('it gives no boolean'));
      return result;
    },
  };
}

function evaluate(program: Program, located: Located, rule: string): unknown {
  try {
    return program.evaluate(toVariables(program, located));
  } catch (error) {
    // The text of the error may quote what the expression was given, and claims are for no log.
    throw undecided(rule, program.uses('claims') ? new Error('an expression over claims fails') : error);
  }
}

const undecided = (rule: string, cause: unknown): Fault =>
  new Fault(
    'InternalError',
    `the expression of ${rule} could not be evaluated for this request, and no later rule is tried instead`,
    { cause },
  );

/** Only the variables that the expression names are made. */
function toVariables(program: Program, located: Located): Record<string, CelValue> {
  const variables: Record<string, CelValue> = {};
  for (const [name, read] of Object.entries(READERS)) {
    if (program.uses(name)) variables[name] = toCelValue(read(located));
  }
  return variables;
}

const READERS: Readonly<Record<string, (located: Located) => unknown>> = {
  user: ({ authentication: { user } }) => ({
    username: user.name,
    uid: user.uid,
    groups: user.groups,
    extra: user.extra,
  }),
  node: ({ entry }) => ({ name: entry.name, labels: entry.labels ?? {} }),
  action: ({ action, requirement: [{ verb }] }) => toAction(action, verb),
  claims: ({ authentication }) => authentication.claims?.() ?? {},
  grant: ({ grant: { by } }) =>
    isPath(by)
      ? { verb: by.verb, resource: '', subresource: '', namespace: '' }
      : { verb: by.verb, resource: by.resource, subresource: by.subresource, namespace: by.namespace },
};

/** Every field is there for every action: a rule about pods is false for metrics, and not an error. */
const toAction = (action: Action, verb: string): object => ({
  kind: action.kind,
  verb,
  namespace: 'pod' in action ? action.pod.namespace : toViewed(action, 'namespace'),
  pod: 'pod' in action ? action.pod.name : toViewed(action, 'name'),
  container: 'container' in action ? (action.container ?? '') : '',
  command: toCommand(action),
  stdin: 'streams' in action && action.streams.stdin,
  tty: 'streams' in action && action.streams.tty,
});

const toViewed = (action: Action, field: 'namespace' | 'name'): string =>
  action.kind === 'pods' ? (action.view?.[field] ?? '') : '';

/** A kubelet splits the command of a run on single spaces (pkg/kubelet/server/server.go, getRun). */
function toCommand(action: Action): readonly string[] {
  if (action.kind === 'run') return action.command.split(' ');
  return action.kind === 'exec' ? action.command : [];
}
