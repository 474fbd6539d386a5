// Runs the gateway under V8's sampling profiler and a load, and says where its time went.

import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { readUsage } from '../load/usage.ts';
import { runLoad } from '../load/wrk.ts';
import { startGateway } from '../proxies/gateway.ts';
import type { BodySize, Ground } from '../proxies/ground.ts';
import { BODIES } from '../proxies/ground.ts';
import type { Identity } from '../proxies/identity.ts';
import type { CpuProfile, Shares } from './cpu-profile.ts';
import { toFlameGraph } from './flame-graph.ts';
import { toShares } from './cpu-profile.ts';

/** Microseconds between two samples. */
const INTERVAL_US = 400;

export interface Profiled extends Shares {
  /** CPU of the process for a request while it was being watched. */
  readonly cpuUs: number;
  /** SVG. */
  readonly flameGraph: string;
}

export async function runProfile(
  ground: Ground,
  identity: Identity,
  { size, warmUpSeconds, seconds }: { size: BodySize; warmUpSeconds: number; seconds: number },
): Promise<Profiled> {
  const folder = join(ground.directory, `profile-${size.replace(' ', '')}`);
  const gateway = await startGateway(ground, identity, {
    name: `gateway-profiled-${size.replace(' ', '')}`,
    execArgv: ['--cpu-prof', `--cpu-prof-dir=${folder}`, `--cpu-prof-interval=${INTERVAL_US}`],
  });
  const load = { url: gateway.url + BODIES[size].path, connections: 16, token: gateway.token };
  let cpuUs: number;
  let window: [number, number];
  try {
    await runLoad({ ...load, seconds: warmUpSeconds });
    const before = readUsage(gateway.pid).cpuUs;
    const from = nowUs();
    const { requests } = await runLoad({ ...load, seconds });
    window = [from, nowUs()];
    cpuUs = (readUsage(gateway.pid).cpuUs - before) / requests;
  } finally {
    // The profile is written at the end of the process.
    await gateway.stop();
  }
  const [file] = readdirSync(folder);
  const profile = JSON.parse(readFileSync(join(folder, file ?? ''), 'utf8')) as CpuProfile;
  const [fromUs, toUs] = window;
  const title = `Where the time of a request of ${size} goes (gateway, main thread)`;
  return {
    cpuUs,
    ...toShares(profile, fromUs, toUs),
    flameGraph: toFlameGraph(profile, { title, fromUs, toUs }),
  };
}

/** The monotonic clock, which all processes of a machine share. */
const nowUs = (): number => Number(process.hrtime.bigint() / 1000n);
