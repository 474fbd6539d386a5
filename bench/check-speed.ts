// npm run check:speed: the gateway against the bare relay, interleaved in one run, by CPU time for a request. Fails when
// the gateway costs more than its limit, and then says which stage has grown. A size that looks too slow gets more
// rounds before it is judged: one noisy minute is no regression.

import { readFileSync } from 'node:fs';
import { needTools } from './load/tools.ts';
import type { Figures } from './measure.ts';
import { measure } from './measure.ts';
import { startGateway } from './proxies/gateway.ts';
import type { BodySize, Ground } from './proxies/ground.ts';
import { BODIES, startGround } from './proxies/ground.ts';
import type { Identity } from './proxies/identity.ts';
import { startIdentity } from './proxies/identity.ts';
import type { Proxy } from './proxies/proxy.ts';
import { startRelay } from './proxies/relay.ts';
import type { Judged } from './report/regression.ts';
import { judge, toGrowth, toGrowthText, TOLERANCE } from './report/regression.ts';
import { runProfile } from './profiling/run-profile.ts';

const CHECKED = ['2 B', '1 MB'] as const;
type Checked = (typeof CHECKED)[number];

interface Slow {
  readonly size: Checked;
  /** What the gateway costs as a multiple of the relay. */
  readonly ratio: number;
}

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
async function check(on: Ground, by: Identity): Promise<Slow | undefined> {
  const bare = await startRelay(on);
  const gateway = await startGateway(on, by);
  // The same bytes to both.
  const relay = { ...bare, token: gateway.token };
  try {
    for (const size of CHECKED) {
      const slow = await findSlowness(relay, gateway, size);
      if (slow !== undefined) return { size, ratio: slow.ratio };
    }
    return undefined;
  } finally {
    await gateway.stop();
    await relay.stop();
  }
}

/** Undefined when it is fast enough, else by how much it is not. */
async function findSlowness(relay: Proxy, gateway: Proxy, size: Checked): Promise<Judged | undefined> {
  const costs: [number[], number[]] = [[], []];
  let warmUpSeconds: number = WARM_UP_SECONDS[size];
  for (;;) {
    const figures = await measureBoth(relay, gateway, size, warmUpSeconds);
    for (const [index, each] of costs.entries()) each.push(...(figures[index]?.cpuRounds ?? []));
    warmUpSeconds = 0;
    const judged = judge(...costs, limits[size]);
    const { relayUs, gatewayUs, ratio, isWithin } = judged;
    console.log(
      `${size}: ${gatewayUs.toFixed(0)} µs, ${ratio.toFixed(2)} times the relay's ${relayUs.toFixed(0)} µs ` +
        `(${costs[0].length} rounds), at most ${(limits[size] * TOLERANCE).toFixed(2)}: ${isWithin ? 'met' : 'missed'}`,
    );
    if (isWithin) return undefined;
    if (costs[0].length >= MAX_ROUNDS) return judged;
  }
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

/** Says which stages cost more than when the profile was last kept. */
async function blame(on: Ground, by: Identity, { size, ratio }: Slow): Promise<void> {
  const kept = JSON.parse(readFileSync(new URL('stages.json', FOLDER), 'utf8')) as Record<
    string,
    Record<string, number>
  >;
  const before = { shares: new Map(Object.entries(kept[size] ?? {})), ratio: limits[size] };
  const { byStage } = await runProfile(on, by, { size, warmUpSeconds: 4, seconds: 5 });
  console.log(toGrowthText(size, toGrowth(before, { shares: byStage, ratio })));
}
