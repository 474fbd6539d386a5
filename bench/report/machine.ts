// The machine in words that hold for its like: no host name, no path, no address.

import { readFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem, type } from 'node:os';
import { createRequire } from 'node:module';
import { readVersion } from '../load/tools.ts';

export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly system: string;
  readonly programs: Readonly<Record<string, string>>;
  /** Load average of the minute before: what else ran. */
  readonly loadBefore: number;
}

export const describeMachine = (): Machine => ({
  processor: cpus()[0]?.model ?? 'unknown',
  cores: cpus().length,
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  system: `${type()} ${/^\d+\.\d+/.exec(release())?.[0] ?? ''}`,
  programs: {
    node: process.versions.node,
    openssl: process.versions.openssl,
    undici: readPackageVersion('undici'),
    haproxy: readVersion('haproxy'),
    nginx: readVersion('nginx'),
    wrk: readVersion('wrk'),
  },
  loadBefore: Math.round((loadavg()[0] ?? 0) * 10) / 10,
});

function readPackageVersion(name: string): string {
  const file = createRequire(import.meta.url).resolve(`${name}/package.json`);
  const { version } = JSON.parse(readFileSync(file, 'utf8')) as { version: string };
  return version;
}
