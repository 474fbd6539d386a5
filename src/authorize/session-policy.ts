// Holds a session that somebody has the right to against the rules of `sessionPolicy`. Asked after authorization, so that
// a stranger learns no rule, and before the inventory or a node is asked for anything.

import type { Resolved } from '../core/exchange.ts';
import { Fault } from '../core/fault.ts';
import { RECORDED_ACTIONS, createSessionMatcher } from '../core/session-match.ts';
import type { SessionPolicyRule } from '../core/session-policy.ts';
import { createCommandMatcher } from './command-pattern.ts';

export type CheckSession = (resolved: Resolved) => void;

/** The check throws Forbidden, in words that name the rule and what to do. */
export function createSessionPolicy(rules: readonly SessionPolicyRule[]): CheckSession {
  const find = createRuleFinder(rules);
  const rows = rules.map((rule, index) => ({
    rule,
    isListed: rule.commands === undefined ? () => true : createCommandMatcher(rule.commands),
    name: `sessionPolicy.rules[${index}]`,
  }));
  return (resolved) => {
    const row = rows[find(resolved)];
    const problem = row === undefined ? undefined : toProblem(resolved, row.rule, row.isListed);
    if (row === undefined || problem === undefined) return;
    throw new Fault('Forbidden', `${row.name}: ${problem}`, { annotations: { 'session-policy': row.name } });
  };
}

/** The index of the rule that decides; -1: none does. */
export function createRuleFinder(rules: readonly SessionPolicyRule[]): (resolved: Resolved) => number {
  const kinds: ReadonlySet<string> = new Set(RECORDED_ACTIONS);
  const matchers = rules.map((rule) => createSessionMatcher(rule));
  return (resolved) =>
    kinds.has(resolved.action.kind) ? matchers.findIndex((matches) => matches(resolved)) : -1;
}

function toProblem(
  { action, reason }: Resolved,
  rule: SessionPolicyRule,
  isListed: (command: readonly string[]) => boolean,
): string | undefined {
  if (rule.refuse) return `no ${action.kind} is let through here, whoever has the right to it`;
  if (rule.reason === 'required' && reason === undefined) {
    return (
      'a reason must be given for this session: ' +
      'send it in the header Kubelet-Gateway-Reason or the query parameter reason'
    );
  }
  if (rule.terminal === 'none' && opensTerminal(action)) {
    return action.kind === 'attach'
      ? 'no terminal may be opened here, and the process may have one: attach without input and without a terminal (kubectl: without -i and -t)'
      : 'no terminal may be opened here: leave out the terminal (kubectl: without -t)';
  }
  if ('streams' in action && action.streams.tty) {
    if (rule.terminal === 'any' || action.kind === 'attach' || isListed(action.command)) return undefined;
    return 'this command is not among those that may be run here';
  }
  if (action.kind === 'exec' && !isListed(action.command)) return notListed(rule);
  // A kubelet splits it in the same way: on single spaces, and on nothing else.
  if (action.kind === 'run' && !isListed(action.command.split(' '))) return notListed(rule);
  return undefined;
}

/**
 * A kubelet attaches to the process with the terminal that its container has (`tty` of the pod's spec), whatever the request
 * says of one (pkg/kubelet, GetAttach): who may type reaches it.
 */
const opensTerminal = (action: Resolved['action']): boolean =>
  'streams' in action && (action.streams.tty || (action.kind === 'attach' && action.streams.stdin));

const notListed = ({ terminal }: SessionPolicyRule): string =>
  'this command is not among those that may be run without a terminal' +
  (terminal === 'any' ? ': run it in one (kubectl exec -it), or run one that is listed' : '');
