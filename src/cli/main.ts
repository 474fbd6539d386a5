// The command line: finds the command, and answers questions about itself. Exit code 2 says that it was called wrongly.

import type { Command, Terminal } from './command.ts';
import { auditCommand } from './audit.ts';
import { checkConfig } from './check-config.ts';
import { EXIT_OK, EXIT_USAGE, PROGRAM, UsageError } from './command.ts';
import { doctorCommand } from './doctor-command.ts';
import { explainCommand } from './explain-command.ts';
import { kubeconfigCommand } from './login/kubeconfig.ts';
import { loginCommand } from './login/login.ts';
import { logoutCommand } from './login/logout.ts';
import { toSuggestion } from '../config/nearest.ts';
import { pfxCommand } from './pfx.ts';
import { recordingsCommand } from './recordings.ts';
import { serveCommand } from './serve-command.ts';
import { sessionsCommand } from './sessions.ts';
import { VERSION } from './version.ts';

/** Where the summaries begin in the list of commands, in characters. */
const HELP_COLUMN = 22;

const COMMANDS: readonly Command[] = [
  serveCommand,
  checkConfig,
  explainCommand,
  doctorCommand,
  auditCommand,
  loginCommand,
  logoutCommand,
  kubeconfigCommand,
  sessionsCommand,
  recordingsCommand,
  pfxCommand,
];

/** Runs the command that `argv` names (without node and script). Resolves to the exit code. */
export async function main(
  argv: readonly string[],
  terminal: Terminal,
  commands: readonly Command[] = COMMANDS,
): Promise<number> {
  const [name, ...args] = argv;
  switch (name) {
    case undefined:
      terminal.err(toHelp(commands));
      return EXIT_USAGE;
    case '--version':
    case 'version':
      terminal.out(`${VERSION}\n`);
      return EXIT_OK;
    case '--help':
    case '-h':
      terminal.out(toHelp(commands));
      return EXIT_OK;
    case 'help':
      return help(args, terminal, commands);
    default: {
      const command = commands.find((known) => known.name === name);
      if (command !== undefined) return run(command, args, terminal);
      return wrong(`unknown command "${name}"${suggest(name, commands)}`, toHelp(commands), terminal);
    }
  }
}

async function run(command: Command, args: readonly string[], terminal: Terminal): Promise<number> {
  // What stands after -- belongs to somebody else's command.
  const own = args.includes('--') ? args.slice(0, args.indexOf('--')) : args;
  if (own.includes('--help') || own.includes('-h')) {
    terminal.out(toUsage(command));
    return EXIT_OK;
  }
  try {
    return await command.run(args, terminal);
  } catch (error) {
    if (isUsageError(error)) return wrong(error.message, toUsage(command), terminal);
    throw error;
  }
}

function help([name]: readonly string[], terminal: Terminal, commands: readonly Command[]): number {
  const command = commands.find((known) => known.name === name);
  if (name !== undefined && command === undefined) {
    return wrong(`unknown command "${name}"${suggest(name, commands)}`, toHelp(commands), terminal);
  }
  terminal.out(command === undefined ? toHelp(commands) : toUsage(command));
  return EXIT_OK;
}

function wrong(message: string, usage: string, terminal: Terminal): number {
  terminal.err(`${PROGRAM}: ${message}\n\n${usage}`);
  return EXIT_USAGE;
}

const isUsageError = (error: unknown): error is Error =>
  error instanceof UsageError ||
  (error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS_'));

const suggest = (name: string, commands: readonly Command[]): string =>
  toSuggestion(
    name,
    commands.map((command) => command.name),
  );

const toUsage = ({ name, synopsis, summary, details }: Command): string =>
  `Usage: ${PROGRAM} ${name} ${synopsis}\n\n${summary}\n${details === undefined ? '' : `\n${details}\n`}`;

const toHelp = (commands: readonly Command[]): string =>
  [
    `Usage: ${PROGRAM} COMMAND`,
    '',
    ...commands.map(({ name, synopsis, summary }) =>
      toEntry(`${name} ${synopsis}`, summary.split('\n', 1)[0] ?? ''),
    ),
    toEntry('help [COMMAND]', 'Explain a command.'),
    toEntry('--version', 'Print the version.'),
    '',
  ].join('\n');

/** A call that is too long for its column has a line of its own. */
const toEntry = (call: string, summary: string): string =>
  call.length < HELP_COLUMN
    ? `  ${call.padEnd(HELP_COLUMN)}${summary}`
    : `  ${call}\n  ${' '.repeat(HELP_COLUMN)}${summary}`;
