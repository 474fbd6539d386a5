// Who is recorded: ordered rules, the first that matches decides, and none means that nobody is.

import type { RecordingRule } from '../core/recording.ts';
import { createSessionMatcher } from '../core/session-match.ts';
import type { SessionSubject } from '../core/session-match.ts';

/** The rule that decides; undefined when none matches, or when it says `off`. */
export type ChooseRule = (subject: SessionSubject) => RecordingRule | undefined;

export function createRules(rules: readonly RecordingRule[]): ChooseRule {
  const matchers = rules.map((rule) => ({ rule, matches: createSessionMatcher(rule) }));
  return (subject) => {
    const found = matchers.find(({ matches }) => matches(subject))?.rule;
    return found?.mode === 'off' ? undefined : found;
  };
}
