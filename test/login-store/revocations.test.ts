// Which sign-ins a revocation ends, and for how long it is remembered.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { SignIn } from '../../src/core/user.ts';
import type { Revocation } from '../../src/login-store/revocations.ts';
import { Lifetime } from '../../src/core/lifetime.ts';
import { createLiveSignIns } from '../../src/login-store/live-sign-ins.ts';
import { createMemoryStore } from '../../src/login-store/memory.ts';
import { createRevocationList, parseRevocation } from '../../src/login-store/revocations.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createKeptLog } from '../support/kept-log.ts';

const issuer = 'https://idp.example';
const alice: SignIn = { issuer, subject: 'alice', sid: 's1', at: 1000, session: 'x1' };

const rows: readonly (readonly [string, Revocation, SignIn, boolean])[] = [
  ['its session', { kind: 'session', session: 'x1' }, alice, true],
  ['another session', { kind: 'session', session: 'x2' }, alice, false],
  ['its sid', { kind: 'sid', issuer, sid: 's1' }, alice, true],
  ['the sid of another issuer', { kind: 'sid', issuer: 'https://other', sid: 's1' }, alice, false],
  ['another sid', { kind: 'sid', issuer, sid: 's2' }, alice, false],
  ['its person', { kind: 'subject', issuer, subject: 'alice', until: 1000 }, alice, true],
  ['its person, before it began', { kind: 'subject', issuer, subject: 'alice', until: 999 }, alice, false],
  [
    'the person of another issuer',
    { kind: 'subject', issuer: 'https://other', subject: 'alice', until: 9e9 },
    alice,
    false,
  ],
  ['another person', { kind: 'subject', issuer, subject: 'al', until: 9e9 }, alice, false],
  [
    'a sid, of a bearer token',
    { kind: 'sid', issuer, sid: 's1' },
    { issuer, subject: 'alice', sid: 's1', at: 5 },
    true,
  ],
  [
    'a sid, of a token without one',
    { kind: 'sid', issuer, sid: 's1' },
    { issuer, subject: 'alice', at: 5 },
    false,
  ],
  [
    'unnamed sessions, and has a name',
    { kind: 'subject', issuer, subject: 'alice', until: 9e9, unnamedSessions: true },
    alice,
    false,
  ],
  [
    'unnamed sessions, as one of them',
    { kind: 'subject', issuer, subject: 'alice', until: 9e9, unnamedSessions: true },
    { issuer, subject: 'alice', at: 5, session: 'x1' },
    true,
  ],
  [
    'unnamed sessions, as a token',
    { kind: 'subject', issuer, subject: 'alice', until: 9e9, unnamedSessions: true },
    { issuer, subject: 'alice', at: 5 },
    false,
  ],
];

describe('a sign-in', () => {
  for (const [what, revocation, signIn, isOver] of rows) {
    it(`is ${isOver ? '' : 'not '}over with ${what}`, () => {
      const clock = createFakeClock();
      const list = createRevocationList({ clock });
      list.add(revocation, clock.now() + 1000);
      assert.equal(list.isRevoked(signIn), isOver);
      clock.advance(1000);
      assert.equal(list.isRevoked(signIn), false, 'forgotten in time');
      const live = createLiveSignIns();
      const lifetime = new Lifetime();
      live.add(signIn, lifetime);
      assert.equal(live.end(revocation), isOver ? 1 : 0);
      assert.equal(lifetime.reason, isOver ? 'signedOut' : undefined);
    });
  }
});

describe('the list', () => {
  it('does not let an older logout of a person undo a later one', () => {
    const clock = createFakeClock();
    const list = createRevocationList({ clock });
    const until = (ms: number): Revocation => ({ kind: 'subject', issuer, subject: 'alice', until: ms });
    assert.equal(list.add(until(2000), clock.now() + 1000), true);
    assert.equal(list.add(until(500), clock.now() + 1000), false);
    assert.equal(list.add(until(500), clock.now() + 2000), true);
    assert.equal(list.isRevoked({ ...alice, at: 1500 }), true);
  });

  it('is bounded, and says when it forgets', () => {
    const clock = createFakeClock();
    let dropped = 0;
    const list = createRevocationList({ clock, onDropped: () => dropped++ }, { maxEntries: 3 });
    for (const session of ['1', '2', '3', '4']) list.add({ kind: 'session', session }, clock.now() + 1000);
    assert.equal(dropped, 1);
    assert.equal([...list.entries()].length, 3);
    assert.equal(list.isRevoked({ ...alice, session: '1' }), false);
    assert.equal(list.isRevoked({ ...alice, session: '4' }), true);
    clock.advance(1000);
    list.add({ kind: 'session', session: '5' }, clock.now() + 1000);
    assert.equal(dropped, 1, 'what is over makes room first');
  });

  it('is read back from text, and nothing else is', () => {
    for (const [, revocation] of rows)
      assert.deepEqual(parseRevocation(JSON.stringify(revocation)), revocation);
    for (const text of [
      '',
      '{',
      'null',
      '[]',
      '{"kind":"sid"}',
      '{"kind":"session"}',
      '{"kind":"subject","issuer":"x"}',
    ]) {
      assert.equal(parseRevocation(text), undefined, text);
    }
  });

  it('lets go of exchanges that have ended', () => {
    const live = createLiveSignIns();
    const lifetime = new Lifetime();
    live.add(alice, lifetime);
    lifetime.end('completed');
    assert.equal(live.end({ kind: 'session', session: 'x1' }), 0);
    live.add(alice, lifetime);
    assert.equal(live.end({ kind: 'session', session: 'x1' }), 0);
  });
});

describe('the store of one gateway', () => {
  it('tells whoever listens, and takes a name once', async () => {
    const clock = createFakeClock();
    const store = createMemoryStore({ clock, log: createKeptLog() }, { rememberMs: 1000 });
    const told: Revocation[] = [];
    const withdraw = store.onRevoked((revocation) => told.push(revocation));
    await store.revoke({ kind: 'session', session: 'x1' });
    withdraw();
    await store.revoke({ kind: 'session', session: 'x2' });
    assert.deepEqual(told, [{ kind: 'session', session: 'x1' }]);
    assert.equal(store.isRevoked(alice), true);
    assert.equal(store.problem(), undefined);
    assert.equal(await store.once('a', 100), true);
    assert.equal(await store.once('a', 100), false);
    assert.equal(await store.once('b', 100), true);
    clock.advance(100);
    assert.equal(await store.once('a', 100), true);
  });
});
