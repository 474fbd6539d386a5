// Medians and their spread. A mean of a noisy machine is a mean of its noise.

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export function toSpread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const { length } = sorted;
  if (length === 0) throw new Error('no values');
  return { median: toQuantile(sorted, 0.5), min: sorted[0] ?? NaN, max: sorted[length - 1] ?? NaN };
}

/** `sorted` ascending; interpolates between neighbours. */
export function toQuantile(sorted: readonly number[], quantile: number): number {
  const at = (sorted.length - 1) * quantile;
  const below = sorted[Math.floor(at)] ?? NaN;
  const above = sorted[Math.ceil(at)] ?? NaN;
  return below + (above - below) * (at - Math.floor(at));
}
