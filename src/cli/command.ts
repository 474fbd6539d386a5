// What a command of the program is. `main` finds it in a table and never knows more about it than this.

export interface Terminal {
  /** To standard output. */
  out(text: string): void;
  /** To standard error. */
  err(text: string): void;
}

export interface Command {
  readonly name: string;
  /** What follows the name: `--config FILE`. */
  readonly synopsis: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** What its own help says below that. */
  readonly details?: string;
  /** Resolves to the exit code. Throws a UsageError, or parseArgs' own error, for arguments that it does not take. */
  run(args: readonly string[], terminal: Terminal): Promise<number>;
}

/** Arguments that a command does not take. The message says which and why. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The program's name, as people type it. */
export const PROGRAM = 'kubelet-gateway';

export const EXIT_OK = 0;
/** What was asked for could not be done. */
export const EXIT_FAILURE = 1;
/** Bad arguments, or a bad configuration. */
export const EXIT_USAGE = 2;
