import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { before, describe, it } from 'node:test';
import { createKeySet } from '../../../src/identify/jwt/key-set.ts';
import type { KeySet } from '../../../src/identify/jwt/key-set.ts';
import type { LoadedKeys } from '../../../src/identify/jwt/loaded-keys.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import type { FakeClock } from '../../support/fake-clock.ts';
import { createSigningKey } from '../../support/identity-provider.ts';
import type { SigningKey } from '../../support/identity-provider.ts';
import { createKeptLog } from '../../support/kept-log.ts';
import type { KeptLog } from '../../support/kept-log.ts';

const MINUTE = 60_000;
const OPTIONS = { jwksMaxAgeMs: 10 * MINUTE, jwksCooldownMs: MINUTE / 2, jwksMaxStaleMs: 60 * MINUTE };

interface Setup {
  readonly clock: FakeClock;
  readonly log: KeptLog;
  readonly keySet: KeySet;
  /** How the fetches ended. */
  readonly refreshes: readonly boolean[];
  /** Resolves when so many fetches have ended, and what follows from the last has happened. */
  refreshed(count: number): Promise<void>;
  fetches: number;
  document: unknown;
}

function setUp(document: unknown, previous?: LoadedKeys): Setup {
  const clock = createFakeClock();
  const log = createKeptLog();
  const fetchKeys = async (): Promise<unknown> => {
    setup.fetches++;
    await Promise.resolve();
    if (setup.document instanceof Error) throw setup.document;
    return setup.document;
  };
  const refreshes: boolean[] = [];
  const ended = new EventEmitter();
  const onRefresh = (isSuccess: boolean): void => {
    refreshes.push(isSuccess);
    ended.emit('ended');
  };
  const deps = { issuer: 'https://issuer.example', fetchKeys, clock, log, onRefresh };
  const setup: Setup = {
    clock,
    log,
    keySet: createKeySet(deps, OPTIONS, previous),
    refreshes,
    async refreshed(count) {
      while (refreshes.length < count) await once(ended, 'ended');
      await new Promise((resolve) => setImmediate(resolve));
    },
    fetches: 0,
    document,
  };
  return setup;
}

describe('the key set', () => {
  let one: SigningKey;
  let two: SigningKey;
  before(async () => {
    [one, two] = await Promise.all([createSigningKey('one'), createSigningKey('two')]);
  });
  const down = new Error('down');

  it('fetches when first asked, once for all who ask', async () => {
    const setup = setUp({ keys: [one.jwk] });
    assert.equal(setup.keySet.ready(), 'no keys yet');
    const [a, b] = await Promise.all([setup.keySet.current(), setup.keySet.current()]);
    assert.equal(a, b);
    assert.equal(setup.fetches, 1);
    assert.equal(setup.keySet.ready(), undefined);
  });

  it('does not ask again within the cooldown, whether it has keys or not', async () => {
    const setup = setUp(down);
    for (let i = 0; i < 20; i++) await assert.rejects(setup.keySet.current(), /not loaded/);
    assert.equal(setup.fetches, 1);
    setup.document = { keys: [one.jwk] };
    setup.clock.advance(OPTIONS.jwksCooldownMs);
    const keys = await setup.keySet.current();
    assert.equal(setup.fetches, 2);
    for (let i = 0; i < 20; i++) assert.equal(await setup.keySet.newerThan(keys), undefined);
    assert.equal(setup.fetches, 2);
  });

  it('finds a new key as soon as the cooldown lets it', async () => {
    const setup = setUp({ keys: [one.jwk] });
    const old = await setup.keySet.current();
    const [gone] = old.thumbprints;
    assert(gone !== undefined && setup.keySet.has(gone));
    setup.document = { keys: [two.jwk] };
    setup.clock.advance(OPTIONS.jwksCooldownMs);
    const newer = await Promise.all(Array.from({ length: 10 }, () => setup.keySet.newerThan(old)));
    assert.equal(setup.fetches, 2);
    assert(newer.every((keys) => keys !== undefined && keys === newer[0] && !keys.thumbprints.has(gone)));
    assert.equal(setup.keySet.has(gone), false);
    // Who still holds the old ones is given the new ones without another fetch.
    assert.equal(await setup.keySet.newerThan(old), newer[0]);
    assert.equal(setup.fetches, 2);
  });

  it('keeps known keys while the issuer is down, for a bounded time', async () => {
    const setup = setUp({ keys: [one.jwk] });
    const keys = await setup.keySet.current();
    const [thumbprint = ''] = keys.thumbprints;
    setup.document = down;
    setup.clock.advance(OPTIONS.jwksMaxStaleMs - 1);
    assert.equal(await setup.keySet.current(), keys);
    await setup.refreshed(2);
    assert.equal(setup.fetches, 2);
    assert.equal(setup.keySet.has(thumbprint), true);
    setup.clock.advance(1);
    assert.equal(setup.keySet.has(thumbprint), false);
    assert.equal(setup.keySet.ready(), 'no keys: down');
    await assert.rejects(setup.keySet.current(), /not loaded/);
  });

  it('fetches again in the background, sooner after a failure, until it is stopped', async () => {
    const setup = setUp({ keys: [one.jwk] });
    await setup.keySet.start();
    assert.equal(setup.fetches, 1);
    setup.document = down;
    setup.clock.advance(OPTIONS.jwksMaxAgeMs);
    await setup.refreshed(2);
    assert.equal(setup.fetches, 2);
    setup.document = { keys: [two.jwk] };
    setup.clock.advance(OPTIONS.jwksCooldownMs);
    await setup.refreshed(3);
    assert.equal(setup.fetches, 3);
    setup.clock.advance(OPTIONS.jwksCooldownMs);
    await setup.refreshed(3);
    assert.equal(setup.fetches, 3);
    setup.keySet.stop();
    assert.equal(setup.clock.pending, 0);
    assert.deepEqual(setup.refreshes, [true, false, true]);
  });

  it('starts even when the issuer is down, and says so in the log', async () => {
    const setup = setUp(down);
    await setup.keySet.start();
    assert.match(setup.keySet.ready() ?? '', /down/);
    assert.deepEqual(
      setup.log.lines.map(({ level, fields }) => [level, fields['issuer'], fields['keysKept']]),
      [['warn', 'https://issuer.example', false]],
    );
    setup.keySet.stop();
  });

  it('stops while a fetch is running', async () => {
    const setup = setUp({ keys: [one.jwk] });
    const started = setup.keySet.start();
    setup.keySet.stop();
    await started;
    assert.equal(setup.clock.pending, 0);
  });

  it('begins with what a predecessor knew', async () => {
    const first = setUp({ keys: [one.jwk] });
    const keys = await first.keySet.current();
    const second = setUp(down, first.keySet.snapshot());
    assert.equal(second.keySet.ready(), undefined);
    await second.keySet.start();
    assert.equal(await second.keySet.current(), keys);
    second.keySet.stop();
  });

  it('passes over what is no public RSA or EC key', async () => {
    const secret = { kty: 'oct', k: 'AAAA', kid: 'one', alg: 'HS256' };
    const broken = { kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA' };
    const hidden = { ...two.jwk, d: 'AAAA' };
    const setup = setUp({ keys: [secret, broken, hidden, null, 'x', { kty: 'new' }, one.jwk] });
    assert.equal((await setup.keySet.current()).thumbprints.size, 1);
  });

  it('takes an empty set at its word', async () => {
    assert.equal((await setUp({ keys: [] }).keySet.current()).thumbprints.size, 0);
  });

  const malformed: readonly (readonly [string, unknown])[] = [
    ['nothing', undefined],
    ['a list', []],
    ['no keys', {}],
    ['keys that are an object', { keys: {} }],
    ['more than a hundred keys', { keys: Array.from({ length: 101 }, () => ({})) }],
  ];
  for (const [what, document] of malformed) {
    it(`refuses ${what} for a key set`, async () => {
      await assert.rejects(setUp(document).keySet.current(), /not loaded/);
    });
  }
});
