// What a session must be like to be let through, beside the right to it: which commands, with or without a terminal, and
// whether the user must say why. `config/` reads the rules, `authorize/` holds sessions against them.

import type { SessionMatch } from './session-match.ts';

/**
 * A word stands for itself, `*` for exactly one argument that is no option, `**` at the end for any number of such, and `-**` there for
 * any number of any.
 */
export type CommandPattern = readonly string[];

/** Which commands may be run in a terminal: every one, those of `commands`, or none. */
export const TERMINAL_RULES = ['any', 'listed', 'none'] as const;
export type TerminalRule = (typeof TERMINAL_RULES)[number];

export const REASON_RULES = ['optional', 'required'] as const;
export type ReasonRule = (typeof REASON_RULES)[number];

/** The first rule that matches decides; without one every session is let through. */
export interface SessionPolicyRule extends SessionMatch {
  /** Absent: every command. */
  readonly commands?: readonly CommandPattern[];
  readonly terminal: TerminalRule;
  readonly reason: ReasonRule;
  /** Nothing is let through that it matches. */
  readonly refuse: boolean;
}
