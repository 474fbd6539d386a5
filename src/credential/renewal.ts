// Credentials that expire and are made anew: tokens and certificates that somebody issues to the gateway. In memory only.
// Promises: one is made at a time for each key, however many ask; it is renewed when 80 % of its life has passed, a little
// earlier or later, while the old one is still in use; when that fails the old one is used until it expires, and then no
// more. Nobody is asked again at once who has just failed.

import { LRUCache } from 'lru-cache';
import type { KubeletCredential } from '../core/node.ts';
import type { Clock, Log, LogFields } from '../core/ports.ts';
import { Fault } from '../core/fault.ts';
import { Secret } from '../core/secret.ts';

/** What was issued, and its life in milliseconds since the epoch. */
export interface Issued {
  readonly credential: KubeletCredential;
  readonly issuedAt: number;
  readonly expiresAt: number;
}

/** How a credential is made, said anew by whoever asks for it: a reload may change how. */
export interface Issuing {
  /** The credential's, in the configuration. */
  readonly name: string;
  readonly kind: KubeletCredential['material']['kind'];
  /** Equal keys share a credential; whatever decides about it is in the key. */
  readonly key: string;
  readonly issue: (signal: AbortSignal) => Promise<Issued>;
  readonly timeoutMs: number;
  /** For the client of a request that waits in vain: no usable credential for this node, because …. */
  readonly problem: string;
  readonly fields: LogFields;
  /** Told of each attempt, for a gauge. */
  readonly onAttempt?: (isSuccess: boolean) => void;
}

export interface Renewal {
  /** At once while there is one that holds. Throws, or rejects with, a Fault ServiceUnavailable. */
  get(issuing: Issuing): KubeletCredential | Promise<KubeletCredential>;
  /** How many are kept. */
  readonly size: number;
}

/** For whoever wants to know which credential it would be: nothing is issued, and what is returned opens nothing. */
export const pretendingRenewal: Renewal = {
  get: ({ name, kind }) => ({
    name,
    fingerprint: 'none',
    material:
      kind === 'certificate'
        ? { kind, certificate: '', key: new Secret('') }
        : { kind, token: new Secret('') },
  }),
  size: 0,
};

export interface RenewalOptions {
  /** The least recently used beyond these are forgotten. Default 10,000. */
  readonly maxEntries?: number;
  /** Issued at once, over all keys; more are refused. Default 64. */
  readonly maxInFlight?: number;
}

const RENEWED_AT = 0.8;
/** Of the life, both ways, so that what was made together is not renewed together. */
const JITTER = 0.05;
/** Not used in its last moments: clocks differ, and a request takes its time. */
const MARGIN_MS = 5000;
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 30_000;

interface Entry {
  issued: Issued | undefined;
  renewAt: number;
  flight: Promise<KubeletCredential> | undefined;
  failures: number;
  /** Not tried again before this. */
  retryAt: number;
}

interface RenewalDependencies {
  readonly clock: Clock;
  readonly log: Log;
  /** In [0, 1). Default Math.random. */
  readonly random?: () => number;
}

export function createRenewal(
  { clock, log, random = Math.random }: RenewalDependencies,
  { maxEntries = 10_000, maxInFlight = 64 }: RenewalOptions = {},
): Renewal {
  const entries = new LRUCache<string, Entry>({ max: maxEntries });
  let inFlight = 0;

  const fly = async (entry: Entry, issuing: Issuing): Promise<KubeletCredential> => {
    inFlight += 1;
    try {
      const issued = await withLimit(clock, issuing);
      if (!holds(issued, clock.now())) throw new Error('what was issued has expired already');
      entry.issued = issued;
      entry.renewAt = toRenewAt(issued, random());
      if (entry.failures > 0) log.info(issuing.fields, 'the credential is issued again');
      entry.failures = 0;
      issuing.onAttempt?.(true);
      return issued.credential;
    } catch (error) {
      entry.failures += 1;
      const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** (entry.failures - 1), LONGEST_PAUSE_MS);
      entry.retryAt = clock.now() + pauseMs * (1 + JITTER * random());
      // Once, and not for every attempt that fails in the same outage.
      if (entry.failures === 1) log.error({ ...issuing.fields, error }, toWords(entry, clock.now()));
      issuing.onAttempt?.(false);
      throw unavailable(issuing, error);
    } finally {
      inFlight -= 1;
      entry.flight = undefined;
    }
  };

  return {
    get(issuing) {
      const entry = entries.get(issuing.key) ?? createEntry();
      // A key that is not kept yet, or was forgotten while its credential was being made.
      if (!entries.has(issuing.key)) entries.set(issuing.key, entry);
      const now = clock.now();
      const usable = entry.issued !== undefined && holds(entry.issued, now) ? entry.issued : undefined;
      // A clock that was set back puts no renewal off.
      if (usable !== undefined && now >= usable.issuedAt && now < entry.renewAt) return usable.credential;
      if (entry.flight === undefined && now >= entry.retryAt && inFlight < maxInFlight) {
        entry.flight = fly(entry, issuing);
        // Whoever waits hears of a failure; where an older one is still good nobody does.
        entry.flight.catch(() => undefined);
      }
      if (usable !== undefined) return usable.credential;
      if (entry.flight !== undefined) return entry.flight;
      const cause = now < entry.retryAt ? 'the last attempt has just failed' : 'too many are being issued';
      throw unavailable(issuing, new Error(cause));
    },
    get size() {
      return entries.size;
    },
  };
}

const createEntry = (): Entry => ({
  issued: undefined,
  renewAt: 0,
  flight: undefined,
  failures: 0,
  retryAt: -Infinity,
});

const holds = ({ issuedAt, expiresAt }: Issued, now: number): boolean =>
  now < expiresAt - Math.min(MARGIN_MS, (expiresAt - issuedAt) / 10);

function toRenewAt({ issuedAt, expiresAt }: Issued, random: number): number {
  const share = RENEWED_AT + JITTER * (2 * random - 1);
  return issuedAt + (expiresAt - issuedAt) * share;
}

const toWords = ({ issued }: Entry, now: number): string =>
  issued !== undefined && holds(issued, now)
    ? 'the credential could not be renewed; the last one stays in use until it expires'
    : 'the credential could not be issued; there is none to use';

const unavailable = ({ problem }: Issuing, cause: unknown): Fault =>
  cause instanceof Fault
    ? cause
    : new Fault('ServiceUnavailable', `no usable credential for this node: ${problem}`, { cause });

async function withLimit(clock: Clock, { issue, timeoutMs }: Issuing): Promise<Issued> {
  const limit = new AbortController();
  const cancel = clock.after(timeoutMs, () => limit.abort(new Error(`no answer within ${timeoutMs} ms`)));
  try {
    return await issue(limit.signal);
  } finally {
    cancel();
  }
}
