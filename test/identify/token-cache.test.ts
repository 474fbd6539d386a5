import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { unauthorized } from '../../src/identify/refusals.ts';
import { createTokenCache } from '../../src/identify/token-cache.ts';
import type { TokenCache } from '../../src/identify/token-cache.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import type { FakeClock } from '../support/fake-clock.ts';
import { createUser } from '../support/resolved.ts';

interface Setup {
  readonly clock: FakeClock;
  readonly calls: string[];
  readonly cache: TokenCache;
  holds: boolean;
}

function setUp(options: { ttlMs?: number; maxEntries?: number; lifetimeMs?: number } = {}): Setup {
  const clock = createFakeClock();
  const expiresAt = clock.now() + (options.lifetimeMs ?? 3_600_000);
  const calls: string[] = [];
  const setup: Setup = {
    clock,
    calls,
    cache: createTokenCache({ clock, verify }, limits(options)),
    holds: true,
  };
  async function verify(token: string): ReturnType<Parameters<typeof createTokenCache>[0]['verify']> {
    calls.push(token);
    await Promise.resolve();
    if (token === 'bad') throw unauthorized('no');
    return {
      authentication: { user: createUser(token), method: 'jwt', expiresAt },
      holds: () => setup.holds,
    };
  }
  return setup;
}

const limits = ({ ttlMs = 60_000, maxEntries = 10 }): { ttlMs: number; maxEntries: number } => ({
  ttlMs,
  maxEntries,
});

describe('the token cache', () => {
  it('verifies once and then answers without a promise', async () => {
    const { cache, calls } = setUp();
    const first = await cache('a');
    assert.equal(cache('a'), first);
    assert.deepEqual(calls, ['a']);
  });

  it('forgets all at a flush, and keeps nothing that was under way then', async () => {
    const { cache, calls } = setUp();
    await cache('a');
    const before = cache('b');
    cache.flush();
    await before;
    await Promise.all([cache('a'), cache('b')]);
    assert.deepEqual(calls, ['a', 'b', 'a', 'b']);
  });

  it('keeps users apart', async () => {
    const { cache } = setUp();
    assert.deepEqual([(await cache('a')).user.name, (await cache('b')).user.name], ['a', 'b']);
    assert.equal((await cache('a')).user.name, 'a');
  });

  it('forgets after its time', async () => {
    const { cache, calls, clock } = setUp();
    await cache('a');
    clock.advance(59_999);
    await cache('a');
    assert.equal(calls.length, 1);
    clock.advance(1);
    await cache('a');
    assert.equal(calls.length, 2);
  });

  it('keeps nothing past its expiry', async () => {
    const { cache, calls, clock } = setUp({ lifetimeMs: 5_000 });
    await cache('a');
    clock.advance(5_000);
    await cache('a');
    await cache('a');
    assert.equal(calls.length, 3);
  });

  it('keeps nothing with a time of 0', async () => {
    const { cache, calls } = setUp({ ttlMs: 0 });
    await cache('a');
    await cache('a');
    assert.equal(calls.length, 2);
  });

  it('asks at each hit whether the verification holds', async () => {
    const setup = setUp();
    await setup.cache('a');
    setup.holds = false;
    await setup.cache('a');
    assert.equal(setup.calls.length, 2);
  });

  it('verifies equal tokens that come at once only once', async () => {
    const { cache, calls } = setUp();
    await Promise.all([cache('a'), cache('a'), cache('b'), cache('a')]);
    assert.deepEqual(calls, ['a', 'b']);
  });

  it('tells all of them of a failure, and keeps none', async () => {
    const { cache, calls } = setUp();
    const results = await Promise.allSettled([cache('bad'), cache('bad')]);
    assert.deepEqual(
      results.map(({ status }) => status),
      ['rejected', 'rejected'],
    );
    await assert.rejects(async () => cache('bad'), { reason: 'Unauthorized' });
    assert.equal(calls.length, 2);
  });

  it('is bounded', async () => {
    const { cache, calls } = setUp({ maxEntries: 2 });
    for (const token of ['a', 'b', 'c', 'a']) await cache(token);
    assert.deepEqual(calls, ['a', 'b', 'c', 'a']);
  });
});
