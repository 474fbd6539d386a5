// Tokens that a Kubernetes API server knows (ServiceAccount tokens, and opaque ones of its own authenticators), checked
// by TokenReview with the rules of Kubernetes' webhook token authenticator (apiserver plugin/pkg/authenticator/token/
// webhook): audiences are asked for and checked in the answer, errors are never kept, equal tokens share one review.
// Answers are kept under the token's SHA-256 digest; tokens themselves are not. Random tokens cannot hammer the API
// server: reviews on their way are bounded, overall and for each source address.

import { hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { TokenReviewSettings } from '../core/configuration.ts';
import type { Clock, Log } from '../core/ports.ts';
import type { Authentication } from '../core/user.ts';
import type { TokenReviewSpec, TokenReviewStatus } from '../kube/token-review.ts';
import type { TokenAuthenticator } from './identify.ts';
import { Fault } from '../core/fault.ts';
import { Secret } from '../core/secret.ts';
import { readUnverifiedClaims } from './jwt/token.ts';
import { nameProblem, withAuthenticated } from './names.ts';
import { unauthorized } from './refusals.ts';

export interface TokenReviewDependencies {
  readonly reviews: (spec: TokenReviewSpec, signal: AbortSignal) => Promise<TokenReviewStatus>;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics?: TokenReviewMetrics;
}

/** Told what happens to tokens. */
export interface TokenReviewMetrics {
  told(result: 'hit' | 'joined' | 'authenticated' | 'refused' | 'error'): void;
  /** What is remembered, and how many reviews are on their way. */
  entries(authenticated: number, refused: number, inFlight: number): void;
}

export type TokenReviewOptions = Omit<TokenReviewSettings, 'connection'>;

/** What is remembered of a token: who it names, or why it names nobody. */
type Verdict =
  | { readonly kind: 'user'; readonly authentication: Authentication }
  | { readonly kind: 'refused'; readonly message: string };

type Entry = Verdict & { readonly until: number };

/** A token that says no expiry is good for as long as the API server says so. */
const NEVER = Number.MAX_SAFE_INTEGER;

export interface TokenReviewAuthenticator extends TokenAuthenticator {
  /** Forgets what the API server has said about tokens. */
  flush(): void;
}

export function createTokenReviewAuthenticator(
  dependencies: TokenReviewDependencies,
  options: TokenReviewOptions,
): TokenReviewAuthenticator {
  const { clock, metrics } = dependencies;
  // Two caches, so that made-up tokens cannot push out real ones.
  const createCaches = () => ({
    user: new LRUCache<string, Entry>({ max: options.maxEntries }),
    refused: new LRUCache<string, Entry>({ max: options.maxEntries }),
  });
  /** Both replaced by a flush: what is on its way belongs to those that it began with. */
  let known = createCaches();
  const ttlMs = { user: options.authenticatedTtlMs, refused: options.unauthenticatedTtlMs };
  let flights = new Map<string, Promise<Authentication>>();
  const slots = createSlots(options);

  const recall = (digest: string): Verdict | undefined => {
    for (const cache of [known.user, known.refused]) {
      const entry = cache.get(digest);
      if (entry === undefined) continue;
      if (clock.now() < entry.until) return entry;
      cache.delete(digest);
    }
    return undefined;
  };

  const fly = async (digest: string, token: string): Promise<Authentication> => {
    const own = known;
    const { verdict, isCertain } = await review(dependencies, options, token);
    metrics?.told(verdict.kind === 'user' ? 'authenticated' : 'refused');
    const expiresAt = verdict.kind === 'user' ? verdict.authentication.expiresAt : NEVER;
    const until = Math.min(clock.now() + ttlMs[verdict.kind], expiresAt);
    if (isCertain && until > clock.now()) own[verdict.kind].set(digest, { ...verdict, until });
    return toAuthentication(verdict);
  };

  const authenticate: TokenAuthenticator = (token, source) => {
    const digest = hash('sha256', token, 'base64');
    const verdict = recall(digest);
    if (verdict !== undefined) {
      metrics?.told('hit');
      return toAuthentication(verdict);
    }
    let flight = flights.get(digest);
    if (flight !== undefined) metrics?.told('joined');
    if (flight === undefined) {
      slots.take(source);
      const own = flights;
      flight = fly(digest, token).finally(() => {
        own.delete(digest);
        slots.give(source);
        metrics?.entries(known.user.size, known.refused.size, slots.total());
      });
      own.set(digest, flight);
    }
    return flight;
  };
  return Object.assign(authenticate, {
    flush: () => {
      known = createCaches();
      flights = new Map();
    },
  });
}

function toAuthentication(verdict: Verdict): Authentication {
  if (verdict.kind === 'user') return verdict.authentication;
  throw unauthorized(`the bearer token is refused: ${verdict.message}`);
}

/** Asks. Rejects with a Fault when there is no answer. An uncertain verdict holds for this request alone. */
async function review(
  { reviews, clock, log, metrics }: TokenReviewDependencies,
  { audiences, timeoutMs }: TokenReviewOptions,
  token: string,
): Promise<{ readonly verdict: Verdict; readonly isCertain: boolean }> {
  const deadline = new AbortController();
  const cancel = clock.after(timeoutMs, () => deadline.abort(new Error(`no answer within ${timeoutMs} ms`)));
  try {
    const status = await reviews({ token: new Secret(token), audiences }, deadline.signal);
    if (status.authenticated) return { verdict: toVerdict(status, audiences, token), isCertain: true };
    const verdict = { kind: 'refused', message: 'the API server does not accept it' } as const;
    // The API server says in the same field that a token is bad and that it could not check it.
    return { verdict, isCertain: status.error === '' };
  } catch (error) {
    metrics?.told('error');
    log.error({ error }, 'a TokenReview failed');
    throw error instanceof Fault
      ? error
      : new Fault('ServiceUnavailable', 'the bearer token could not be checked', { cause: error });
  } finally {
    cancel();
  }
}

/** Names are taken as the API server says them, `system:serviceaccount:…` included. */
function toVerdict(
  { user, audiences: confirmed }: TokenReviewStatus & { authenticated: true },
  audiences: readonly string[],
  token: string,
): Verdict {
  const refused = (message: string): Verdict => ({ kind: 'refused', message });
  // No audience at all is the answer of an authenticator that does not know of them: it has checked for none.
  if (!confirmed.some((audience) => audiences.includes(audience))) {
    return refused('the API server does not confirm that it is for an audience that is accepted here');
  }
  for (const name of [user.username, ...user.groups]) {
    const problem = nameProblem(name);
    if (problem !== undefined) return refused(`it names a user or group that ${problem}`);
  }
  return {
    kind: 'user',
    authentication: {
      user: {
        name: user.username,
        uid: user.uid,
        groups: withAuthenticated(user.groups),
        extra: user.extra,
      },
      method: 'tokenReview',
      expiresAt: readUnverifiedExpiry(token) ?? NEVER,
    },
  };
}

/** Believed only to shorten what the API server has said. In milliseconds. */
function readUnverifiedExpiry(token: string): number | undefined {
  const exp = readUnverifiedClaims(token)?.get('exp');
  return typeof exp === 'number' && Number.isFinite(exp) ? Math.floor(exp * 1000) : undefined;
}

/** Reviews on their way. */
function createSlots({ maxInFlight, maxInFlightPerSource }: TokenReviewOptions) {
  const taken = new Map<string, number>();
  let total = 0;
  return {
    total: () => total,
    take: (source: string): void => {
      const count = taken.get(source) ?? 0;
      if (total >= maxInFlight || count >= maxInFlightPerSource) {
        throw new Fault('TooManyRequests', 'too many bearer tokens are being checked at once', {
          headers: { 'retry-after': '1' },
        });
      }
      taken.set(source, count + 1);
      total += 1;
    },
    give: (source: string): void => {
      const count = taken.get(source) ?? 0;
      if (count > 1) taken.set(source, count - 1);
      else taken.delete(source);
      total -= 1;
    },
  };
}
