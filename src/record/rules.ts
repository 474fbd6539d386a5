// Who is recorded: ordered rules, the first that matches decides, and none means that nobody is.

import type { Credentialed } from '../core/exchange.ts';
import type { RecordingRule } from '../core/recording.ts';

/** What a rule looks at. */
export type RuleSubject = Pick<Credentialed, 'authentication' | 'node' | 'action'>;

/** The rule that decides; undefined when none matches, or when it says `off`. */
export type ChooseRule = (subject: RuleSubject) => RecordingRule | undefined;

export function createRules(rules: readonly RecordingRule[]): ChooseRule {
  const matchers = rules.map((rule) => ({ rule, matches: toMatcher(rule) }));
  return (subject) => {
    const found = matchers.find(({ matches }) => matches(subject))?.rule;
    return found?.mode === 'off' ? undefined : found;
  };
}

function toMatcher({ users, groups, nodes, namespaces, actions }: RecordingRule) {
  const isUser = toSet(users);
  const isGroup = toSet(groups);
  const isNode = toSet(nodes);
  const isNamespace = toSet(namespaces);
  const isAction = toSet(actions);
  return ({ authentication: { user }, node, action }: RuleSubject): boolean =>
    'pod' in action &&
    isAction(action.kind) &&
    isNode(node) &&
    isNamespace(action.pod.namespace) &&
    isUser(user.name) &&
    (groups === undefined || user.groups.some(isGroup));
}

/** An absent list holds everything; an empty one nothing. */
function toSet(list: readonly string[] | undefined): (value: string) => boolean {
  if (list === undefined) return () => true;
  const values = new Set(list);
  return (value) => values.has(value);
}
