// Sessions of browsers, by themselves: their times, their renewal, and what is done when somebody cannot be asked.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import type { Session } from '../../src/browser-session/session.ts';
import type { Authentication } from '../../src/core/user.ts';
import type { Renewed } from '../../src/identify/session-renewal.ts';
import { createSessionSealer } from '../../src/browser-session/session-cookie.ts';
import { Fault } from '../../src/core/fault.ts';
import { HeaderLines } from '../../src/core/headers.ts';
import { Secret } from '../../src/core/secret.ts';
import { createIdentify } from '../../src/identify/identify.ts';
import { createOpenSession } from '../../src/identify/session.ts';
import { createMemoryStore } from '../../src/login-store/memory.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createKeptLog } from '../support/kept-log.ts';
import { createReceived } from '../support/received.ts';
import { createUser } from '../support/resolved.ts';

const MINUTE = 60_000;
const LIMITS = { idleMs: 30 * MINUTE, absoluteMs: 120 * MINUTE };
const issuer = 'https://idp.example';

type Changed = Partial<Omit<Session, 'refreshToken'>> & { readonly refreshToken?: string | undefined };

function setUp() {
  const clock = createFakeClock();
  const log = createKeptLog();
  const key = new Secret(randomBytes(32).toString('base64'));
  const sealer = createSessionSealer([key], LIMITS);
  const store = createMemoryStore({ clock, log }, { rememberMs: 1e9 });
  const state = {
    problem: undefined as string | undefined,
    renewals: 0,
    renew: (): Promise<Renewed> =>
      Promise.resolve({ idToken: `alice ${clock.now() + 10 * MINUTE}`, refreshToken: 'r2' }),
  };
  /** A token is a name and when it is over. */
  const authenticate = (token: string): Authentication => {
    const [name = '', until = '0'] = token.split(' ');
    if (Number(until) <= clock.now()) throw new Fault('Unauthorized', 'it has expired');
    const signIn = { issuer, subject: name, at: clock.now() };
    return { user: createUser(name), method: 'jwt', issuer, signIn, expiresAt: Number(until) };
  };
  const used: { id: string; tokenExpiresAt: number; isNews: boolean }[] = [];
  const openSession = createOpenSession(
    {
      clock,
      log,
      store: { ...store, problem: () => state.problem },
      sealer,
      authenticate,
      renew: ({ refreshToken }) =>
        refreshToken === undefined
          ? undefined
          : () => {
              state.renewals++;
              return state.renew();
            },
      onUsed: ({ session: { id, tokenExpiresAt }, isNews }) => used.push({ id, tokenExpiresAt, isNews }),
    },
    LIMITS,
  );
  const open = (headers: HeaderLines, isUse = true) => openSession({ headers, isUse });
  const session: Session = {
    id: 'id',
    provider: 'demo',
    idToken: `alice ${clock.now() + 10 * MINUTE}`,
    tokenExpiresAt: clock.now() + 10 * MINUTE,
    refreshToken: 'r1',
    issuer,
    subject: 'alice',
    signedInAt: clock.now(),
    startedAt: clock.now(),
    seenAt: clock.now(),
  };
  const toHeaders = (lines: readonly string[]): HeaderLines =>
    new HeaderLines(['Cookie', lines.map((line) => line.split(';', 1)[0]).join('; ')]);
  const headersOf = async (changed: Changed = {}): Promise<HeaderLines> => {
    const { refreshToken = 'r1', ...rest } = { ...session, ...changed };
    const whole =
      'refreshToken' in changed && changed.refreshToken === undefined ? rest : { ...rest, refreshToken };
    return toHeaders(await sealer.set(whole, new Map(), clock.now()));
  };
  return { clock, log, store, state, used, openSession, open, session, sealer, headersOf, toHeaders };
}

describe('a session', () => {
  it('is its user, by the rules of the issuer, and the cookie stays as it is', async () => {
    const { open, headersOf } = setUp();
    const outcome = await open(await headersOf());
    assert.equal(outcome.kind, 'open');
    assert.equal(outcome.authentication.user.name, 'alice');
    assert.equal(outcome.authentication.method, 'session');
    assert.equal(outcome.authentication.signIn?.session, 'id');
    assert.deepEqual(outcome.setCookies, []);
    assert.equal((await open(new HeaderLines([]))).kind, 'none');
    assert.equal((await open(new HeaderLines(['Cookie', 'a=b']))).kind, 'none');
  });

  it('is over when it is not used, or is too old, or comes from the future', async () => {
    const { clock, open, headersOf } = setUp();
    const now = clock.now();
    const far = { idToken: `alice ${now + 1e9}`, tokenExpiresAt: now + 1e9 };
    for (const [changed, why] of [
      [{ seenAt: now - 30 * MINUTE }, 'idle'],
      [{ startedAt: now - 120 * MINUTE }, 'absolute'],
      [{ startedAt: now + 2 * MINUTE, seenAt: now + 2 * MINUTE }, 'future'],
    ] as const) {
      const outcome = await open(await headersOf({ ...far, ...changed }));
      assert.equal(outcome.kind === 'over' && outcome.why, why);
      assert.ok(outcome.kind === 'over' && outcome.setCookies.every((line) => line.endsWith('Max-Age=0')));
    }
    const almost = await open(await headersOf({ ...far, seenAt: now - 30 * MINUTE + 1 }));
    assert.equal(almost.kind, 'open');
    assert.equal(almost.setCookies.length, 1, 'it was used now');
  });

  it('lives on while it is used, and ends all the same', async () => {
    const { clock, open, session, headersOf, toHeaders } = setUp();
    let headers = await headersOf({
      idToken: `alice ${session.startedAt + 1e9}`,
      tokenExpiresAt: session.startedAt + 1e9,
    });
    for (let at = 20; at < 120; at += 20) {
      clock.advance(20 * MINUTE);
      const outcome = await open(headers);
      assert.equal(outcome.kind, 'open', `after ${at} minutes`);
      assert.ok(outcome.authentication.expiresAt <= session.startedAt + LIMITS.absoluteMs);
      headers = toHeaders(outcome.setCookies);
    }
    clock.advance(20 * MINUTE);
    const last = await open(headers);
    assert.equal(last.kind === 'over' && last.why, 'absolute');
  });

  it('that was ended is over, whichever copy of its cookie comes', async () => {
    const { store, open, headersOf } = setUp();
    const headers = await headersOf();
    await store.revoke({ kind: 'session', session: 'id' });
    for (const one of [headers, await headersOf({ refreshToken: 'other' })]) {
      const outcome = await open(one);
      assert.equal(outcome.kind === 'over' && outcome.why, 'signedOut');
    }
  });

  it('is not judged while it is not known what has been ended', async () => {
    const { state, open, headersOf } = setUp();
    state.problem = 'silent';
    await assert.rejects(open(await headersOf()), { reason: 'ServiceUnavailable' });
  });

  it('is told of whenever it was used, as news when its cookie changes, and never when it does not count', async () => {
    const { clock, store, state, used, session, open, headersOf } = setUp();
    const { id, tokenExpiresAt } = session;
    const headers = await headersOf();
    await open(headers);
    clock.advance(9 * MINUTE);
    await open(headers);
    clock.advance(31_000);
    await open(headers);
    const later = clock.now() + 10 * MINUTE;
    assert.deepEqual(used, [
      { id, tokenExpiresAt, isNews: false },
      { id, tokenExpiresAt, isNews: true },
      { id, tokenExpiresAt: later, isNews: true },
    ]);
    used.length = 0;
    await open(await headersOf({ idToken: `mallory ${later}`, tokenExpiresAt: later }));
    await open(await headersOf({ startedAt: clock.now() - LIMITS.absoluteMs }));
    state.renew = () => Promise.reject(new Fault('Unauthorized', 'no'));
    await open(await headersOf({ id: 'other' }));
    await store.revoke({ kind: 'session', session: id });
    await open(headers);
    assert.deepEqual(used, []);
  });

  it('must name whom it was made for', async () => {
    const { clock, open, headersOf } = setUp();
    const outcome = await open(await headersOf({ idToken: `mallory ${clock.now() + MINUTE}` }));
    assert.equal(outcome.kind === 'over' && outcome.why, 'refused');
  });
});

describe('a request that another site has made the browser send', () => {
  const origins = new Set(['https://gateway.example']);

  it('is refused, and keeps no session from being idle', async () => {
    const { clock, used, openSession, headersOf } = setUp();
    const set: (readonly string[])[] = [];
    const identify = createIdentify({
      certificate: undefined,
      token: undefined,
      session: {
        open: openSession,
        origins,
        follow: ({ authentication }) => authentication,
        setCookies: (_received, lines) => set.push(lines),
      },
    });
    const cookie = (await headersOf()).first('cookie') ?? '';
    const ask = async (site: string) =>
      identify(createReceived(['Host', 'gateway.example', 'Cookie', cookie, 'Sec-Fetch-Site', site]));
    clock.advance(5 * MINUTE);
    for (const site of ['same-site', 'cross-site'])
      await assert.rejects(ask(site), { reason: 'Forbidden' }, site);
    assert.deepEqual([used, set], [[], []]);
    await ask('same-origin');
    assert.deepEqual([used.length, set.length], [1, 1]);
  });

  it('is no use of the session where a page answers it, and renews nothing', async () => {
    const { clock, state, used, open, headersOf } = setUp();
    const headers = await headersOf();
    for (const ms of [5 * MINUTE, 4 * MINUTE + 31_000, 28_000]) {
      clock.advance(ms);
      const outcome = await open(headers, false);
      assert.deepEqual(outcome.kind === 'open' && outcome.setCookies, [], 'it counts until its end');
    }
    clock.advance(2_000);
    const over = await open(headers, false);
    assert.deepEqual([over.kind, over.kind === 'over' && over.why], ['over', 'expired']);
    assert.deepEqual([used, state.renewals], [[], 0]);
    assert.equal((await open(headers)).kind, 'open', 'the person may still renew it');
    assert.equal(state.renewals, 1);
  });
});

describe('an ID token that runs out', () => {
  it('is renewed before, once for all who ask at once and for those who come late', async () => {
    const { clock, state, open, headersOf, toHeaders } = setUp();
    const headers = await headersOf();
    clock.advance(9 * MINUTE + 31_000);
    const outcomes = await Promise.all([open(headers), open(headers), open(headers)]);
    for (const outcome of outcomes) assert.equal(outcome.kind, 'open');
    const late = await open(headers);
    assert.equal(late.kind, 'open');
    assert.equal(state.renewals, 1);
    assert.equal(late.session.refreshToken, 'r2');
    const next = await open(toHeaders(late.setCookies));
    assert.equal(next.kind, 'open');
    assert.equal(state.renewals, 1);
  });

  it('ends the session when the provider does not renew it, and keeps it known whose it was', async () => {
    const { clock, state, open, headersOf } = setUp();
    state.renew = () => Promise.reject(new Fault('Unauthorized', 'no'));
    const headers = await headersOf();
    clock.advance(9 * MINUTE + 31_000);
    const outcome = await open(headers);
    assert.equal(outcome.kind === 'over' && outcome.why, 'expired');
    assert.ok(outcome.kind === 'over' && outcome.session?.provider === 'demo');
  });

  it('counts until its end while the provider is away, and no longer', async () => {
    const { clock, state, open, headersOf } = setUp();
    state.renew = () => Promise.reject(new Fault('ServiceUnavailable', 'away'));
    const headers = await headersOf();
    clock.advance(9 * MINUTE + 31_000);
    assert.equal((await open(headers)).kind, 'open');
    clock.advance(MINUTE);
    await assert.rejects(open(headers), { reason: 'ServiceUnavailable' });
    state.renew = () => Promise.resolve({ idToken: `alice ${clock.now() + 10 * MINUTE}` });
    assert.equal((await open(headers)).kind, 'open', 'a failure is not kept');
  });

  it('is renewed for the same person only', async () => {
    const { clock, state, open, headersOf } = setUp();
    state.renew = () => Promise.resolve({ idToken: `mallory ${clock.now() + 10 * MINUTE}` });
    const headers = await headersOf();
    clock.advance(9 * MINUTE + 31_000);
    const outcome = await open(headers);
    assert.equal(outcome.kind === 'over' && outcome.why, 'expired');
  });

  it('without anything to renew it with ends the session then', async () => {
    const { clock, open, headersOf } = setUp();
    const headers = await headersOf({ refreshToken: undefined });
    clock.advance(9 * MINUTE + 59_000);
    assert.equal((await open(headers)).kind, 'open');
    clock.advance(2_000);
    const outcome = await open(headers);
    assert.equal(outcome.kind === 'over' && outcome.why, 'expired');
  });
});
