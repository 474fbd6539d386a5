// Which outcomes of a question to an API server are worth asking again, and after how long: the rules of
// k8s.io/apiserver/pkg/util/webhook (WithExponentialBackoff, DefaultShouldRetry). A refusal is not asked again.

import type { Outcome } from './call.ts';

const GROWTH = 1.5;
const JITTER = 0.2;
/** A server that wants a longer pause than this has, for the waiting client, failed. */
const LONGEST_RETRY_AFTER_MS = 5000;

/**
 * Milliseconds to wait before the next attempt, or undefined: do not try again.
 * `attempt` counts from 1; `random` is in [0, 1).
 */
export function toRetryDelayMs(
  outcome: Outcome,
  attempt: number,
  firstDelayMs: number,
  random: number,
): number | undefined {
  const backoffMs = Math.round(firstDelayMs * GROWTH ** (attempt - 1) * (1 + JITTER * random));
  if (outcome.kind === 'failed') return isReset(outcome.error) ? backoffMs : undefined;
  const { code, retryAfter } = outcome;
  if (code < 400) return undefined;
  if (retryAfter !== undefined && /^\d{1,6}$/.test(retryAfter)) {
    const askedMs = Number(retryAfter) * 1000;
    return askedMs <= LONGEST_RETRY_AFTER_MS ? Math.max(askedMs, backoffMs) : undefined;
  }
  return code === 429 || code === 500 || code === 504 ? backoffMs : undefined;
}

/** ECONNRESET is also what a kept-alive connection says that the server has just closed. */
export const isReset = (error: Error): boolean =>
  'code' in error && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
