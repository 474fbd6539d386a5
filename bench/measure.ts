// Measures proxies against each other: each in its turn, in many short rounds, so that a noisy minute of the machine
// falls on all of them. The figure that holds is CPU time of the proxy's own processes for each request.

import type { Load } from './load/wrk.ts';
import { runLoad } from './load/wrk.ts';
import { readUsage } from './load/usage.ts';
import type { Spread } from './load/statistics.ts';
import { toSpread } from './load/statistics.ts';
import type { Proxy } from './proxies/proxy.ts';

/** One proxy under one load. */
export interface Contestant {
  readonly proxy: Proxy;
  readonly load: Omit<Load, 'seconds'>;
}

export interface Figures {
  readonly name: string;
  readonly rounds: number;
  /** CPU of the proxy's processes for each request, in microseconds. */
  readonly cpuUs: Spread;
  readonly requestsPerSecond: Spread;
  readonly p50Us: Spread;
  readonly p99Us: Spread;
  /** Bytes of answers as wrk counts them, heads included, in 10^6 a second. */
  readonly megabytesPerSecond: Spread;
  readonly rssKb: Spread;
  /** CPU of each round divided by that of the first contestant in the same round. */
  readonly ratio: Spread;
  /** `cpuUs` of every round, in order. */
  readonly cpuRounds: readonly number[];
}

export interface RoundOptions {
  readonly rounds: number;
  readonly seconds: number;
  /** Before the first round, for each: caches filled, code compiled. */
  readonly warmUpSeconds: number;
}

interface Sample {
  readonly cpuUs: number;
  readonly requestsPerSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly megabytesPerSecond: number;
  readonly rssKb: number;
}

/** The first contestant is the one that the others are compared with. */
export async function measure(
  contestants: readonly Contestant[],
  { rounds, seconds, warmUpSeconds }: RoundOptions,
): Promise<readonly Figures[]> {
  const samples = contestants.map((): Sample[] => []);
  if (warmUpSeconds > 0)
    for (const one of contestants) await runLoad({ ...one.load, seconds: warmUpSeconds });
  for (let round = 0; round < rounds; round += 1) {
    // Every other round runs backwards: nobody always follows the same neighbour.
    const order = [...contestants.keys()];
    if (round % 2 === 1) order.reverse();
    for (const index of order) {
      const contestant = contestants[index];
      if (contestant !== undefined) samples[index]?.push(await sample(contestant, seconds));
    }
  }
  const base = samples[0] ?? [];
  return contestants.map(({ proxy }, index) => toFigures(proxy.name, samples[index] ?? [], base));
}

async function sample({ proxy, load }: Contestant, seconds: number): Promise<Sample> {
  const before = readUsage(proxy.pid);
  const counted = await runLoad({ ...load, seconds });
  const after = readUsage(proxy.pid);
  const perSecond = 1_000_000 / counted.durationUs;
  return {
    cpuUs: (after.cpuUs - before.cpuUs) / counted.requests,
    requestsPerSecond: counted.requests * perSecond,
    p50Us: counted.p50Us,
    p99Us: counted.p99Us,
    megabytesPerSecond: (counted.bytes * perSecond) / 1_000_000,
    rssKb: after.rssKb,
  };
}

function toFigures(name: string, samples: readonly Sample[], base: readonly Sample[]): Figures {
  const spread = (key: keyof Sample): Spread => toSpread(samples.map((each) => each[key]));
  return {
    name,
    rounds: samples.length,
    cpuUs: spread('cpuUs'),
    requestsPerSecond: spread('requestsPerSecond'),
    p50Us: spread('p50Us'),
    p99Us: spread('p99Us'),
    megabytesPerSecond: spread('megabytesPerSecond'),
    rssKb: spread('rssKb'),
    ratio: toSpread(samples.map((each, round) => each.cpuUs / (base[round]?.cpuUs ?? NaN))),
    cpuRounds: samples.map((each) => each.cpuUs),
  };
}
