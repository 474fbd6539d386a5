// An Authorizer that asks a Kubernetes API server by SubjectAccessReview (authorization.k8s.io/v1), with the rules of
// Kubernetes' webhook authorizer (apiserver plugin/pkg/authorizer/webhook) and three more: equal questions share one
// review, one user cannot keep many open, and a review that takes too long is an error. Errors are never kept.

import type { AnyAttributes } from '../core/attributes.ts';
import type { Authorizer, Decision } from '../core/decision.ts';
import type { Clock, Log } from '../core/ports.ts';
import type { User } from '../core/user.ts';
import type { ReviewSpec, ReviewStatus } from '../kube/subject-access-review.ts';
import type { Affected } from './affected.ts';
import type { DecisionCache, DecisionCacheOptions } from './sar-cache.ts';
import { isPath } from '../core/attributes.ts';
import { Fault } from '../core/fault.ts';
import { ApiServerAway } from '../kube/away.ts';
import { EVERYONE, isAffected } from './affected.ts';
import { createDecisionCache, createKeys, isCacheable } from './sar-cache.ts';

/** Told what happens to questions, for the metrics. */
export interface SarMetrics {
  /** Answered from the cache. */
  hit(kind: Decision['kind']): void;
  /** Waits for the review of an equal question that is already on its way. */
  joined(): void;
  /** A question that needs a review of its own, or is refused one. */
  miss(): void;
  reviewed(outcome: Decision['kind'] | 'error', durationMs: number): void;
  /** An allow of earlier stood in for an API server that is away. */
  stale(): void;
  /** So many decisions were forgotten, because rights have changed or somebody asked for it. */
  forgotten(count: number): void;
  /** What is remembered, and how many reviews are on their way. */
  entries(authorized: number, unauthorized: number, inFlight: number): void;
}

export interface SarDependencies {
  readonly reviews: (spec: ReviewSpec, signal: AbortSignal) => Promise<ReviewStatus>;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics?: SarMetrics;
  /** Milliseconds beyond which nothing is remembered at present. Default: no bound but those of the options. */
  readonly maxAgeMs?: () => number;
}

export interface SarOptions extends DecisionCacheOptions {
  /** Milliseconds that one question may take, repeated attempts included. */
  readonly timeoutMs: number;
  /** Reviews that one user name may have on their way; a further one is answered 429. Of `again` as many once more. */
  readonly maxInFlightPerUser: number;
}

export interface SarAuthorizer extends Authorizer {
  /**
   * The same decisions for what runs already. Its questions are counted apart: whoever keeps many requests open must not
   * keep the question unanswered whether their streams may go on.
   */
  readonly again: Authorizer;
  /**
   * Forgets what was decided about these users; their reviews on their way are answered but not kept, and new questions
   * do not join them.
   */
  forget(affected: Affected): void;
  /** Forgets all decisions in the same way. */
  flush(): void;
  stats(): { readonly authorized: number; readonly unauthorized: number; readonly inFlight: number };
}

/** After an API server did not answer, stale decisions stand in for so long without asking it again. */
const AWAY_MS = 2000;

export function createSarAuthorizer(dependencies: SarDependencies, options: SarOptions): SarAuthorizer {
  const { metrics } = dependencies;
  const cache = createDecisionCache(dependencies, options);
  const toKey = createKeys();
  const slots = createSlots(options.maxInFlightPerUser);
  const slotsAgain = createSlots(options.maxInFlightPerUser);
  const inFlight = (): number => slots.total() + slotsAgain.total();
  const standIn = createStandIn(dependencies, cache);
  const ask = (user: User, attributes: AnyAttributes): Promise<Decision> =>
    review(dependencies, options.timeoutMs, user, attributes);
  const flights = createFlights(ask, cache, standIn);
  const tell = (): void => metrics?.entries(cache.authorizedCount, cache.unauthorizedCount, inFlight());

  const recall = (key: string): Decision | Promise<Decision> | undefined => {
    const known = cache.get(key);
    if (known !== undefined) {
      metrics?.hit(known.kind);
      return known;
    }
    const answer = flights.get(key);
    if (answer !== undefined) metrics?.joined();
    return answer ?? standIn.whileAway(key);
  };
  const decide = (
    from: typeof slots,
    user: User,
    attributes: AnyAttributes,
  ): Decision | Promise<Decision> => {
    const key = isCacheable(attributes) ? toKey(user, attributes) : undefined;
    const known = key === undefined ? undefined : recall(key);
    if (known !== undefined) return known;
    metrics?.miss();
    from.take(user.name);
    const answer = key === undefined ? ask(user, attributes) : flights.begin(user, attributes, key);
    return answer.finally(() => {
      from.give(user.name);
      tell();
    });
  };
  const forget = (affected: Affected): void => {
    flights.forget(affected);
    metrics?.forgotten(cache.forget(affected));
    tell();
  };
  const authorizer: Authorizer = (user, attributes) => decide(slots, user, attributes);
  const again: Authorizer = (user, attributes) => decide(slotsAgain, user, attributes);
  return Object.assign(authorizer, {
    again,
    forget,
    flush: () => forget(EVERYONE),
    stats: () => ({
      authorized: cache.authorizedCount,
      unauthorized: cache.unauthorizedCount,
      inFlight: inFlight(),
    }),
  });
}

type StandIn = ReturnType<typeof createStandIn>;

/** Decisions of earlier, for an API server that is away. */
function createStandIn({ clock, metrics }: SarDependencies, cache: DecisionCache) {
  let awayUntil = -Infinity;
  const take = (key: string): Decision | undefined => {
    const stale = cache.stale(key);
    if (stale === undefined) return undefined;
    metrics?.stale();
    return { ...stale.decision, staleForMs: stale.ageMs };
  };
  return {
    whileAway: (key: string): Decision | undefined => (clock.now() < awayUntil ? take(key) : undefined),
    after(error: unknown, key: string): Decision | undefined {
      const decision = isAway(error) ? take(key) : undefined;
      if (decision !== undefined) awayUntil = clock.now() + AWAY_MS;
      return decision;
    },
  };
}

interface Flight {
  readonly user: User;
  readonly answer: Promise<Decision>;
}

/** Reviews on their way that others may join. */
function createFlights(
  ask: (user: User, attributes: AnyAttributes) => Promise<Decision>,
  cache: DecisionCache,
  standIn: StandIn,
) {
  const flights = new Map<string, Flight>();
  return {
    get: (key: string): Promise<Decision> | undefined => flights.get(key)?.answer,
    begin(user: User, attributes: AnyAttributes, key: string): Promise<Decision> {
      const isCurrent = (): boolean => flights.get(key) === flight;
      const answer = ask(user, attributes).then(
        (decision) => {
          // One that was forgotten while it was on its way may be older than the change that it was forgotten for.
          if (isCurrent()) cache.set(key, user, decision);
          return decision;
        },
        (error: unknown) => {
          const decision = standIn.after(error, key);
          if (decision === undefined) throw error;
          return decision;
        },
      );
      const settled = answer.finally(() => {
        if (isCurrent()) flights.delete(key);
      });
      const flight: Flight = { user, answer: settled };
      flights.set(key, flight);
      return settled;
    },
    forget(affected: Affected): void {
      for (const [key, { user }] of flights) if (isAffected(affected, user)) flights.delete(key);
    },
  };
}

/** Whether the API server was not there to answer, as opposed to one that has refused the gateway's own question. */
function isAway(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (at instanceof ApiServerAway) return true;
  }
  return false;
}

/** Reviews on their way, by user name. */
function createSlots(maxPerUser: number) {
  const taken = new Map<string, number>();
  let total = 0;
  return {
    total: () => total,
    take: (name: string): void => {
      const count = taken.get(name) ?? 0;
      if (count >= maxPerUser) {
        throw new Fault(
          'TooManyRequests',
          `too many authorization questions at once for User ${JSON.stringify(name)}: at most ${maxPerUser}`,
          { headers: { 'retry-after': '1' } },
        );
      }
      taken.set(name, count + 1);
      total += 1;
    },
    give: (name: string): void => {
      const count = taken.get(name) ?? 0;
      if (count > 1) taken.set(name, count - 1);
      else taken.delete(name);
      total -= 1;
    },
  };
}

async function review(
  { reviews, clock, log, metrics }: SarDependencies,
  timeoutMs: number,
  user: User,
  attributes: AnyAttributes,
): Promise<Decision> {
  const startedAt = clock.now();
  const deadline = new AbortController();
  const cancel = clock.after(timeoutMs, () =>
    deadline.abort(new ApiServerAway(`no answer within ${timeoutMs} ms`)),
  );
  try {
    const status = await Promise.race([
      reviews(toSpec(user, attributes), deadline.signal),
      rejectAtAbort(deadline.signal),
    ]);
    const decision = toDecision(status);
    metrics?.reviewed(decision.kind, clock.now() - startedAt);
    return decision;
  } catch (error) {
    metrics?.reviewed('error', clock.now() - startedAt);
    log.error({ error, attributes }, 'a SubjectAccessReview failed');
    throw error instanceof Fault
      ? error
      : new Fault('InternalError', `authorization could not be decided${toWhy(error)}`, { cause: error });
  } finally {
    cancel();
  }
}

const toWhy = (error: unknown): string =>
  error instanceof ApiServerAway ? ': no answer from the API server' : '';

/** So that a port which does not heed its signal cannot keep a question open either. */
const rejectAtAbort = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });

function toSpec({ name, uid, groups, extra }: User, attributes: AnyAttributes): ReviewSpec {
  const who = { user: name, uid, groups, extra };
  if (isPath(attributes)) {
    return { ...who, nonResourceAttributes: { verb: attributes.verb, path: attributes.path } };
  }
  const { verb, apiGroup: group, version, resource, subresource, name: object, namespace } = attributes;
  return {
    ...who,
    resourceAttributes: { verb, group, version, resource, subresource, name: object, namespace },
  };
}

/** A deny wins over an allow in the same answer; an evaluation error beside an allow does not take it back. */
function toDecision({ allowed, denied, reason, evaluationError }: ReviewStatus): Decision {
  const texts = [reason, evaluationError].filter((text) => text !== undefined && text !== '');
  const kind = denied === true ? 'deny' : allowed ? 'allow' : 'noOpinion';
  return { kind, reason: texts.join('; ') };
}
