// Whether a request has become dearer than it may be, and which stage of it has grown. Pure: what is measured and what
// is profiled comes in as numbers, so that a slow gateway can be told to it without a clock.

import { toQuantile } from '../load/statistics.ts';

export interface Judged {
  /** CPU microseconds for a request in the quieter rounds. */
  readonly relayUs: number;
  readonly gatewayUs: number;
  readonly ratio: number;
  readonly isWithin: boolean;
}

/** How much more than its limit a size may cost, for the noise. */
export const TOLERANCE = 1.25;

/** `limit`: the multiple of the relay's cost that the gateway may have before the tolerance. */
export function judge(relay: readonly number[], gateway: readonly number[], limit: number): Judged {
  const [relayUs, gatewayUs] = [toQuiet(relay), toQuiet(gateway)];
  const ratio = gatewayUs / relayUs;
  return { relayUs, gatewayUs, ratio, isWithin: ratio <= limit * TOLERANCE };
}

/** Of the quieter rounds: what else runs on the machine only ever adds to what a request costs. */
const toQuiet = (costs: readonly number[]): number =>
  toQuantile(
    costs.toSorted((a, b) => a - b),
    0.25,
  );

/** The parts of a request by stage, as shares of its time, and what all of it costs as a multiple of the relay's. */
export interface Costs {
  readonly shares: ReadonlyMap<string, number>;
  readonly ratio: number;
}

export interface Growth {
  readonly stage: string;
  /** Multiples of what a whole request costs the relay, which is the same on a slow machine and on a fast one. */
  readonly before: number;
  readonly now: number;
}

/** The stages that have grown, the most first. */
export function toGrowth(before: Costs, now: Costs): readonly Growth[] {
  return [...now.shares]
    .map(([stage, share]) => ({
      stage,
      before: (before.shares.get(stage) ?? 0) * before.ratio,
      now: share * now.ratio,
    }))
    .filter((each) => each.now > each.before)
    .toSorted((a, b) => b.now - b.before - (a.now - a.before));
}

export function toGrowthText(size: string, grown: readonly Growth[]): string {
  if (grown.length === 0)
    return `no stage of a request of ${size} has grown: measure again on a quieter machine`;
  const lines = grown
    .slice(0, 3)
    .map(({ stage, before, now }) => `  ${stage}: from ${before.toFixed(2)} to ${now.toFixed(2)}`);
  return [`what has grown in a request of ${size}, in requests of the bare relay:`, ...lines].join('\n');
}
