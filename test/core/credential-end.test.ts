// How long a watch, and what else the gateway sends for long, goes on in a browser's session.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createSendWatch } from '../../src/compose/answers.ts';
import { Lifetime } from '../../src/core/lifetime.ts';
import { createSessionLeases } from '../../src/login-store/session-leases.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createResolved, createUser } from '../support/resolved.ts';

const MINUTE = 60_000;
const GRACE = 5 * MINUTE;

function setUp({ isSession = true }: { readonly isSession?: boolean } = {}) {
  const clock = createFakeClock();
  const leases = createSessionLeases({ clock });
  const lifetime = new Lifetime();
  const minutesLater = (minutes: number): number => clock.now() + minutes * MINUTE;
  const use = (tokenMinutes = 10) => {
    const news = { session: 's', user: 'alice', tokenExpiresAt: minutesLater(tokenMinutes) };
    leases.hear({ ...news, seenAt: clock.now() });
  };
  const expiresAt = minutesLater(10);
  const began = { session: 's', user: 'alice', tokenExpiresAt: expiresAt, seenAt: clock.now() };
  const validity = leases.follow(began, { idleMs: 12 * MINUTE, endsAt: minutesLater(30) }, lifetime);
  const session = isSession ? ({ method: 'session', validity } as const) : ({ method: 'jwt' } as const);
  const authentication = { user: createUser('alice'), expiresAt, ...session };
  // A body that says nothing, as a watch in which nothing happens.
  const body = { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => undefined) }) };
  const watch = { contentType: 'application/json', body, lastWords: () => '', fault: () => undefined };
  const nothing = () => undefined;
  const stages = { received: nothing, found: nothing, started: nothing };
  const observation = { ...stages, complete: nothing, panic: nothing };
  void createSendWatch(clock, GRACE)({ ...createResolved(), lifetime, authentication }, watch, observation);
  const endAfter = (minutes: number): void => {
    clock.advance(minutes * MINUTE - 1);
    assert.equal(lifetime.reason, undefined);
    clock.advance(1);
    assert.equal(lifetime.reason, 'credentialExpired');
    assert.equal(clock.pending, 0);
  };
  return { clock, lifetime, use, endAfter };
}

describe('a watch', () => {
  it('with a bearer token ends a grace after it', () => {
    setUp({ isSession: false }).endAfter(15);
  });

  it('in a session that is not used ends when that is idle, without a grace', () => {
    setUp().endAfter(12);
  });

  it('goes on with a session that is used, to a grace after the last token', () => {
    const { clock, use, endAfter } = setUp();
    clock.advance(8 * MINUTE);
    use(4);
    // The grace of a token that ends after 12 minutes; idle would be at 20.
    endAfter(9);
  });

  it('in a session that is renewed again and again ends with that, without a grace', () => {
    const { clock, use, endAfter } = setUp();
    for (const minutes of [9, 9, 9]) {
      clock.advance(minutes * MINUTE);
      use();
    }
    endAfter(3);
  });

  it('leaves no timer behind', () => {
    const { clock, lifetime } = setUp();
    lifetime.end('clientClosed');
    assert.equal(clock.pending, 0);
  });
});
