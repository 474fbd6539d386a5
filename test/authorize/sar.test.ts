import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import type { SarMetrics, SarOptions } from '../../src/authorize/sar.ts';
import { createSarAuthorizer } from '../../src/authorize/sar.ts';
import { createAuthorize } from '../../src/authorize/authorize.ts';
import type { Authorizer, Decision } from '../../src/core/decision.ts';
import type { AnyAttributes } from '../../src/core/attributes.ts';
import { Fault } from '../../src/core/fault.ts';
import { systemClock } from '../../src/core/ports.ts';
import type { Clock } from '../../src/core/ports.ts';
import { createKubeClient } from '../../src/kube/client.ts';
import type { ReviewSpec, ReviewStatus } from '../../src/kube/subject-access-review.ts';
import type { ApiServerOptions } from '../support/api-server.ts';
import { startApiServer } from '../support/api-server.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createKeptLog } from '../support/kept-log.ts';
import { createAttributes, createResolved, createUser } from '../support/resolved.ts';

const bob = createUser('bob', {
  uid: 'u1',
  groups: ['dev', 'system:authenticated'],
  extra: { k: ['v', 'w'] },
});
const proxy = createAttributes();

const defaults: SarOptions = {
  authorizedTtlMs: 300_000,
  unauthorizedTtlMs: 30_000,
  maxEntries: 100,
  timeoutMs: 10_000,
  maxInFlightPerUser: 50,
  staleAllowMs: 0,
};

interface Parts extends Partial<SarOptions> {
  readonly decide?: ApiServerOptions['decide'];
  readonly clock?: Clock;
}

/** A SAR authorizer in front of an API server on the wire. */
async function start(
  t: TestContext,
  { decide = () => ({ allowed: true }), clock = createFakeClock(), ...options }: Parts = {},
) {
  const server = await startApiServer({ decide });
  const client = createKubeClient({ clock: systemClock }, server.connection, { firstDelayMs: 1 });
  t.after(async () => {
    client.close();
    await server.close();
  });
  const told: string[] = [];
  const metrics: SarMetrics = {
    hit: (kind) => void told.push(`hit ${kind}`),
    joined: () => void told.push('joined'),
    miss: () => void told.push('miss'),
    reviewed: (outcome) => void told.push(`reviewed ${outcome}`),
    stale: () => void told.push('stale'),
    forgotten: () => undefined,
    entries: () => undefined,
  };
  const log = createKeptLog();
  const authorizer = createSarAuthorizer(
    { reviews: (spec, signal) => client.createSubjectAccessReview(spec, signal), clock, log, metrics },
    { ...defaults, ...options },
  );
  return { server, authorizer, log, told };
}

/** Holds answers back until it is told to let them go. */
function createGate() {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  return { open: () => resolve(undefined), decide: () => promise.then(() => ({ allowed: true })) };
}

const ask = async (
  authorizer: Authorizer,
  user = bob,
  attributes: AnyAttributes = proxy,
): Promise<Decision> => authorizer(user, attributes);

const isFault = (reason: Fault['reason']) => (error: unknown) =>
  error instanceof Fault && error.reason === reason;

describe('a question to the API server', () => {
  it('tells everything about the user and the attributes', async (t) => {
    const { server, authorizer } = await start(t);
    const attributes = createAttributes({
      resource: 'pods',
      subresource: 'exec',
      namespace: 'shop',
      name: 'web-0',
      verb: 'create',
    });
    await ask(authorizer, bob, attributes);
    const want: ReviewSpec = {
      user: 'bob',
      uid: 'u1',
      groups: ['dev', 'system:authenticated'],
      extra: { k: ['v', 'w'] },
      resourceAttributes: {
        verb: 'create',
        group: '',
        version: 'v1',
        resource: 'pods',
        subresource: 'exec',
        name: 'web-0',
        namespace: 'shop',
      },
    };
    assert.deepEqual(server.requests, [want]);
  });

  it('is about a path where there is no resource', async (t) => {
    const { server, authorizer } = await start(t);
    await ask(authorizer, bob, { verb: 'get', path: '/metrics' });
    await ask(authorizer, bob, { verb: 'get', path: '/metrics' });
    const { user, uid, groups, extra } = { ...bob, user: bob.name };
    const nonResourceAttributes = { verb: 'get', path: '/metrics' };
    assert.deepEqual(server.requests, [{ user, uid, groups, extra, nonResourceAttributes }]);
  });

  const answers: readonly [string, ReviewStatus, Decision][] = [
    ['allowed', { allowed: true, reason: 'RBAC: x' }, { kind: 'allow', reason: 'RBAC: x' }],
    ['no opinion', { allowed: false, reason: 'r' }, { kind: 'noOpinion', reason: 'r' }],
    ['denied', { allowed: false, denied: true, reason: 'r' }, { kind: 'deny', reason: 'r' }],
    ['both at once', { allowed: true, denied: true }, { kind: 'deny', reason: '' }],
    [
      'allowed with an evaluation error',
      { allowed: true, reason: 'r', evaluationError: 'e' },
      { kind: 'allow', reason: 'r; e' },
    ],
    [
      'an evaluation error alone',
      { allowed: false, evaluationError: 'e' },
      { kind: 'noOpinion', reason: 'e' },
    ],
  ];
  for (const [what, status, want] of answers) {
    it(`is answered: ${what}`, async (t) => {
      const { server, authorizer } = await start(t, { decide: () => status });
      assert.deepEqual(await ask(authorizer), want);
      assert.deepEqual(authorizer(bob, proxy), want, 'from the cache, at once');
      assert.equal(server.requests.length, 1);
    });
  }

  it('is asked again when its answer has expired, by kind', async (t) => {
    const clock = createFakeClock();
    let allowed = true;
    const { server, authorizer } = await start(t, { clock, decide: () => ({ allowed }) });
    await ask(authorizer);
    allowed = false;
    clock.advance(300_000);
    assert.equal((await ask(authorizer)).kind, 'allow', 'a revoked right lives for the time configured');
    clock.advance(1);
    assert.equal((await ask(authorizer)).kind, 'noOpinion');
    allowed = true;
    clock.advance(30_000);
    assert.equal((await ask(authorizer)).kind, 'noOpinion');
    clock.advance(1);
    assert.equal((await ask(authorizer)).kind, 'allow');
    assert.equal(server.requests.length, 3);
  });

  it('is not answered by what was decided for another', async (t) => {
    const decide = ({ user, groups }: ReviewSpec): ReviewStatus => ({
      allowed: user === 'bob' && groups.includes('dev'),
    });
    const { server, authorizer } = await start(t, { decide });
    const others = [
      [createUser('eve', { ...bob, name: 'eve' }), proxy],
      [{ ...bob, uid: 'u2' }, proxy],
      [{ ...bob, groups: ['system:authenticated'] }, proxy],
      [{ ...bob, groups: ['dev,system:authenticated'] }, proxy],
      [{ ...bob, extra: { k: ['v'] } }, proxy],
      [bob, createAttributes({ name: 'node-2' })],
      [bob, createAttributes({ verb: 'create' })],
      [bob, createAttributes({ subresource: 'metrics' })],
    ] as const;
    assert.equal((await ask(authorizer)).kind, 'allow');
    const kinds = [];
    for (const [user, attributes] of others) kinds.push((await ask(authorizer, user, attributes)).kind);
    assert.deepEqual(kinds, [
      'noOpinion',
      'allow',
      'noOpinion',
      'noOpinion',
      'allow',
      'allow',
      'allow',
      'allow',
    ]);
    assert.equal(server.requests.length, 1 + others.length);
  });

  it('is not kept when it is oversized', async (t) => {
    const { server, authorizer } = await start(t);
    const attributes = createAttributes({ name: 'n'.repeat(10_000) });
    await ask(authorizer, bob, attributes);
    await ask(authorizer, bob, attributes);
    assert.equal(server.requests.length, 2);
    assert.deepEqual(authorizer.stats(), { authorized: 0, unauthorized: 0, inFlight: 0 });
  });

  it('is asked anew after a flush', async (t) => {
    const { server, authorizer } = await start(t);
    await ask(authorizer);
    assert.deepEqual(authorizer.stats(), { authorized: 1, unauthorized: 0, inFlight: 0 });
    authorizer.flush();
    assert.deepEqual(authorizer.stats(), { authorized: 0, unauthorized: 0, inFlight: 0 });
    await ask(authorizer);
    assert.equal(server.requests.length, 2);
  });
});

describe('many equal questions', () => {
  it('make one review, and an answer for each', async (t) => {
    const gate = createGate();
    const { server, authorizer, told } = await start(t, { decide: gate.decide, maxInFlightPerUser: 1 });
    const asked = Array.from({ length: 1000 }, () => ask(authorizer, structuredClone(bob)));
    await server.received(1);
    assert.equal(authorizer.stats().inFlight, 1);
    gate.open();
    const decisions = await Promise.all(asked);
    assert.ok(decisions.every(({ kind }) => kind === 'allow'));
    assert.equal(server.requests.length, 1);
    assert.equal(told.filter((line) => line === 'joined').length, 999);
    assert.equal((await ask(authorizer)).kind, 'allow');
    assert.deepEqual(told.slice(-2), ['reviewed allow', 'hit allow']);
  });

  it('are answered although the client of one has left', async (t) => {
    const gate = createGate();
    const { server, authorizer } = await start(t, { decide: gate.decide });
    const authorize = createAuthorize({ authorizer });
    const leaving = createResolved({ user: bob });
    const staying = createResolved({ user: bob });
    const both = [leaving, staying].map((resolved) => Promise.resolve(authorize(resolved)));
    await server.received(1);
    leaving.lifetime.end('clientClosed');
    gate.open();
    for (const authorized of await Promise.all(both))
      assert.deepEqual(authorized.grant.by, authorized.requirement[0]);
    assert.equal(server.requests.length, 1);
  });

  it('share a failure too, which is not kept', async (t) => {
    const { server, authorizer } = await start(t);
    server.interrupt({ kind: 'status', code: 403 });
    const results = await Promise.allSettled(Array.from({ length: 10 }, () => ask(authorizer)));
    assert.ok(
      results.every((result) => result.status === 'rejected' && isFault('InternalError')(result.reason)),
    );
    assert.equal(server.requests.length, 1);
    assert.equal((await ask(authorizer)).kind, 'allow');
  });

  it('asked after a flush do not join one from before it, nor is that one kept', async (t) => {
    const statuses = [Promise.withResolvers<ReviewStatus>(), Promise.withResolvers<ReviewStatus>()];
    let count = 0;
    const { server, authorizer } = await start(t, {
      decide: () => statuses[count++]?.promise ?? { allowed: false },
    });
    const before = ask(authorizer);
    await server.received(1);
    authorizer.flush();
    const after = ask(authorizer);
    await server.received(2);
    statuses[1]?.resolve({ allowed: false, denied: true });
    assert.equal((await after).kind, 'deny');
    statuses[0]?.resolve({ allowed: true });
    assert.equal((await before).kind, 'allow');
    assert.equal((await ask(authorizer)).kind, 'deny');
    assert.equal(server.requests.length, 2);
  });
});

describe('one user with many questions', () => {
  it('has a bounded number on the way; others are not held up', async (t) => {
    const gate = createGate();
    const { server, authorizer } = await start(t, { decide: gate.decide, maxInFlightPerUser: 3 });
    const node = (i: number) => createAttributes({ name: `node-${i}` });
    const first = [0, 1, 2].map((i) => ask(authorizer, bob, node(i)));
    const another = { ...bob, groups: ['ops'] };
    await assert.rejects(ask(authorizer, another, node(3)), (error) => {
      assert.ok(isFault('TooManyRequests')(error) && error instanceof Fault);
      assert.deepEqual(error.headers, { 'retry-after': '1' });
      assert.match(error.message, /User "bob": at most 3$/);
      return true;
    });
    const joined = ask(authorizer, bob, node(0));
    const eve = ask(authorizer, createUser('eve'), node(3));
    await server.received(4);
    gate.open();
    await Promise.all([...first, joined, eve]);
    assert.equal((await ask(authorizer, bob, node(3))).kind, 'allow');
    assert.equal(authorizer.stats().inFlight, 0);
  });

  it('gets the places of failed and oversized questions back', async (t) => {
    const { server, authorizer } = await start(t, { maxInFlightPerUser: 1 });
    for (let i = 0; i < 3; i += 1) {
      server.interrupt({ kind: 'status', code: 403 });
      await assert.rejects(ask(authorizer), isFault('InternalError'));
      await ask(authorizer, bob, createAttributes({ name: 'n'.repeat(10_000) }));
    }
    assert.equal((await ask(authorizer)).kind, 'allow');
  });
});

describe('a question that cannot be answered', () => {
  const faults = [
    ['refused to the gateway', { kind: 'status', code: 403 }],
    ['invalid', { kind: 'status', code: 422 }],
    ['unavailable', { kind: 'status', code: 503 }],
    ['malformed', { kind: 'body', body: '{"kind":"Status"}' }],
  ] as const;
  for (const [what, fault] of faults) {
    it(`is an error, said once to the log and never kept: ${what}`, async (t) => {
      const { server, authorizer, log, told } = await start(t);
      server.interrupt(fault);
      await assert.rejects(ask(authorizer), isFault('InternalError'));
      assert.deepEqual(told, ['miss', 'reviewed error']);
      assert.equal(log.lines.length, 1);
      assert.deepEqual(authorizer.stats(), { authorized: 0, unauthorized: 0, inFlight: 0 });
      assert.equal((await ask(authorizer)).kind, 'allow');
    });
  }

  it('is answered by a later attempt, and that answer is kept (S31)', async (t) => {
    const { server, authorizer } = await start(t);
    server.interrupt({ kind: 'reset' }, { kind: 'status', code: 500 });
    assert.equal((await ask(authorizer)).kind, 'allow');
    assert.equal((await ask(authorizer)).kind, 'allow');
    assert.equal(server.requests.length, 3);
  });

  it('is given up after its time', async (t) => {
    const clock = createFakeClock();
    const { server, authorizer } = await start(t, { clock });
    server.interrupt({ kind: 'silence' });
    const asked = ask(authorizer);
    await server.received(1);
    clock.advance(9_999);
    assert.equal(authorizer.stats().inFlight, 1);
    clock.advance(1);
    await assert.rejects(asked, {
      reason: 'InternalError',
      message: 'authorization could not be decided: no answer from the API server',
    });
    assert.equal(authorizer.stats().inFlight, 0);
    assert.equal(clock.pending, 0);
  });

  it('is given up after its time even by a port that does not heed the signal', async () => {
    const clock = createFakeClock();
    const authorizer = createSarAuthorizer(
      { reviews: () => new Promise(() => undefined), clock, log: createKeptLog() },
      defaults,
    );
    const asked = ask(authorizer);
    clock.advance(10_000);
    await assert.rejects(asked, isFault('InternalError'));
    assert.equal(authorizer.stats().inFlight, 0);
  });

  it('becomes a 500 of the line, in words without the API server’s', async (t) => {
    const { server, authorizer } = await start(t);
    server.interrupt({ kind: 'status', code: 403 });
    await assert.rejects(
      async () => createAuthorize({ authorizer })(createResolved({ user: bob })),
      (error) => {
        assert.ok(error instanceof Fault);
        assert.equal(error.code, 500);
        assert.equal(error.message, 'authorization could not be decided: no answer from the API server');
        return true;
      },
    );
  });
});

describe('a user whose rights have changed', () => {
  const affected = { kind: 'subjects', users: new Set<string>(), groups: new Set(['dev']) } as const;
  const others = { kind: 'subjects', users: new Set(['ann']), groups: new Set(['ops']) } as const;

  it('is asked about anew at once, whether it was allowed or refused', async (t) => {
    let allowed = true;
    const { server, authorizer } = await start(t, { decide: () => ({ allowed }) });
    assert.equal((await ask(authorizer)).kind, 'allow');
    allowed = false;
    authorizer.forget(others);
    assert.equal((await ask(authorizer)).kind, 'allow');
    authorizer.forget(affected);
    assert.equal((await ask(authorizer)).kind, 'noOpinion');
    allowed = true;
    assert.equal((await ask(authorizer)).kind, 'noOpinion');
    authorizer.forget(affected);
    assert.equal((await ask(authorizer)).kind, 'allow');
    assert.equal(server.requests.length, 3);
  });

  it('is not given an answer that was on its way, nor is that one kept (S31)', async (t) => {
    const gate = createGate();
    let asked = 0;
    const { server, authorizer } = await start(t, {
      decide: () => ((asked += 1) === 1 ? gate.decide() : { allowed: false }),
    });
    const early = ask(authorizer);
    await server.received(1);
    authorizer.forget(affected);
    const late = ask(authorizer);
    await server.received(2);
    assert.equal((await late).kind, 'noOpinion');
    gate.open();
    // It is the answer to a question of before the change, and is told to whoever asked then.
    assert.equal((await early).kind, 'allow');
    assert.equal((await ask(authorizer)).kind, 'noOpinion');
    assert.equal(server.requests.length, 2);
  });
});

describe('an API server that is away', () => {
  const stale = { staleAllowMs: 600_000 };
  const away = [{ kind: 'reset' }, { kind: 'reset' }, { kind: 'reset' }, { kind: 'reset' }] as const;
  const busy = Array.from({ length: 4 }, () => ({ kind: 'status', code: 503 }) as const);

  it('leaves nobody in beyond the TTL, where nothing else is said', async (t) => {
    const clock = createFakeClock();
    const { server, authorizer } = await start(t, { clock });
    await ask(authorizer);
    clock.advance(300_001);
    server.interrupt(...away);
    await assert.rejects(ask(authorizer), isFault('InternalError'));
  });

  for (const [what, faults] of [
    ['cut connections', away],
    ['503', busy],
  ] as const) {
    it(`is stood in for by what it has said, and that is told: ${what}`, async (t) => {
      const clock = createFakeClock();
      const { server, authorizer, told } = await start(t, { clock, ...stale });
      await ask(authorizer);
      clock.advance(400_000);
      server.interrupt(...faults);
      assert.deepEqual(await ask(authorizer), { kind: 'allow', reason: '', staleForMs: 400_000 });
      assert.ok(told.includes('stale'));
      clock.advance(200_001);
      server.interrupt(...faults);
      await assert.rejects(ask(authorizer), isFault('InternalError'));
    });
  }

  it('is not asked by everybody in turn', async (t) => {
    const clock = createFakeClock();
    const { server, authorizer } = await start(t, { clock, ...stale });
    await ask(authorizer);
    clock.advance(400_000);
    server.interrupt(...away);
    await ask(authorizer);
    const before = server.requests.length;
    assert.equal((await ask(authorizer)).staleForMs, 400_000);
    assert.equal(server.requests.length, before);
    // It is looked for again, and counts at once when it is back.
    clock.advance(2001);
    assert.deepEqual(await ask(authorizer), { kind: 'allow', reason: '' });
  });

  it('turns no refusal into an allow, and leads from a stale refusal to the next alternative', async (t) => {
    const clock = createFakeClock();
    const { server, authorizer } = await start(t, {
      clock,
      ...stale,
      decide: (spec) => ({
        allowed: 'resourceAttributes' in spec && spec.resourceAttributes.resource === 'pods',
      }),
    });
    const pods = createAttributes({ resource: 'pods', subresource: 'exec', namespace: 'shop' });
    const authorize = createAuthorize({ authorizer });
    const exchange = createResolved({ requirement: [proxy, pods] });
    await authorize(exchange);
    clock.advance(400_000);
    server.interrupt(...away, ...away);
    const { grant } = await authorize(exchange);
    assert.deepEqual([grant.by, grant.staleForMs], [pods, 400_000]);
    await assert.rejects(
      async () => authorize(createResolved({ requirement: [proxy] })),
      isFault('Forbidden'),
    );
  });

  it('is not stood in for by what was forgotten since (S31)', async (t) => {
    const clock = createFakeClock();
    const { server, authorizer } = await start(t, { clock, ...stale });
    await ask(authorizer);
    clock.advance(400_000);
    authorizer.forget({ kind: 'subjects', users: new Set(['bob']), groups: new Set() });
    server.interrupt(...away);
    await assert.rejects(ask(authorizer), isFault('InternalError'));
  });

  it('is not away when it refuses the gateway itself', async (t) => {
    const clock = createFakeClock();
    const { server, authorizer } = await start(t, { clock, ...stale });
    await ask(authorizer);
    clock.advance(400_000);
    server.interrupt({ kind: 'status', code: 403 });
    await assert.rejects(ask(authorizer), isFault('InternalError'));
  });

  it('answers a thousand equal cold questions with one review', async (t) => {
    const gate = createGate();
    const { server, authorizer } = await start(t, { decide: gate.decide });
    const answers = Array.from({ length: 1000 }, () => ask(authorizer));
    await server.received(1);
    gate.open();
    assert.equal((await Promise.all(answers)).filter(({ kind }) => kind === 'allow').length, 1000);
    assert.equal(server.requests.length, 1);
  });
});
