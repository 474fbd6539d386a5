// The programs of Debian's packages that the benchmark needs.

import { spawnSync } from 'node:child_process';

const PACKAGES = { wrk: 'wrk', nginx: 'nginx-light', haproxy: 'haproxy' } as const;

export type Tool = keyof typeof PACKAGES;

/** Installs what is missing when the process may; otherwise throws with the one line that does. */
export function needTools(tools: readonly Tool[]): void {
  const missing = tools.filter((tool) => !isThere(tool));
  if (missing.length === 0) return;
  const packages = missing.map((tool) => PACKAGES[tool]);
  const install = `apt-get update && apt-get install -y --no-install-recommends ${packages.join(' ')}`;
  if (process.getuid?.() === 0) {
    console.log(`installing ${packages.join(', ')}`);
    spawnSync('sh', ['-c', install], {
      stdio: 'ignore',
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    });
  }
  if (!missing.every(isThere)) throw new Error(`missing ${missing.join(', ')}; as root: ${install}`);
}

/** /usr/sbin is not on every user's path. */
export const toolEnvironment = (): NodeJS.ProcessEnv => ({
  ...process.env,
  PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`,
});

const isThere = (tool: Tool): boolean =>
  spawnSync('sh', ['-c', `command -v ${tool}`], { env: toolEnvironment() }).status === 0;

export function readVersion(tool: Tool): string {
  const { stdout, stderr } = spawnSync(tool, ['-v'], { env: toolEnvironment(), encoding: 'utf8' });
  return /\d+\.\d+(?:\.\d+)?/.exec(stdout + stderr)?.[0] ?? 'unknown';
}
