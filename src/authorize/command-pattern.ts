// Patterns over argument vectors. Arguments are compared one by one and as they are sent to the node; they are never
// joined, so that no space, quote or line break within an argument can make two commands look alike.

import type { CommandPattern } from '../core/session-policy.ts';

const ONE = '*';
const REST = '**';
const REST_WITH_OPTIONS = '-**';
/** After it a program takes nothing for an option (POSIX, Utility Syntax Guidelines, 10). */
const END_OF_OPTIONS = '--';

export function createCommandMatcher(
  patterns: readonly CommandPattern[],
): (command: readonly string[]) => boolean {
  const matchers = patterns.map(toMatcher);
  return (command) => matchers.some((matches) => matches(command));
}

/**
 * Wildcards stand for operands: many programs run another one when an option says so (`tar --checkpoint-action`), and whoever
 * lists a program for its files means none of these.
 */
function toMatcher(pattern: CommandPattern): (command: readonly string[]) => boolean {
  const last = pattern.at(-1);
  const isOpen = last === REST || last === REST_WITH_OPTIONS;
  const words = isOpen ? pattern.slice(0, -1) : pattern;
  const end = words.indexOf(END_OF_OPTIONS);
  const isOperandAt = (text: string, at: number): boolean => (end >= 0 && at > end) || isOperand(text);
  return (command) =>
    (isOpen ? command.length >= words.length : command.length === words.length) &&
    command.every((text, at) => {
      const word = at < words.length ? words[at] : last;
      if (at >= words.length && word === REST_WITH_OPTIONS) return true;
      return word === ONE || word === REST ? isOperandAt(text, at) : word === text;
    });
}

/** Not what programs take for an option or a command of their own (`less +!sh`). Those of Windows that know `/c` are not reckoned with. */
const isOperand = (text: string): boolean => text === '-' || !/^[-+]/.test(text);
