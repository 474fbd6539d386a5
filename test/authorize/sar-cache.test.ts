import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { EVERYONE } from '../../src/authorize/affected.ts';
import { createDecisionCache, createKeys, isCacheable } from '../../src/authorize/sar-cache.ts';
import type { Attributes } from '../../src/core/attributes.ts';
import type { Decision } from '../../src/core/decision.ts';
import type { User } from '../../src/core/user.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createAttributes, createUser } from '../support/resolved.ts';

const allow: Decision = { kind: 'allow', reason: 'a' };
const deny: Decision = { kind: 'deny', reason: 'd' };
const bob = createUser('bob', { groups: ['dev'] });
const noOpinion: Decision = { kind: 'noOpinion', reason: 'n' };

describe('the cache of decisions', () => {
  const options = { authorizedTtlMs: 300_000, unauthorizedTtlMs: 30_000, maxEntries: 2 };

  it('keeps an allow for one time and everything else for another', () => {
    const clock = createFakeClock();
    const cache = createDecisionCache({ clock }, options);
    cache.set('a', bob, allow);
    cache.set('d', bob, deny);
    cache.set('n', bob, noOpinion);
    clock.advance(30_000);
    assert.deepEqual([cache.get('a'), cache.get('d'), cache.get('n')], [allow, deny, noOpinion]);
    clock.advance(1);
    assert.deepEqual([cache.get('a'), cache.get('d'), cache.get('n')], [allow, undefined, undefined]);
    clock.advance(299_999 - 30_000);
    assert.equal(cache.get('a'), allow);
    clock.advance(2);
    assert.equal(cache.get('a'), undefined);
  });

  it('does not prolong a decision that is used', () => {
    const clock = createFakeClock();
    const cache = createDecisionCache({ clock }, options);
    cache.set('a', bob, allow);
    for (let i = 0; i < 4; i += 1) {
      clock.advance(70_000);
      assert.equal(cache.get('a'), allow);
    }
    clock.advance(70_000);
    assert.equal(cache.get('a'), undefined);
  });

  it('keeps nothing for a time of zero', () => {
    const cache = createDecisionCache(
      { clock: createFakeClock() },
      { authorizedTtlMs: 0, unauthorizedTtlMs: 0, maxEntries: 2 },
    );
    cache.set('a', bob, allow);
    cache.set('d', bob, deny);
    assert.deepEqual([cache.get('a'), cache.get('d')], [undefined, undefined]);
  });

  it('does not give up an allow for refusals', () => {
    const cache = createDecisionCache({ clock: createFakeClock() }, options);
    cache.set('a', bob, allow);
    for (let i = 0; i < 10; i += 1) cache.set(`d${i}`, bob, deny);
    assert.equal(cache.get('a'), allow);
    assert.deepEqual([cache.authorizedCount, cache.unauthorizedCount], [1, 2]);
    assert.equal(cache.forget(EVERYONE), 3);
    assert.deepEqual([cache.get('a'), cache.authorizedCount, cache.unauthorizedCount], [undefined, 0, 0]);
  });

  it('forgets what was decided about the users who are named, or are in a group that is', () => {
    const cache = createDecisionCache({ clock: createFakeClock() }, { ...options, maxEntries: 10 });
    const ann = createUser('ann', { groups: ['ops'] });
    const subjects = (users: string[], groups: string[]) => ({
      kind: 'subjects' as const,
      users: new Set(users),
      groups: new Set(groups),
    });
    cache.set('bob', bob, allow);
    cache.set('bob2', bob, deny);
    cache.set('ann', ann, allow);
    assert.equal(cache.forget(subjects(['dev', 'carol'], ['bob', 'ann'])), 0);
    assert.equal(cache.forget(subjects(['bob'], [])), 2);
    assert.deepEqual([cache.get('bob'), cache.get('bob2'), cache.get('ann')], [undefined, undefined, allow]);
    assert.equal(cache.forget(subjects([], ['ops'])), 1);
    assert.equal(cache.get('ann'), undefined);
  });

  it('keeps nothing for longer than is said at the moment of asking', () => {
    const clock = createFakeClock();
    let maxAge = Infinity;
    const cache = createDecisionCache({ clock, maxAgeMs: () => maxAge }, options);
    cache.set('a', bob, allow);
    clock.advance(10_001);
    assert.equal(cache.get('a'), allow);
    maxAge = 10_000;
    assert.equal(cache.get('a'), undefined);
    maxAge = Infinity;
    assert.equal(cache.get('a'), allow);
    maxAge = 0;
    cache.set('b', bob, allow);
    assert.equal(cache.get('b'), undefined);
  });

  it('has nothing stale unless that is asked for, and then no older than that', () => {
    const clock = createFakeClock();
    const plain = createDecisionCache({ clock }, options);
    const cache = createDecisionCache({ clock }, { ...options, staleAllowMs: 600_000 });
    plain.set('a', bob, allow);
    cache.set('a', bob, allow);
    clock.advance(400_000);
    assert.deepEqual([plain.get('a'), plain.stale('a')], [undefined, undefined]);
    assert.equal(cache.get('a'), undefined);
    assert.deepEqual(cache.stale('a'), { decision: allow, ageMs: 400_000 });
    clock.advance(200_001);
    assert.equal(cache.stale('a'), undefined);
  });

  it('has no stale allow of what was refused since, nor of what was forgotten', () => {
    const clock = createFakeClock();
    const cache = createDecisionCache({ clock }, { ...options, staleAllowMs: 600_000 });
    cache.set('a', bob, allow);
    clock.advance(1000);
    cache.set('a', bob, deny);
    clock.advance(40_000);
    assert.equal(cache.stale('a')?.decision, deny);
    cache.set('b', bob, allow);
    cache.forget(EVERYONE);
    assert.equal(cache.stale('b'), undefined);
  });
});

/** Short strings full of what keys have been joined with elsewhere. */
const text = fc.string({
  unit: fc.constantFrom('a', 'b', ',', ':', '/', '"', '\\', '[', ']', '\0', '\n', '|'),
  maxLength: 4,
});
const user: fc.Arbitrary<User> = fc.record({
  name: text,
  uid: text,
  groups: fc.array(text, { maxLength: 3 }),
  extra: fc.dictionary(text, fc.array(text, { maxLength: 2 }), { maxKeys: 2 }),
});
const attributes: fc.Arbitrary<Attributes> = fc
  .record({ verb: text, subresource: text, namespace: text, name: text })
  .chain((parts) =>
    fc.constantFrom<Attributes>(
      { ...createAttributes(), ...parts, resource: 'nodes' },
      { ...createAttributes(), ...parts, resource: 'pods' },
    ),
  );

describe('the key of a question', () => {
  const toTuple = (u: User, a: Attributes): unknown => [u.name, u.uid, u.groups, Object.entries(u.extra), a];
  const isSame = (a: unknown, b: unknown): boolean => {
    try {
      assert.deepStrictEqual(a, b);
      return true;
    } catch {
      return false;
    }
  };

  it('is the same exactly for the same question (S29)', () => {
    const toKey = createKeys();
    fc.assert(
      fc.property(user, attributes, user, attributes, (userA, a, userB, b) => {
        const same = isSame(toTuple(userA, a), toTuple(userB, b));
        assert.equal(toKey(userA, a) === toKey(userB, b), same);
      }),
      { numRuns: 500 },
    );
  });

  it('does not let text move from one part to the next', () => {
    const toKey = createKeys();
    const keys = [
      toKey(createUser('a', { groups: ['b', 'c'] }), createAttributes()),
      toKey(createUser('a', { groups: ['b,c'] }), createAttributes()),
      toKey(createUser('a', { groups: ['b","c'] }), createAttributes()),
      toKey(createUser('a","b', { groups: ['c'] }), createAttributes()),
      toKey(createUser('a', { uid: 'b', groups: ['c'] }), createAttributes()),
      toKey(createUser('a', { groups: ['c', 'b'] }), createAttributes()),
      toKey(createUser('a', { groups: ['b'], extra: { c: [] } }), createAttributes()),
      toKey(createUser('a', { groups: ['b'], extra: { c: [''] } }), createAttributes()),
      toKey(createUser('a', { groups: ['b'], extra: { c: ['', ''] } }), createAttributes()),
      toKey(
        createUser('a', { groups: ['b'], extra: JSON.parse('{"__proto__":["c"]}') as User['extra'] }),
        createAttributes(),
      ),
      toKey(createUser('a'), createAttributes({ namespace: 'x', name: 'y' })),
      toKey(createUser('a'), createAttributes({ namespace: 'x","y', name: '' })),
      toKey(createUser('a'), createAttributes({ namespace: '', name: 'x","y' })),
      toKey(createUser('\ud800'), createAttributes()),
      toKey(createUser('\ufffd'), createAttributes()),
    ];
    assert.equal(new Set(keys).size, keys.length);
  });

  it('is that of the values and not of the objects', () => {
    const toKey = createKeys();
    const bob = createUser('bob', { groups: ['x'], extra: { k: ['v'] } });
    assert.equal(toKey(bob, createAttributes()), toKey(structuredClone(bob), createAttributes()));
    assert.equal(toKey(bob, createAttributes()), createKeys()(bob, createAttributes()));
  });

  it('stays short for a user in very many groups', () => {
    const groups = Array.from({ length: 2000 }, (_, i) => `group-${i}`);
    assert.ok(createKeys()(createUser('bob', { groups }), createAttributes()).length < 200);
  });
});

describe('what may be kept', () => {
  const rest = 'get'.length + 'v1'.length + 'nodes'.length + 'proxy'.length;
  const rows: readonly [string, string, boolean][] = [
    ['an ordinary question', 'node-1', true],
    ['9,999 bytes', 'n'.repeat(9999 - rest), true],
    ['10,000 bytes', 'n'.repeat(10_000 - rest), false],
    ['9,999 bytes in fewer characters', 'é'.repeat((9999 - rest - 1) / 2) + 'n', true],
    ['10,001 bytes in fewer characters', 'é'.repeat((9999 - rest - 1) / 2) + 'nnn', false],
  ];
  for (const [what, name, want] of rows) {
    it(what, () => assert.equal(isCacheable(createAttributes({ name })), want));
  }
});
