// What watches of the fleet may cost, what a client that does not read may keep from the others, and how watches end.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Fault } from '../../src/core/fault.ts';
import { FROM_NOW, VIEW, createFleet, follow, pod, settle } from './watching.ts';

describe('what watches cost', () => {
  it('is one reading of a node for all, and none when nobody watches', async () => {
    const fleet = createFleet({ n1: [pod('n1', 'a')] });
    const watches = [await fleet.open(VIEW), await fleet.open(VIEW), await fleet.open(VIEW)];
    await settle();
    const before = fleet.reads.length;
    fleet.clock.advance(2_000);
    await settle();
    assert.equal(fleet.reads.length, before + 1);
    for (const { asked } of watches) asked.lifetime.end('clientClosed');
    await Promise.all(watches.map(({ ended }) => ended));
    assert.deepEqual([fleet.watches.running, fleet.watches.feeds.size, fleet.clock.pending], [0, 0, 0]);
  });

  it('is ten readings a second at most', async () => {
    const nodes = Array.from({ length: 100 }, (_, index) => `n${String(index)}`);
    const fleet = createFleet(Object.fromEntries(nodes.map((node) => [node, [pod(node, `p-${node}`)]])));
    await fleet.open(VIEW);
    await settle();
    await settle();
    assert.equal(fleet.reads.length, 100);
    fleet.clock.advance(9_000);
    await settle();
    assert.equal(fleet.reads.length, 100);
    fleet.clock.advance(2_000);
    await settle();
    assert.equal(fleet.reads.length, 200);
  });

  it('is 50 watches of one user', async () => {
    const fleet = createFleet({ n1: [] });
    for (let count = 0; count < 50; count += 1) await fleet.open(VIEW, FROM_NOW, fleet.asked());
    await assert.rejects(fleet.open(VIEW, FROM_NOW, fleet.asked()), { reason: 'TooManyRequests' });
    await fleet.open(VIEW, FROM_NOW, fleet.asked('bob'));
  });

  it('is no more than a client takes', async () => {
    const fleet = createFleet({ n1: [] });
    const asked = fleet.asked();
    const answer = await fleet.watch.ofFleet(asked, { kind: 'pods', view: { ...VIEW, watch: FROM_NOW } });
    assert.ok(answer !== undefined);
    // Nobody reads it.
    for (let round = 0; round < 12; round += 1) {
      fleet.pods['n1'] = [
        pod('n1', 'a', 'Running', { annotations: { x: `${round}`.padEnd(7_500_000, 'x') } }),
      ];
      fleet.clock.advance(2_000);
      await settle();
    }
    const { events, ended } = follow(answer, asked);
    await ended;
    assert.equal(events.at(-1)?.object.code, 410);
    assert.ok(events.length < 12, 'no more than 64 MB waited');
    assert.match(answer.fault()?.message ?? '', /read too slowly/);
  });
});

describe('a client that does not read', () => {
  /** Its watch, of which only the head was taken. */
  const stall = async (fleet: ReturnType<typeof createFleet>, timeoutMs: number) => {
    const asked = fleet.asked();
    const watch = { ...FROM_NOW, timeoutMs };
    const answer = await fleet.watch.ofFleet(asked, { kind: 'pods', view: { ...VIEW, watch } });
    assert.ok(answer !== undefined);
    const lines = answer.body[Symbol.asyncIterator]();
    await lines.next();
    await settle();
    return { asked, lines };
  };

  it('has nothing read for it after the end, and 10 s for the rest', async () => {
    const fleet = createFleet({ n1: [pod('n1', 'a')] });
    const { asked, lines } = await stall(fleet, 3_000);
    fleet.clock.advance(3_000);
    await settle();
    assert.equal(fleet.watches.feeds.size, 0);
    fleet.clock.advance(9_999);
    assert.equal(asked.lifetime.reason, undefined);
    assert.equal(fleet.watches.running, 1);
    fleet.clock.advance(1);
    assert.equal(asked.lifetime.reason, 'requestTimeout');
    assert.deepEqual([fleet.watches.running, fleet.clock.pending], [0, 0]);
    await lines.return?.();
  });

  it('keeps the rest where it takes it in time', async () => {
    const fleet = createFleet({ n1: [pod('n1', 'a')] });
    const { asked, lines } = await stall(fleet, 3_000);
    fleet.clock.advance(3_000);
    await settle();
    fleet.clock.advance(9_999);
    assert.match(String((await lines.next()).value), /"ADDED"/);
    assert.equal((await lines.next()).done, true);
    assert.equal(fleet.clock.pending, 0);
    assert.equal(asked.lifetime.reason, undefined);
  });

  it('holds 64 MB with what it was handed and has not taken', async () => {
    const fleet = createFleet({ n1: [] });
    const { asked, lines } = await stall(fleet, 3_600_000);
    const grow = async (round: number): Promise<void> => {
      const x = String(round).padEnd(7_500_000, 'x');
      fleet.pods['n1'] = [pod('n1', 'a', 'Running', { annotations: { x } })];
      fleet.clock.advance(2_000);
      await settle();
    };
    for (let round = 0; round < 8; round += 1) await grow(round);
    // The first of what waits is handed out, and the client stalls on it.
    await lines.next();
    await grow(8);
    await settle();
    assert.equal(fleet.watches.feeds.size, 0, 'too much waits: nothing is read for it any more');
    fleet.clock.advance(10_000);
    assert.equal(asked.lifetime.reason, 'requestTimeout');
    await lines.return?.();
  });
});

describe('a client that takes nothing', () => {
  /** Nobody reads the answer but `take`. */
  const open = async (fleet: ReturnType<typeof createFleet>, user: string) => {
    const asked = fleet.asked(user);
    const answer = await fleet.watch.ofFleet(asked, { kind: 'pods', view: { ...VIEW, watch: FROM_NOW } });
    assert.ok(answer !== undefined);
    const lines = answer.body[Symbol.asyncIterator]();
    await lines.next();
    return { asked, answer, take: async () => String((await lines.next()).value ?? '') };
  };

  it('for a minute is told so instead of what waits for it', async () => {
    const fleet = createFleet({ n1: [pod('n1', 'a'), pod('n1', 'b'), pod('n1', 'c')] });
    const { asked, answer, take } = await open(fleet, 'bob');
    await settle();
    assert.match(await take(), /"ADDED".*"a"/);
    fleet.clock.advance(59_000);
    await settle();
    assert.equal(answer.fault(), undefined);
    assert.match(await take(), /"ADDED".*"b"/, 'it moves, and has another minute');
    fleet.clock.advance(59_000);
    assert.equal(answer.fault(), undefined);
    fleet.clock.advance(11_000);
    assert.match(answer.fault()?.message ?? '', /was not read for 60 s/);
    await settle();
    assert.equal(fleet.watches.feeds.size, 0);
    assert.match(await take(), /"ERROR".*was not read for 60 s: list again/);
    assert.equal(await take(), '');
    assert.equal(asked.lifetime.reason, undefined);
    assert.equal(fleet.clock.pending, 0);
  });

  it('and has nothing to take is not ended for it', async () => {
    const fleet = createFleet({ n1: [] });
    const { answer } = await open(fleet, 'bob');
    fleet.clock.advance(900_000);
    assert.equal(answer.fault(), undefined);
  });

  it('makes way for one who reads', async () => {
    const fleet = createFleet({ n1: [] });
    const stalled = [await open(fleet, 'bob'), await open(fleet, 'mallory'), await open(fleet, 'mallory')];
    const grow = async (round: number): Promise<void> => {
      const x = String(round).padEnd(7_500_000, 'x');
      fleet.pods['n1'] = [pod('n1', 'a', 'Running', { annotations: { x } })];
      fleet.clock.advance(2_000);
      await settle();
    };
    // 112 of 128 MB.
    for (let round = 0; round < 5; round += 1) await grow(round);
    const reading = await fleet.open(VIEW, FROM_NOW, fleet.asked('alice'));
    for (let round = 5; round < 8; round += 1) await grow(round);
    assert.deepEqual(
      stalled.map(
        ({ answer }) => answer.fault()?.message.includes('most of it for those of this user') ?? false,
      ),
      [false, true, false],
    );
    assert.equal(reading.answer.fault(), undefined);
    assert.equal(reading.events.length, 4);
  });
});

describe('the end of a watch', () => {
  it('comes with its time, or after an hour', async () => {
    const fleet = createFleet({ n1: [] });
    const watch = await fleet.open(VIEW);
    await settle();
    fleet.clock.advance(3_600_000);
    await watch.ended;
    assert.equal(watch.answer.fault(), undefined);
  });

  it('of a drain is one of all', async () => {
    const fleet = createFleet({ n1: [] });
    const watches = [await fleet.open(VIEW), await fleet.open(VIEW)];
    fleet.watches.endAll('draining');
    await Promise.all(watches.map(({ ended }) => ended));
    assert.deepEqual(
      watches.map(({ asked }) => asked.lifetime.reason),
      ['draining', 'draining'],
    );
  });

  for (const [reason, code] of [
    ['credentialExpired', 401],
    ['signedOut', 401],
    ['rightRevoked', 403],
    ['rightUnconfirmed', 503],
  ] as const) {
    it(`says why: ${reason}`, async () => {
      const { answer } = await createFleet({ n1: [] }).open(VIEW);
      assert.match(answer.lastWords(reason), new RegExp(`^{"type":"ERROR",.*"code":${code}}}\n$`));
      assert.equal(answer.lastWords('draining'), '');
    });
  }

  it('whoever may not watch is told so before it begins', async () => {
    const fleet = createFleet({ n1: [] }, () => ({ kind: 'noOpinion', reason: '' }));
    await assert.rejects(fleet.open(VIEW), (error) => error instanceof Fault && error.reason === 'Forbidden');
    assert.equal(fleet.watches.running, 0);
  });
});
