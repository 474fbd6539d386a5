// Asks again for the right to what is running: at an interval, at once when a change of rights may concern it, and when
// another configuration is in force. A stream whose right is gone is ended; one of which nobody can say so goes on for
// a bounded time.

import type { Authorizer } from '../core/decision.ts';
import type { Authorizable, Authorized, Resolved } from '../core/exchange.ts';
import type { Clock, Log } from '../core/ports.ts';
import type { Affected } from './affected.ts';
import { Fault, toFault } from '../core/fault.ts';
import { Roster } from '../core/roster.ts';
import { EVERYONE, isAffected } from './affected.ts';
import { createAuthorize } from './authorize.ts';
import { Turns } from './turns.ts';

export interface RecheckDependencies {
  readonly clock: Clock;
  readonly log: Log;
  readonly onChecked?: ((result: 'allowed' | 'revoked' | 'unanswered') => void) | undefined;
}

export interface RecheckOptions {
  readonly intervalMs: number;
  /** How long a stream goes on without an answer. */
  readonly graceMs: number;
  /** Questions about one user that the authorizer takes at a time; a further one would be no answer. Default: any number. */
  readonly maxOfOneUser?: number;
}

export interface Rechecks {
  /** Whom to ask from now on. Everything that runs is asked about. */
  use(authorizer: Authorizer, options: RecheckOptions): void;
  /** Runs `work`, and ends the exchange's lifetime should its right be gone before `work` is done. */
  during<Result>(exchange: Authorizable, work: () => Promise<Result>): Promise<Result>;
  /**
   * Asks for a right of something that runs, in its turn: nobody waits for the answer at the other end. Rejects with a
   * Fault, also when the exchange has ended meanwhile.
   */
  ask(resolved: Resolved): Promise<Authorized>;
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
  isOver: boolean;
}

/** A change that an exchange may have passed on its way to its node. */
interface Change {
  readonly at: number;
  readonly affected: Affected;
}

/** Questions at a time, of all and of one user: a change of rights may concern thousands. */
const AT_A_TIME = { ofAll: 32, ofOne: 8 };
/** How often one looks for what is due. */
const LOOKS_PER_INTERVAL = 10;
/** Changes that are remembered for exchanges that were authorized before and begin to stream after them. */
const RECENT_MS = 60_000;
const MAX_RECENT = 256;

export const createRechecks = (dependencies: RecheckDependencies): Rechecks =>
  new RightsOfRunning(dependencies);

class RightsOfRunning implements Rechecks {
  readonly #dependencies: RecheckDependencies;
  readonly #running = new Roster<Running>();
  readonly #turns = new Turns(AT_A_TIME);
  #authorize: ReturnType<typeof createAuthorize> | undefined;
  #options: RecheckOptions = { intervalMs: Infinity, graceMs: Infinity };
  #cancelLook: (() => void) | undefined;
  #recent: readonly Change[] = [];

  constructor(dependencies: RecheckDependencies) {
    this.#dependencies = dependencies;
  }

  get running(): number {
    return this.#running.size;
  }

  use(authorizer: Authorizer, options: RecheckOptions): void {
    if (this.#authorize !== undefined) this.#remember(EVERYONE);
    this.#authorize = createAuthorize({ authorizer });
    this.#options = options;
    const { maxOfOneUser = Infinity } = options;
    this.#turns.limit({ ...AT_A_TIME, ofOne: Math.min(AT_A_TIME.ofOne, maxOfOneUser) });
    this.#cancelLook?.();
    this.#cancelLook = undefined;
    for (const one of this.#running.items()) this.#checkLater(one);
    this.#arm();
  }

  during<Result>(exchange: Authorizable, work: () => Promise<Result>): Promise<Result> {
    const now = this.#dependencies.clock.now();
    const dueAt = now + this.#options.intervalMs;
    const one = { exchange, confirmedAt: now, dueAt, isAsked: false, isOutdated: false, isOver: false };
    const seat = this.#running.add(one);
    this.#arm();
    if (this.#recent.length > 0 && this.#hasPassed(exchange)) this.#checkLater(one);
    const over = (): void => {
      this.#running.remove(seat);
      one.isOver = true;
    };
    const result = begin(work);
    result.then(over, over);
    return result;
  }

  ask(resolved: Resolved): Promise<Authorized> {
    return new Promise((resolve, reject) => {
      this.#turns.add(resolved.authentication.user.name, async () => {
        try {
          if (this.#authorize === undefined || resolved.lifetime.ended) {
            throw new Fault('ServiceUnavailable', 'nobody is to be asked any more');
          }
          resolve(await this.#authorize(resolved));
        } catch (error) {
          reject(toFault(error));
        }
      });
    });
  }

  affected(affected: Affected): void {
    this.#remember(affected);
    for (const one of this.#running.items()) {
      if (isAffected(affected, one.exchange.authentication.user)) this.#checkLater(one);
    }
  }

  #remember(affected: Affected): void {
    const now = this.#dependencies.clock.now();
    const kept = this.#recent.filter(({ at }) => now - at < RECENT_MS);
    // So many that they are not worth telling apart.
    this.#recent =
      kept.length < MAX_RECENT ? [...kept, { at: now, affected }] : [{ at: now, affected: EVERYONE }];
  }

  #hasPassed({ receivedAt, authentication }: Authorizable): boolean {
    return this.#recent.some(
      ({ at, affected }) => at >= receivedAt && isAffected(affected, authentication.user),
    );
  }

  /** One timer for all of them; a short request costs no timer of its own. */
  #arm(): void {
    const { intervalMs } = this.#options;
    if (this.#running.size === 0 || this.#cancelLook !== undefined || !Number.isFinite(intervalMs)) return;
    this.#cancelLook = this.#dependencies.clock.after(intervalMs / LOOKS_PER_INTERVAL, () => this.#look());
  }

  #look(): void {
    this.#cancelLook = undefined;
    const now = this.#dependencies.clock.now();
    for (const one of this.#running.items()) if (one.dueAt <= now && !one.isAsked) this.#checkLater(one);
    this.#arm();
  }

  #checkLater(one: Running): void {
    if (one.isAsked) {
      one.isOutdated = true;
      return;
    }
    one.isAsked = true;
    this.#turns.add(one.exchange.authentication.user.name, async () => this.#check(one));
  }

  async #check(one: Running): Promise<void> {
    const { clock, onChecked } = this.#dependencies;
    do {
      if (this.#authorize === undefined || one.isOver || one.exchange.lifetime.ended) break;
      one.isOutdated = false;
      try {
        await this.#authorize(one.exchange);
        one.confirmedAt = clock.now();
        onChecked?.('allowed');
      } catch (error) {
        this.#refused(one, toFault(error).reason === 'Forbidden');
      }
    } while (isToBeAskedAgain(one));
    one.isAsked = false;
    one.dueAt = clock.now() + this.#options.intervalMs;
  }

  #refused(one: Running, isRefusal: boolean): void {
    const { clock, log, onChecked } = this.#dependencies;
    onChecked?.(isRefusal ? 'revoked' : 'unanswered');
    const isOver = isRefusal || clock.now() - one.confirmedAt >= this.#options.graceMs;
    if (!isOver || one.isOver) return;
    const reason = isRefusal ? 'rightRevoked' : 'rightUnconfirmed';
    const { lifetime, authentication, auditId } = one.exchange;
    log.info({ auditId, user: authentication.user.name, reason }, 'ended: the right to it does not stand');
    lifetime.end(reason);
  }
}

/** What is thrown before there is a promise is its rejection, and stays what it is: only a Fault was foreseen. */
function begin<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return work();
  } catch (error) {
    return Promise.reject(error instanceof Error ? error : toFault(error));
  }
}

const isToBeAskedAgain = ({ isOutdated, isOver }: Running): boolean => isOutdated && !isOver;
