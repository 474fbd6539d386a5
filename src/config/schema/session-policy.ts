// The part of GatewayConfiguration that is about what a session must be like, beside the right to it.

import { z } from 'zod';
import { REASON_RULES, TERMINAL_RULES } from '../../core/session-policy.ts';
import { sessionMatch } from './session-match.ts';
import { someOf, strict } from './strict.ts';

const OPEN = ['**', '-**'];
const WILDCARDS = ['*', ...OPEN];

const word = z.string();

const pattern = z
  .array(word)
  .min(1, { error: 'must have at least one word' })
  .superRefine((words, context) => {
    words.forEach((text, at) => {
      const refuse = (message: string): void => context.addIssue({ code: 'custom', path: [at], message });
      if (OPEN.includes(text) && at < words.length - 1) refuse(`${text} stands at the end only`);
      if (text.includes('*') && !WILDCARDS.includes(text)) {
        refuse('* stands for a whole argument, not for a part of one');
      }
    });
  });

export const sessionPolicy = strict({
  rules: someOf(
    strict({
      ...sessionMatch,
      commands: z
        .array(pattern)
        .exactOptional()
        .describe(
          'The only commands that may be run, each a list of arguments: a word stands for itself, "*" for one argument that does not begin with - or +, "**" at the end for any number of such, "-**" there for any number of any. Absent: every command; empty: none.',
        ),
      terminal: z
        .enum(TERMINAL_RULES)
        .prefault('listed')
        .describe(
          'What may be run in a terminal. listed: those of commands. any: every command. none: no terminal may be opened or attached to, and nothing may be typed into a process by attach.',
        ),
      reason: z
        .enum(REASON_RULES)
        .prefault('optional')
        .describe(
          'required: a session must give a reason, in the header Kubelet-Gateway-Reason or the query parameter reason. kubectl can send neither.',
        ),
      refuse: z
        .boolean()
        .prefault(false)
        .describe('true: no session that this rule matches is let through, whoever has the right to it.'),
    }),
    'rule',
  ).describe('The first rule whose lists all match decides; without one every session is let through.'),
})
  .optional()
  .describe('What exec, attach, run and port forwarding must be like, beside the right to them.');
