// The life of what is issued: one at a time, renewed in time, used to its end and not beyond.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Fault } from '../../src/core/fault.ts';
import type { KubeletCredential } from '../../src/core/node.ts';
import { Secret } from '../../src/core/secret.ts';
import type { Issued, Issuing, RenewalOptions } from '../../src/credential/renewal.ts';
import { createRenewal, pretendingRenewal } from '../../src/credential/renewal.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createKeptLog } from '../support/kept-log.ts';

const HOUR_MS = 3_600_000;

function start({ random = () => 0.5, ...options }: RenewalOptions & { random?: () => number } = {}) {
  const clock = createFakeClock();
  const log = createKeptLog();
  const renewal = createRenewal({ clock, log, random }, options);
  const attempts: boolean[] = [];
  /** Flights that wait to be told what becomes of them. */
  const flights: {
    readonly key: string;
    land(ms?: number): Promise<void>;
    fail(error?: Error): Promise<void>;
  }[] = [];
  let count = 0;
  const toIssuing = (key = 'a'): Issuing => ({
    name: 'token',
    kind: 'bearerToken',
    key,
    timeoutMs: 10_000,
    problem: 'nobody issues it',
    fields: { credential: 'token' },
    onAttempt: (isSuccess) => void attempts.push(isSuccess),
    issue: (signal) => {
      const { promise, resolve, reject } = Promise.withResolvers<Issued>();
      const issuedAt = clock.now();
      count += 1;
      const id = count;
      signal.addEventListener('abort', () => reject(signal.reason as Error));
      flights.push({
        key,
        land: async (lifeMs = HOUR_MS) => {
          const material = { kind: 'bearerToken', token: new Secret(`t${id}`) } as const;
          const credential = { name: 'token', fingerprint: `${key}${id}`, material };
          resolve({ credential, issuedAt, expiresAt: issuedAt + lifeMs });
          await settled();
        },
        fail: async (error = new Error('no answer')) => {
          reject(error);
          await settled();
        },
      });
      return promise;
    },
  });
  const get = (key?: string): KubeletCredential | Promise<KubeletCredential> => renewal.get(toIssuing(key));
  const flight = (index: number) => {
    const found = flights[index];
    assert.ok(found, `flight ${index}`);
    return found;
  };
  /** The fingerprint of what is there now. */
  const now = (key?: string): string => {
    const found = get(key);
    assert.ok(!(found instanceof Promise), 'nothing is there');
    return found.fingerprint;
  };
  return { clock, log, renewal, attempts, flights, flight, get, now };
}

/** Promises that are settled have called back. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const isUnavailable = (error: unknown): boolean => {
  assert.ok(error instanceof Fault);
  assert.equal(error.code, 503);
  assert.equal(error.message, 'no usable credential for this node: nobody issues it');
  return true;
};

describe('what is issued', () => {
  it('is issued once for all who wait, and kept', async () => {
    const s = start();
    const waiting = [s.get(), s.get(), s.get()];
    assert.equal(s.flights.length, 1);
    await s.flight(0).land();
    const [first, ...others] = await Promise.all(waiting.map(async (credential) => credential));
    for (const other of others) assert.equal(other, first);
    assert.equal(s.get(), first);
    assert.equal(s.flights.length, 1);
    assert.deepEqual(s.attempts, [true]);
  });

  it('is another for another key', async () => {
    const s = start();
    const [a, b] = [s.get('a'), s.get('b')];
    await s.flight(0).land();
    await s.flight(1).land();
    assert.equal((await a).fingerprint, 'a1');
    assert.equal((await b).fingerprint, 'b2');
    assert.equal(s.now('a'), 'a1');
  });

  it('is renewed at 80 % of its life, once, and used until the new one is there', async () => {
    const s = start();
    void s.get();
    await s.flight(0).land();
    s.clock.advance(HOUR_MS * 0.8 - 1);
    s.now();
    assert.equal(s.flights.length, 1);
    s.clock.advance(1);
    assert.equal(s.now(), 'a1');
    assert.equal(s.now(), 'a1');
    assert.equal(s.flights.length, 2);
    await s.flight(1).land();
    assert.equal(s.now(), 'a2');
    assert.deepEqual(s.log.lines, []);
  });

  it('is renewed a little earlier or later than others, between 75 and 85 %', async () => {
    for (const [random, share] of [
      [0, 0.75],
      [0.999, 0.85],
    ] as const) {
      const s = start({ random: () => random });
      void s.get();
      await s.flight(0).land();
      s.clock.advance(HOUR_MS * share - 5_000);
      s.now();
      assert.equal(s.flights.length, 1, `${random}`);
      s.clock.advance(10_000);
      s.now();
      assert.equal(s.flights.length, 2, `${random}`);
    }
  });

  it('is used until it expires when it cannot be renewed, and then is 503 in words', async () => {
    const s = start();
    void s.get();
    await s.flight(0).land();
    s.clock.advance(HOUR_MS * 0.8);
    s.now();
    await s.flight(1).fail();
    assert.deepEqual(
      s.log.lines.map(({ level, message }) => [level, message]),
      [['error', 'the credential could not be renewed; the last one stays in use until it expires']],
    );
    assert.equal(s.now(), 'a1');
    // Not at once again; later it is, and an outage is told once.
    assert.equal(s.flights.length, 2);
    s.clock.advance(2_000);
    assert.equal(s.now(), 'a1');
    await s.flight(2).fail();
    assert.equal(s.log.lines.length, 1);
    s.clock.advance(HOUR_MS * 0.2 - 2_000 - 5_001);
    assert.equal(s.now(), 'a1');
    await s.flight(3).fail();
    s.clock.advance(1);
    assert.throws(() => s.get(), isUnavailable);
    s.clock.advance(60_000);
    const waiting = s.get();
    await s.flight(4).land();
    assert.equal((await waiting).fingerprint, 'a5');
    assert.equal(s.log.lines.at(-1)?.message, 'the credential is issued again');
    assert.deepEqual(s.attempts, [true, false, false, false, true]);
  });

  it('fails all who wait, and is tried again after a pause that grows to half a minute', async () => {
    const s = start({ random: () => 0 });
    let pauses = 0;
    for (const pauseMs of [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]) {
      const waiting = [s.get(), s.get()];
      const failed = waiting.map((credential) => assert.rejects(async () => credential, isUnavailable));
      await s.flight(pauses).fail();
      await Promise.all(failed);
      s.clock.advance(pauseMs - 1);
      assert.throws(() => s.get(), isUnavailable);
      s.clock.advance(1);
      pauses += 1;
    }
  });

  it('is given up when it takes too long', async () => {
    const s = start();
    const failed = assert.rejects(async () => s.get(), isUnavailable);
    s.clock.advance(10_000);
    await failed;
  });

  it('that has expired when it comes is none', async () => {
    const s = start();
    const failed = assert.rejects(async () => s.get(), isUnavailable);
    s.clock.advance(5_000);
    await s.flight(0).land(4_000);
    await failed;
  });

  it("passes an issuer's own refusal on", async () => {
    const s = start();
    const failed = assert.rejects(async () => s.get(), { code: 403, message: 'not you' });
    await s.flight(0).fail(new Fault('Forbidden', 'not you'));
    await failed;
  });

  it('is renewed when the clock was set back', async () => {
    const s = start();
    void s.get();
    await s.flight(0).land();
    s.clock.advance(-2 * HOUR_MS);
    assert.equal(s.now(), 'a1');
    assert.equal(s.flights.length, 2);
  });

  it('is not used in its last moments, however short its life', async () => {
    const s = start();
    void s.get();
    await s.flight(0).land(10_000);
    s.clock.advance(8_999);
    s.now();
    s.clock.advance(1);
    assert.ok(s.get() instanceof Promise);
  });
});

describe('the renewal', () => {
  it('forgets the least recently used, and loses no flight by it', async () => {
    const s = start({ maxEntries: 2 });
    for (const [index, key] of ['a', 'b'].entries()) {
      void s.get(key);
      await s.flight(index).land();
    }
    s.now('a');
    const third = s.get('c');
    assert.equal(s.renewal.size, 2);
    await s.flight(2).land();
    assert.equal((await third).fingerprint, 'c3');
    assert.equal(s.now('a'), 'a1');
    assert.ok(s.get('b') instanceof Promise, 'forgotten');
  });

  it('issues so many at once and no more', async () => {
    const s = start({ maxInFlight: 2 });
    const first = s.get('a');
    void s.get('b');
    assert.throws(() => s.get('c'), isUnavailable);
    assert.ok(s.get('a') instanceof Promise, 'who waits for the same may');
    await s.flight(0).land();
    await first;
    assert.ok(s.get('c') instanceof Promise);
  });

  it('does not confuse keys', async () => {
    const s = start();
    const keys = ['["a","b"]', '["a,b"]', '["a"]["b"]', 'constructor', '__proto__'];
    for (const [index, key] of keys.entries()) {
      const waiting = s.get(key);
      await s.flight(index).land();
      await waiting;
    }
    const prints = keys.map((key) => s.now(key));
    assert.equal(new Set(prints).size, keys.length);
  });

  it('that pretends issues nothing', () => {
    const issue = (): never => assert.fail('issued');
    for (const kind of ['bearerToken', 'certificate'] as const) {
      const issuing = { name: 'x', kind, key: 'k', issue, timeoutMs: 1, problem: '', fields: {} };
      const credential = pretendingRenewal.get(issuing);
      assert.ok(!(credential instanceof Promise));
      assert.deepEqual([credential.name, credential.material.kind], ['x', kind]);
    }
  });
});
