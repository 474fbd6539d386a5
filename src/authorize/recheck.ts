// Asks again for the right to what is running: at an interval, at once when a change of rights may concern it, and when
// another configuration is in force. A stream whose right is gone is ended; one of which nobody can say so goes on for
// a bounded time.

import type { Authorizer } from '../core/decision.ts';
import type { Authorizable } from '../core/exchange.ts';
import type { Clock, Log } from '../core/ports.ts';
import type { Affected } from './affected.ts';
import { toFault } from '../core/fault.ts';
import { EVERYONE, isAffected } from './affected.ts';
import { createAuthorize } from './authorize.ts';

export interface RecheckDependencies {
  readonly clock: Clock;
  readonly log: Log;
  readonly onChecked?: ((result: 'allowed' | 'revoked' | 'unanswered') => void) | undefined;
}

export interface RecheckOptions {
  readonly intervalMs: number;
  /** How long a stream goes on without an answer. */
  readonly graceMs: number;
}

export interface Rechecks {
  /** Whom to ask from now on. Everything that runs is asked about. */
  use(authorizer: Authorizer, options: RecheckOptions): void;
  /** Runs `work`, and ends the exchange's lifetime should its right be gone before `work` is done. */
  during<Result>(exchange: Authorizable, work: () => Promise<Result>): Promise<Result>;
  /** Asks at once about the exchanges of these users. */
  affected(affected: Affected): void;
  /** What is asked about. */
  readonly running: number;
}

interface Running {
  readonly exchange: Authorizable;
  /** When the right was last known to stand, and when it is to be asked for next. */
  confirmedAt: number;
  dueAt: number;
  isAsked: boolean;
  /** Something has changed since it was asked: the answer that is on its way may be about before. */
  isOutdated: boolean;
}

/** A change that an exchange may have passed on its way to its node. */
interface Change {
  readonly at: number;
  readonly affected: Affected;
}

/** How often one looks for what is due. */
const LOOKS_PER_INTERVAL = 10;
/** Changes that are remembered for exchanges that were authorized before and begin to stream after them. */
const RECENT_MS = 60_000;
const MAX_RECENT = 256;

export function createRechecks({ clock, log, onChecked }: RecheckDependencies): Rechecks {
  const running = new Set<Running>();
  let authorize: ReturnType<typeof createAuthorize> | undefined;
  let options: RecheckOptions = { intervalMs: Infinity, graceMs: Infinity };
  let cancelLook: (() => void) | undefined;
  let recent: readonly Change[] = [];

  const remember = (affected: Affected): void => {
    const now = clock.now();
    const kept = recent.filter(({ at }) => now - at < RECENT_MS);
    // So many that they are not worth telling apart.
    recent = kept.length < MAX_RECENT ? [...kept, { at: now, affected }] : [{ at: now, affected: EVERYONE }];
  };
  const hasPassed = ({ receivedAt, authentication }: Authorizable): boolean =>
    recent.some(({ at, affected }) => at >= receivedAt && isAffected(affected, authentication.user));
  const check = async (one: Running): Promise<void> => {
    if (authorize === undefined) return;
    if (one.isAsked) {
      one.isOutdated = true;
      return;
    }
    one.isAsked = true;
    one.isOutdated = false;
    const { lifetime, authentication, auditId } = one.exchange;
    const end = (reason: 'rightRevoked' | 'rightUnconfirmed'): void => {
      log.info(
        { auditId, user: authentication.user.name, reason },
        'a stream is ended: its right does not stand',
      );
      lifetime.end(reason);
    };
    try {
      await authorize(one.exchange);
      one.confirmedAt = clock.now();
      onChecked?.('allowed');
    } catch (error) {
      const isRefusal = toFault(error).reason === 'Forbidden';
      onChecked?.(isRefusal ? 'revoked' : 'unanswered');
      if (!running.has(one)) return;
      if (isRefusal) end('rightRevoked');
      else if (clock.now() - one.confirmedAt >= options.graceMs) end('rightUnconfirmed');
    } finally {
      one.isAsked = false;
      one.dueAt = clock.now() + options.intervalMs;
    }
    if (one.isOutdated && running.has(one)) await check(one);
  };
  const look = (): void => {
    cancelLook = undefined;
    const now = clock.now();
    for (const one of running) if (one.dueAt <= now && !one.isAsked) void check(one);
    arm();
  };
  /** One timer for all of them; a short request costs no timer of its own. */
  const arm = (): void => {
    if (running.size === 0 || cancelLook !== undefined || !Number.isFinite(options.intervalMs)) return;
    cancelLook = clock.after(options.intervalMs / LOOKS_PER_INTERVAL, look);
  };
  const checkAll = (whether: (one: Running) => boolean): void => {
    for (const one of running) if (whether(one)) void check(one);
  };
  return {
    use(authorizer, next) {
      if (authorize !== undefined) remember(EVERYONE);
      authorize = createAuthorize({ authorizer });
      options = next;
      cancelLook?.();
      cancelLook = undefined;
      checkAll(() => true);
      arm();
    },
    async during(exchange, work) {
      const now = clock.now();
      const dueAt = now + options.intervalMs;
      const one: Running = { exchange, confirmedAt: now, dueAt, isAsked: false, isOutdated: false };
      running.add(one);
      arm();
      if (recent.length > 0 && hasPassed(exchange)) void check(one);
      try {
        return await work();
      } finally {
        running.delete(one);
      }
    },
    affected: (affected) => {
      remember(affected);
      checkAll(({ exchange }) => isAffected(affected, exchange.authentication.user));
    },
    get running() {
      return running.size;
    },
  };
}
