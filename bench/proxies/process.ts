// A program under measurement: started, waited for until it answers, and ended with everything that it started.

import { spawn } from 'node:child_process';
import { openSync, closeSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { toolEnvironment } from '../load/tools.ts';

export interface Running {
  readonly pid: number;
  /** Milliseconds from its start to the first connection that it took. */
  readonly startMs: number;
  stop(): Promise<void>;
}

/** Resolves when `port` takes connections. Its output goes to a file of `directory`, as a supervisor's would. */
export async function startProgram(
  name: string,
  command: readonly [string, ...string[]],
  { directory, port }: { readonly directory: string; readonly port: number },
): Promise<Running> {
  const [program, ...args] = command;
  const logFile = join(directory, `${name}.log`);
  const log = openSync(logFile, 'a', 0o600);
  const startedAt = performance.now();
  const child = spawn(program, args, { stdio: ['ignore', log, log], env: toolEnvironment(), cwd: directory });
  closeSync(log);
  const state = { over: false };
  const ended = new Promise<void>((resolve) => {
    const end = (): void => {
      state.over = true;
      resolve();
    };
    child.once('exit', end).once('error', end);
  });
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
    await ended;
    clearTimeout(timer);
  };
  while (!(await isOpen(port))) {
    if (state.over || performance.now() - startedAt > 30_000) {
      await stop();
      throw new Error(`${name} did not start:\n${readFileSync(logFile, 'utf8').slice(-4000)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return { pid: child.pid ?? 0, startMs: performance.now() - startedAt, stop };
}

const isOpen = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
