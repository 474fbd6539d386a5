// Prints what is wrong with a configuration, one line each, in the form that editors and CI systems can jump to.

import type { Problem } from '../config/problem.ts';
import { toProblemText } from '../config/problem.ts';

export interface Problems {
  readonly problems?: readonly Problem[];
  readonly warnings: readonly Problem[];
}

const toStderr = (text: string): void => {
  process.stderr.write(text);
};

/** Warnings first, problems last: what decides stands where the eye is when the output ends. */
export function printProblems({ problems = [], warnings }: Problems, print = toStderr): void {
  for (const warning of warnings) print(`warning: ${toProblemText(warning)}\n`);
  for (const problem of problems) print(`error: ${toProblemText(problem)}\n`);
  if (problems.length > 0) {
    print(
      `${problems.length} ${problems.length === 1 ? 'problem' : 'problems'}: the configuration is not usable\n`,
    );
  }
}
