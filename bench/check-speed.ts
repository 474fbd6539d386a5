// npm run check:speed: the gateway against the bare relay, interleaved in one run, by CPU time for a request. Fails when
// the gateway costs more than its limit, and then says which stage has grown. A size that looks too slow gets more
// rounds before it is judged: one noisy minute is no regression.

import { readFileSync } from 'node:fs';
import { needTools } from './load/tools.ts';
import { toQuantile } from './load/statistics.ts';
import type { Figures } from './measure.ts';
import { measure } from './measure.ts';
import { startGateway } from './proxies/gateway.ts';
import type { BodySize, Ground } from './proxies/ground.ts';
import { BODIES, startGround } from './proxies/ground.ts';
import type { Identity } from './proxies/identity.ts';
import { startIdentity } from './proxies/identity.ts';
import type { Proxy } from './proxies/proxy.ts';
import { startRelay } from './proxies/relay.ts';
import { runProfile } from './profiling/run-profile.ts';

/** How much more than its limit a size may cost, for the noise. */
const TOLERANCE = 1.25;
const CHECKED = ['2 B', '1 MB'] as const;
type Checked = (typeof CHECKED)[number];

/** Until V8 has compiled what carries a request, which a starved machine is slow to do. */
const WARM_UP_SECONDS = { '2 B': 8, '1 MB': 4 } as const;
const ROUNDS = 5;
const MAX_ROUNDS = 15;
const FOLDER = new URL('profiles/', import.meta.url);
/** CPU of the gateway for a request as a multiple of the relay's, as it was when this file was last written. */
const limits = JSON.parse(readFileSync(new URL('limits.json', FOLDER), 'utf8')) as Record<Checked, number>;

needTools(['wrk', 'nginx']);
const ground = await startGround();
const identity = await startIdentity();
try {
  const slow = await check(ground, identity);
  if (slow !== undefined) {
    await blame(ground, identity, slow);
    process.exitCode = 1;
  }
} finally {
  await identity.stop();
  await ground.stop();
}

/** The first size that is too slow. */
async function check(on: Ground, by: Identity): Promise<Checked | undefined> {
  const relay = await startRelay(on);
  const gateway = await startGateway(on, by);
  try {
    for (const size of CHECKED) if (!(await isFast(relay, gateway, size))) return size;
    return undefined;
  } finally {
    await gateway.stop();
    await relay.stop();
  }
}

async function isFast(relay: Proxy, gateway: Proxy, size: Checked): Promise<boolean> {
  const atMost = limits[size] * TOLERANCE;
  const costs: [number[], number[]] = [[], []];
  let warmUpSeconds: number = WARM_UP_SECONDS[size];
  while (costs[0].length < MAX_ROUNDS) {
    const figures = await measureBoth(relay, gateway, size, warmUpSeconds);
    for (const [index, each] of costs.entries()) each.push(...(figures[index]?.cpuRounds ?? []));
    warmUpSeconds = 0;
    const [floor, cost] = costs.map(toQuiet);
    const ratio = (cost ?? NaN) / (floor ?? NaN);
    const isWithin = ratio <= atMost;
    console.log(
      `${size}: ${cost?.toFixed(0)} µs, ${ratio.toFixed(2)} times the relay's ${floor?.toFixed(0)} µs ` +
        `(${costs[0].length} rounds), at most ${atMost.toFixed(2)}: ${isWithin ? 'met' : 'missed'}`,
    );
    if (isWithin) return true;
  }
  return false;
}

/** Of the quieter rounds: what else runs on the machine only ever adds to what a request costs. */
function toQuiet(costs: readonly number[]): number {
  const sorted = costs.toSorted((a, b) => a - b);
  return toQuantile(sorted, 0.25);
}

function measureBoth(
  relay: Proxy,
  gateway: Proxy,
  size: BodySize,
  warmUpSeconds: number,
): Promise<readonly Figures[]> {
  return measure(
    [relay, gateway].map((proxy) => ({
      proxy,
      load: { url: proxy.url + BODIES[size].path, connections: size === '1 MB' ? 4 : 16, token: proxy.token },
    })),
    { rounds: ROUNDS, seconds: 1, warmUpSeconds },
  );
}

/** Which stages take a larger part of a request than when the profile was last kept. */
async function blame(on: Ground, by: Identity, size: Checked): Promise<void> {
  const before = (
    JSON.parse(readFileSync(new URL('stages.json', FOLDER), 'utf8')) as Record<string, Record<string, number>>
  )[size];
  const { byStage } = await runProfile(on, by, { size, warmUpSeconds: 4, seconds: 5 });
  const grown = [...byStage]
    .map(([stage, share]) => ({ stage, share, growth: share - (before?.[stage] ?? 0) }))
    .toSorted((a, b) => b.growth - a.growth)
    .slice(0, 3);
  console.log(`what has grown in a request of ${size}, as a share of the gateway's time:`);
  for (const { stage, share, growth } of grown) {
    const was = ((share - growth) * 100).toFixed(1);
    console.log(`  ${stage}: from ${was} % to ${(share * 100).toFixed(1)} %`);
  }
}
