// The public keys of one issuer (RFC 7517), kept fresh. Promises: one fetch at a time and at most one a cooldown,
// whatever tokens come; keys outlive an unreachable issuer by a bounded time and then count no more.
//
//   age of the keys   0 ──────────── maxAge ─────────────────────── maxStale ───►
//                       used           used, and fetched again         forgotten
//                                      every cooldown until it works

import type { AuthenticationSettings } from '../../core/configuration.ts';
import type { Clock, Log } from '../../core/ports.ts';
import type { FetchKeys } from './discovery.ts';
import { toLoadedKeys } from './loaded-keys.ts';
import type { LoadedKeys } from './loaded-keys.ts';

/** After `jwksMaxAgeMs` keys are fetched again, after `jwksMaxStaleMs` without success they are forgotten. */
export type KeySetOptions = Pick<
  AuthenticationSettings['jwt'],
  'jwksMaxAgeMs' | 'jwksCooldownMs' | 'jwksMaxStaleMs'
>;

export interface KeySet {
  /** The keys; fetches them when there are none. Rejects with an Error when there are none to be had. */
  current(): Promise<LoadedKeys>;
  /** Newer keys than those, if there are any or the cooldown lets them be fetched. */
  newerThan(keys: LoadedKeys): Promise<LoadedKeys | undefined>;
  /** Whether the key is published, as far as is known now. */
  has(thumbprint: string): boolean;
  /** Undefined: keys are loaded; else why not, in words for an operator. */
  ready(): string | undefined;
  /** Fetches, and from then on again in the background. Resolves after the first attempt, however it went. */
  start(): Promise<void>;
  stop(): void;
  /** What a successor may begin with. */
  snapshot(): LoadedKeys | undefined;
}

interface Source {
  readonly known: () => LoadedKeys | undefined;
  /** Joins the fetch that runs, or starts one unless it is too early; undefined: too early. Never rejects. */
  readonly refresh: () => Promise<void> | undefined;
  /** Why the last fetch failed. */
  readonly failure: () => unknown;
}

export interface KeySetDeps {
  /** For the log. */
  readonly issuer: string;
  readonly fetchKeys: FetchKeys;
  readonly clock: Clock;
  readonly log: Log;
  /** Told how every fetch ended. */
  readonly onRefresh?: ((isSuccess: boolean) => void) | undefined;
}

/** `before` is what a predecessor knew, so that a reload does not depend on the issuer being reachable just then. */
export function createKeySet(deps: KeySetDeps, options: KeySetOptions, before?: LoadedKeys): KeySet {
  const { clock } = deps;
  const { known, refresh, failure } = createSource(deps, options, before);
  let cancelTimer: (() => void) | undefined;

  const schedule = (): void => {
    if (cancelTimer === undefined) return;
    const delayMs = failure() === undefined ? options.jwksMaxAgeMs : options.jwksCooldownMs;
    cancelTimer = clock.after(delayMs, () => void Promise.resolve(refresh()).then(schedule));
  };

  return {
    async current() {
      if (known() === undefined) await refresh();
      const keys = known();
      if (keys === undefined) throw new Error('the keys of the issuer are not loaded', { cause: failure() });
      if (clock.now() - keys.fetchedAt >= options.jwksMaxAgeMs) void refresh();
      return keys;
    },
    async newerThan(keys) {
      if (known() === keys) await refresh();
      const now = known();
      return now === keys ? undefined : now;
    },
    has: (thumbprint) => known()?.thumbprints.has(thumbprint) ?? false,
    ready() {
      if (known() !== undefined) return undefined;
      const problem = failure();
      return problem instanceof Error ? `no keys: ${problem.message}` : 'no keys yet';
    },
    async start() {
      cancelTimer = () => undefined;
      await refresh();
      schedule();
    },
    stop() {
      cancelTimer?.();
      cancelTimer = undefined;
    },
    snapshot: known,
  };
}

function createSource(
  { issuer, fetchKeys, clock, log, onRefresh }: KeySetDeps,
  { jwksCooldownMs, jwksMaxStaleMs }: KeySetOptions,
  before: LoadedKeys | undefined,
): Source {
  let loaded = before;
  let lastAttemptAt = -Infinity;
  let failure: unknown;
  let running: Promise<void> | undefined;

  const known = (): LoadedKeys | undefined => {
    if (loaded !== undefined && clock.now() - loaded.fetchedAt >= jwksMaxStaleMs) loaded = undefined;
    return loaded;
  };

  const fetch = async (): Promise<void> => {
    try {
      loaded = await toLoadedKeys(await fetchKeys(), clock.now());
      failure = undefined;
      onRefresh?.(true);
    } catch (error) {
      failure = error;
      onRefresh?.(false);
      log.warn(
        { issuer, err: error, keysKept: known() !== undefined },
        'fetching the keys of an issuer failed',
      );
    }
  };

  return {
    known,
    refresh() {
      if (running === undefined && clock.now() - lastAttemptAt >= jwksCooldownMs) {
        lastAttemptAt = clock.now();
        running = fetch().finally(() => (running = undefined));
      }
      return running;
    },
    failure: () => failure,
  };
}
