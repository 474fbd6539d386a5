// How long streams of a browser's session may go on: by what is heard of the session, and never by what is not.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { SessionNews } from '../../src/login-store/session-leases.ts';
import { CREDENTIAL_ID } from '../../src/core/user.ts';
import { Lifetime } from '../../src/core/lifetime.ts';
import { createSessionLeases, parseNews, toUserDigest } from '../../src/login-store/session-leases.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createUser } from '../support/resolved.ts';

const MINUTE = 60_000;

function setUp() {
  const clock = createFakeClock();
  const leases = createSessionLeases({ clock });
  const start = clock.now();
  const news = (changed: Partial<SessionNews> = {}): SessionNews => ({
    ...{ session: 's', user: 'alice', tokenExpiresAt: clock.now() + 5 * MINUTE, seenAt: clock.now() },
    ...changed,
  });
  const limits = { idleMs: 60 * MINUTE, endsAt: start + 100 * MINUTE };
  const lifetime = new Lifetime();
  const validity = leases.follow(news(), limits, lifetime);
  const minutes = (): readonly [number, number] => {
    const { expiresAt, endsAt } = validity();
    return [(expiresAt - start) / MINUTE, (endsAt - start) / MINUTE];
  };
  return { clock, leases, news, limits, lifetime, minutes };
}

describe('a stream in a session', () => {
  it('ends with what it began with when nothing is heard', () => {
    const { clock, minutes } = setUp();
    clock.advance(30 * MINUTE);
    assert.deepEqual(minutes(), [5, 60]);
  });

  it('goes on with each renewal and each use, up to the end of the session', () => {
    const { clock, leases, news, minutes } = setUp();
    clock.advance(4 * MINUTE);
    leases.hear(news());
    assert.deepEqual(minutes(), [9, 64]);
    clock.advance(50 * MINUTE);
    leases.hear(news());
    assert.deepEqual(minutes(), [59, 100], 'absolute stands');
  });

  it('is not cut shorter by what is heard late', () => {
    const { clock, leases, news, minutes } = setUp();
    const late = news();
    clock.advance(MINUTE);
    leases.hear(news());
    leases.hear(late);
    leases.hear({ ...late, tokenExpiresAt: 0, seenAt: 0 });
    assert.deepEqual(minutes(), [6, 61]);
  });

  it('is not prolonged by another session, nor with the token of a user who is not quite the same', () => {
    const { clock, leases, news, minutes } = setUp();
    clock.advance(4 * MINUTE);
    leases.hear(news({ session: 't' }));
    assert.deepEqual(minutes(), [5, 60]);
    leases.hear(news({ user: 'alice, of fewer groups' }));
    assert.deepEqual(minutes(), [5, 64], 'it is used, and that is all');
  });

  it('takes nothing from a clock that is ahead', () => {
    const { clock, leases, news, minutes } = setUp();
    leases.hear(news({ seenAt: clock.now() + 40 * MINUTE }));
    assert.deepEqual(minutes(), [5, 60]);
  });

  it('hears nothing any more once it has ended, and neither does one that had ended before', () => {
    const { clock, leases, news, limits, lifetime, minutes } = setUp();
    lifetime.end('completed');
    const over = leases.follow(news(), limits, lifetime);
    const before = over();
    clock.advance(4 * MINUTE);
    leases.hear(news());
    assert.deepEqual(minutes(), [5, 60]);
    assert.deepEqual(over(), before);
  });

  it('hears of its session beside others that have ended', () => {
    const { clock, leases, news, limits, minutes } = setUp();
    const other = new Lifetime();
    leases.follow(news(), limits, other);
    other.end('clientClosed');
    clock.advance(4 * MINUTE);
    leases.hear(news());
    assert.deepEqual(minutes(), [9, 64]);
  });
});

describe('what is told of a session', () => {
  it('is read back as it was written, and nothing else is', () => {
    const { news } = setUp();
    assert.deepEqual(parseNews(JSON.parse(JSON.stringify(news()))), news());
    for (const value of [
      undefined,
      null,
      'text',
      {},
      { ...news(), session: 1 },
      { ...news(), user: null },
      { ...news(), tokenExpiresAt: 'later' },
      { ...news(), seenAt: Infinity },
    ])
      assert.equal(parseNews(value), undefined);
  });

  it('tells users apart by all that rules may ask about, and by nothing else', () => {
    const alice = { ...createUser('alice'), groups: ['a', 'b'], extra: { x: ['1'], y: ['2'] } };
    const same = { ...alice, groups: ['b', 'a'], extra: { y: ['2'], x: ['1'] } };
    assert.equal(toUserDigest(alice), toUserDigest(same));
    const withId = { ...alice, extra: { ...alice.extra, [CREDENTIAL_ID]: ['JTI=1'] } };
    assert.equal(toUserDigest(alice), toUserDigest(withId), 'each token has its own');
    for (const other of [
      { ...alice, name: 'bob' },
      { ...alice, uid: '1' },
      { ...alice, groups: ['a'] },
      { ...alice, groups: ['a', 'b', 'c'] },
      { ...alice, groups: ['a,b'] },
      { ...alice, extra: { x: ['1'] } },
      { ...alice, extra: { x: ['1', '2'], y: ['2'] } },
    ])
      assert.notEqual(toUserDigest(alice), toUserDigest(other));
  });
});
