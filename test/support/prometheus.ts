// A real Prometheus for tests, from Debian's package of that name. A machine without it skips these tests and is told what to
// install; CI, which installs it, must not skip them.

import { spawn } from 'node:child_process';
import { freePort } from '../../demo/free-port.ts';
import { eventually } from './eventually.ts';
import { endProcess, findInPath } from './programs.ts';

export const PROMETHEUS_MISSING =
  'no Prometheus on this machine: apt-get install --no-install-recommends prometheus';

const PROGRAMS = ['prometheus', 'promtool'] as const;

/** Whether both programs are in `PATH`, and whether they must be. */
export function findPrometheus(env: Readonly<Record<string, string | undefined>>): {
  readonly isInstalled: boolean;
  readonly required: boolean;
} {
  return {
    isInstalled: PROGRAMS.every((name) => findInPath(env, [name]) !== undefined),
    required: env['CI'] === 'true' || env['REQUIRE_PROMETHEUS'] === '1',
  };
}

export interface Prometheus {
  /** The `data` of an answer of its HTTP API: `query?query=up`, `targets`, `rules`. */
  api(path: string): Promise<unknown>;
  close(): Promise<void>;
}

/** On loopback, with what it collects in `storage`. */
export async function startPrometheus(configurationFile: string, storage: string): Promise<Prometheus> {
  const port = await freePort();
  const child = spawn(
    'prometheus',
    [
      `--config.file=${configurationFile}`,
      `--storage.tsdb.path=${storage}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { stdio: 'ignore' },
  );
  const url = `http://127.0.0.1:${port}`;
  const close = (): Promise<void> => endProcess(child);
  try {
    await eventually('Prometheus', async () => {
      if (child.exitCode !== null) throw new Error('Prometheus has ended: look at its configuration');
      return (await fetch(`${url}/-/ready`).catch(() => undefined))?.ok === true ? true : undefined;
    });
  } catch (error) {
    await close();
    throw error;
  }
  return {
    api: async (path) => {
      const answer = (await (await fetch(`${url}/api/v1/${path}`)).json()) as { readonly data?: unknown };
      return answer.data;
    },
    close,
  };
}
