// Rules for the names of users and groups, whatever credential they come from.

import { SYSTEM_AUTHENTICATED } from '../core/user.ts';

// Control and format characters (which include the invisible ones and those that turn text around), line and
// paragraph separators, lone surrogates: nothing that a log, a terminal or an RBAC rule could show as something else.
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;

/** What is wrong with a name, as an end of "its user name …"; undefined when nothing is. */
export function nameProblem(name: string): string | undefined {
  if (name === '') return 'is empty';
  return UNPRINTABLE.test(name) ? 'holds a control or invisible character' : undefined;
}

/** The groups of an authenticated user, each once. */
export const withAuthenticated = (groups: readonly string[]): readonly string[] => [
  ...new Set([...groups, SYSTEM_AUTHENTICATED]),
];
