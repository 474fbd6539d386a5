// How long to wait before a list or watch is tried again: doubling, capped and jittered (client-go
// tools/cache/reflector.go waits 0.8 s to 30 s in the same way), and never less than the server asked for.

export interface BackoffOptions {
  readonly firstMs: number;
  readonly capMs: number;
}

/**
 * Milliseconds. `failures` counts from 1; `random` is in [0, 1): half of the pause is jitter, so that the gateways of a
 * fleet do not come back to a restarted API server at once.
 */
export function toPauseMs(
  { firstMs, capMs }: BackoffOptions,
  failures: number,
  retryAfterMs: number,
  random: number,
): number {
  const fullMs = Math.min(capMs, firstMs * 2 ** Math.min(failures - 1, 20));
  return Math.max(Math.round(fullMs * (0.5 + 0.5 * random)), Math.min(retryAfterMs, capMs));
}
