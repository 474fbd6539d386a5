// A kubectl that goes on while a test looks at what it shows: with pipes, or in a terminal of its own.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { spawn as spawnTerminal } from '@lydell/node-pty';
import { kubectlPath } from '../../scripts/kubectl.ts';
import type { Scenario } from '../support/scenario.ts';

export interface KubectlSession {
  /** In a terminal: all that it shows. */
  readonly stdout: () => string;
  /** In a terminal: the same. */
  readonly stderr: () => string;
  readonly type: (text: string) => void;
  /** The exit code. */
  readonly closed: Promise<number | null>;
}

/** As alice. `env`: which protocol, for instance. */
export function startKubectl(
  scenario: Scenario,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): KubectlSession {
  const child = spawn(kubectlPath(), ['--context', 'alice', ...args], {
    env: { ...process.env, ...scenario.kubectlEnv, ...env },
  });
  const text = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (text.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (text.stderr += chunk.toString()));
  child.stdin.on('error', () => undefined);
  return {
    stdout: () => text.stdout,
    stderr: () => text.stderr,
    type: (typed) => void child.stdin.write(typed),
    closed: once(child, 'close').then(([code]) => code as number | null),
  };
}

export function startInTerminal(
  scenario: Scenario,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): KubectlSession {
  const terminal = spawnTerminal(kubectlPath(), ['--context', 'alice', ...args], {
    env: { ...process.env, ...scenario.kubectlEnv, ...env },
  });
  let shown = '';
  terminal.onData((data) => (shown += data));
  return {
    stdout: () => shown,
    stderr: () => shown,
    type: (typed) => terminal.write(typed),
    closed: new Promise((resolve) => terminal.onExit(({ exitCode }) => resolve(exitCode))),
  };
}
