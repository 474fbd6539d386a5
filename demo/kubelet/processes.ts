// Real local processes, as containers of the simulator have them: with pipes, or with a pseudo-terminal.

import { spawn } from 'node:child_process';
import { accessSync, constants as fsConstants, existsSync, statSync } from 'node:fs';
import { constants } from 'node:os';
import { join, resolve } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { spawn as spawnTerminal } from '@lydell/node-pty';

export interface ProcessOptions {
  readonly command: readonly string[];
  readonly directory: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly tty: boolean;
  /** False: the process reads from /dev/null. */
  readonly stdin: boolean;
}

export interface RunningProcess {
  readonly kind: 'running';
  readonly stdin: Writable | undefined;
  readonly stdout: Readable;
  /** Undefined with a terminal, which has one stream for both. */
  readonly stderr: Readable | undefined;
  resize(columns: number, rows: number): void;
  /** Ends the process and those that it started in its group. */
  kill(): void;
  /** The exit code; 128 and the signal's number for one that a signal ended. */
  readonly exited: Promise<number>;
}

/** `reason` is in the words of runc. */
export interface FailedProcess {
  readonly kind: 'failed';
  readonly reason: string;
}

export const startProcess = (options: ProcessOptions): RunningProcess | FailedProcess => {
  const [file, ...args] = options.command;
  if (file === undefined) return { kind: 'failed', reason: 'args must not be empty' };
  const found = findExecutable(file, options);
  if (found.kind === 'failed') return found;
  return options.tty ? startOnTerminal(found.path, args, options) : startOnPipes(found.path, args, options);
};

const findExecutable = (
  file: string,
  { directory, environment }: ProcessOptions,
): { readonly kind: 'found'; readonly path: string } | FailedProcess => {
  const cannot = (why: string): FailedProcess => ({
    kind: 'failed',
    reason: `unable to start container process: exec: "${file}": ${why}`,
  });
  if (file.includes('/')) {
    const path = resolve(directory, file);
    if (!existsSync(path)) return cannot(`stat ${file}: no such file or directory`);
    return isExecutable(path) ? { kind: 'found', path } : cannot('permission denied');
  }
  for (const folder of (environment['PATH'] ?? '').split(':')) {
    const path = join(folder, file);
    if (folder !== '' && isExecutable(path)) return { kind: 'found', path };
  }
  return cannot('executable file not found in $PATH');
};

const isExecutable = (path: string): boolean => {
  try {
    accessSync(path, fsConstants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
};

/** The whole process group: both kinds of process lead one of their own. False: there is no such group. */
const killGroup = (pid: number | undefined): boolean => {
  if (pid === undefined) return false;
  try {
    return process.kill(-pid, 'SIGKILL');
  } catch {
    return false;
  }
};

const startOnPipes = (path: string, args: readonly string[], options: ProcessOptions): RunningProcess => {
  const child = spawn(path, args, {
    cwd: options.directory,
    env: options.environment,
    argv0: options.command[0],
    detached: true,
    stdio: [options.stdin ? 'pipe' : 'ignore', 'pipe', 'pipe'],
  });
  if (child.stdout === null || child.stderr === null) throw new TypeError('a process without pipes');
  // A process that closes its input early is no error of anybody's.
  child.stdin?.on('error', () => undefined);
  const exited = new Promise<number>((resolveExit) => {
    child.on('error', () => resolveExit(126));
    child.on('close', (code, signal) => {
      resolveExit(code ?? 128 + (signal === null ? 0 : constants.signals[signal]));
    });
  });
  return {
    kind: 'running',
    stdin: child.stdin ?? undefined,
    stdout: child.stdout,
    stderr: child.stderr,
    resize: () => undefined,
    kill: () => void killGroup(child.pid),
    exited,
  };
};

const startOnTerminal = (path: string, args: readonly string[], options: ProcessOptions): RunningProcess => {
  const terminal = spawnTerminal(path, [...args], {
    cwd: options.directory,
    env: { TERM: 'xterm', ...options.environment },
    cols: 80,
    rows: 24,
    encoding: null,
  });
  const stdout = new Readable({ read: () => terminal.resume() });
  // With `encoding: null` the terminal gives bytes, whatever its type says.
  terminal.onData((data: string | Buffer) => {
    if (!stdout.push(typeof data === 'string' ? Buffer.from(data) : data)) terminal.pause();
  });
  // It takes bytes as well; its type names strings only.
  const input: { write(data: string | Buffer): void } = terminal;
  const stdin = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      input.write(chunk);
      done();
    },
  });
  let over = false;
  const exited = new Promise<number>((resolveExit) => {
    terminal.onExit(({ exitCode, signal }) => {
      over = true;
      stdout.push(null);
      resolveExit(signal === undefined || signal === 0 ? exitCode : 128 + signal);
    });
  });
  return {
    kind: 'running',
    stdin: options.stdin ? stdin : undefined,
    stdout,
    stderr: undefined,
    resize: (columns, rows) => {
      if (!over && columns > 0 && rows > 0) terminal.resize(columns, rows);
    },
    kill: () => {
      // Between fork and setsid the child leads no group yet, and has started nobody: it is killed alone.
      if (!killGroup(terminal.pid) && !over) terminal.kill('SIGKILL');
    },
    exited,
  };
};
