// The end of what runs on a credential: of what is forwarded, and of what the gateway itself sends for long.

import type { Identified } from './exchange.ts';
import type { Clock } from './ports.ts';
import type { Authentication } from './user.ts';

/**
 * By what is known at this moment; ask again when it has come, as a session may have been prolonged. There is a grace after the
 * end of a credential, none after that of the session that it is of. In milliseconds since the epoch.
 */
export function toCredentialEnd(
  { expiresAt, validity }: Pick<Authentication, 'expiresAt' | 'validity'>,
  graceMs: number,
): number {
  if (validity === undefined) return expiresAt + graceMs;
  const known = validity();
  return Math.min(known.expiresAt + graceMs, known.endsAt);
}

/** Ends the exchange with its credential. Its timer goes with the exchange. */
export function endWithCredential(
  clock: Clock,
  { authentication, lifetime }: Pick<Identified, 'authentication' | 'lifetime'>,
  graceMs: number,
): void {
  const arm = (leftMs: number) => clock.after(Math.max(1, leftMs), look);
  const look = (): void => {
    const leftMs = toCredentialEnd(authentication, graceMs) - clock.now();
    if (leftMs > 0) cancel = arm(leftMs);
    else lifetime.end('credentialExpired');
  };
  let cancel = arm(toCredentialEnd(authentication, graceMs) - clock.now());
  lifetime.onEnd(() => cancel());
}
