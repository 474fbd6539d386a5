// Renews the ID token of a session with its refresh token. One renewal at a time for each session, and whoever comes late
// with the old cookie gets what the renewal brought: a provider that rotates refresh tokens takes each of them once, and
// takes a second use for theft (RFC 9700 §4.14.2).

import { hash } from 'node:crypto';
import type { Clock } from '../core/ports.ts';

export interface Renewed {
  readonly idToken: string;
  readonly refreshToken?: string;
}

/** How long the outcome of a renewal is kept for requests that were sent with the old cookie. */
const LATE_MS = 60_000;

/** Rejects as `renew` does; failures are not kept. */
export type Renewal = (
  session: string,
  refreshToken: string,
  renew: () => Promise<Renewed>,
) => Promise<Renewed>;

export function createRenewal({ clock }: { readonly clock: Clock }): Renewal {
  const flights = new Map<string, Promise<Renewed>>();
  return (session, refreshToken, renew) => {
    const key = hash('sha256', JSON.stringify([session, refreshToken]), 'base64');
    const known = flights.get(key);
    if (known !== undefined) return known;
    const flight = renew();
    flights.set(key, flight);
    flight.then(
      () => clock.after(LATE_MS, () => flights.delete(key)),
      () => flights.delete(key),
    );
    return flight;
  };
}
