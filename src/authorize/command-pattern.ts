// Patterns over argument vectors. Arguments are compared one by one and as they are sent to the node; they are never
// joined, so that no space, quote or line break within an argument can make two commands look alike.

import type { CommandPattern } from '../core/session-policy.ts';

const ONE = '*';
const REST = '**';

export function createCommandMatcher(
  patterns: readonly CommandPattern[],
): (command: readonly string[]) => boolean {
  const matchers = patterns.map(toMatcher);
  return (command) => matchers.some((matches) => matches(command));
}

function toMatcher(pattern: CommandPattern): (command: readonly string[]) => boolean {
  const open = pattern.at(-1) === REST;
  const words = open ? pattern.slice(0, -1) : pattern;
  return (command) =>
    (open ? command.length >= words.length : command.length === words.length) &&
    words.every((word, at) => word === ONE || word === command[at]);
}
