// Watches of nodes: their health as the kubelets tell it, and nodes that come and go.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Authorizer } from '../../src/core/decision.ts';
import type { FleetQuery } from '../../src/core/fleet.ts';
import { createRechecks } from '../../src/authorize/recheck.ts';
import { Fault } from '../../src/core/fault.ts';
import { createKeptLog } from '../support/kept-log.ts';
import type { Followed } from './watching.ts';
import { FROM_NOW, createFleet, follow } from './watching.ts';

const QUERY = { kind: 'nodes', labelSelector: [], fieldSelector: [], view: 'Table' } as const;
const watchOf = (more: Partial<Extract<FleetQuery, { kind: 'nodes' }>> = {}): FleetQuery => ({
  ...QUERY,
  watch: FROM_NOW,
  ...more,
});

describe('a watch of nodes', () => {
  it('tells of health, of nodes that come and of nodes that go', async () => {
    const fleet = createFleet({ n1: [], n2: [] });
    const asked = fleet.asked();
    const answer = await fleet.watch.ofFleet(asked, watchOf());
    assert.ok(answer !== undefined);
    const watch = follow(answer, asked);
    assert.deepEqual(await watch.news(), ['ADDED n1 Ready <none>', 'ADDED n2 Ready <none>']);
    fleet.unhealthy.add('n2');
    fleet.clock.advance(5_000);
    assert.deepEqual(await watch.news(), ['MODIFIED n2 NotReady <none>']);
    delete fleet.pods['n2'];
    fleet.pods['n3'] = [];
    fleet.clock.advance(5_000);
    assert.deepEqual(await watch.news(), ['DELETED n2 NotReady <none>', 'ADDED n3 Ready <none>']);
    asked.lifetime.end('clientClosed');
    await watch.ended;
    assert.deepEqual([fleet.watches.running, fleet.clock.pending], [0, 0]);
  });

  it('begins at a list', async () => {
    const fleet = createFleet({ n1: [], n2: [] });
    const asked = fleet.asked();
    const { body } = await fleet.listNodes(asked);
    const { metadata } = JSON.parse(body) as { metadata: { resourceVersion: string } };
    delete fleet.pods['n1'];
    const watch = { ...FROM_NOW, ...metadata, bookmarks: true };
    const answer = await fleet.watch.ofFleet(asked, watchOf({ view: 'Metadata', watch }));
    assert.ok(answer !== undefined);
    const followed = follow(answer, asked);
    assert.deepEqual(await followed.news(), ['DELETED n1']);
    for (let look = 0; look < 12; look += 1) {
      fleet.clock.advance(5_000);
      await followed.news().then((news) => look === 11 && assert.deepEqual(news, ['BOOKMARK']));
    }
  });

  it('is of one node by its name, and says when that was told', async () => {
    const fleet = createFleet({ n1: [], n2: [] });
    const asked = fleet.asked();
    const fieldSelector = [{ field: 'metadata.name', operator: '=', value: 'n2' }] as const;
    const watch = { ...FROM_NOW, initialEvents: true };
    const answer = await fleet.watch.ofFleet(asked, watchOf({ fieldSelector, watch, view: 'Object' }));
    assert.ok(answer !== undefined);
    assert.deepEqual(await follow(answer, asked).news(), ['ADDED n2', 'BOOKMARK']);
  });

  it('ends when the right to it is gone, and not while nobody can say', async () => {
    let answering: 'yes' | 'no' | 'away' = 'yes';
    const fleet = createFleet({ n1: [] }, () => {
      if (answering === 'away') throw new Error('away');
      return { kind: answering === 'yes' ? 'allow' : 'noOpinion', reason: '' };
    });
    const asked = fleet.asked();
    const answer = await fleet.watch.ofFleet(asked, watchOf());
    assert.ok(answer !== undefined);
    const watch = follow(answer, asked);
    assert.equal((await watch.news()).length, 1);
    answering = 'away';
    fleet.clock.advance(5_000);
    assert.deepEqual(await watch.news(), []);
    answering = 'no';
    fleet.clock.advance(5_000);
    await watch.ended;
    assert.match((await watch.news())[0] ?? '', /^ERROR 403 /);
    await assert.rejects(fleet.watch.ofFleet(asked, watchOf()) ?? Promise.resolve(), { reason: 'Forbidden' });
  });

  it('asks for rights in turn, so that many watches of one user are not one too many', async () => {
    let open = 0;
    let most = 0;
    let isGone = false;
    // As an authorizer that takes four questions of a user at a time, and refuses the fifth.
    const authorizer: Authorizer = async (_user, attributes) => {
      if (open >= 4) throw new Fault('TooManyRequests', 'too many authorization questions at once');
      most = Math.max(most, (open += 1));
      await new Promise((resolve) => setImmediate(resolve));
      open -= 1;
      const isOwn = 'name' in attributes && attributes.name !== '' && !(isGone && attributes.name === 'n3');
      return { kind: isOwn ? 'allow' : 'noOpinion', reason: 'test' };
    };
    const fleet = createFleet({ n1: [], n2: [], n3: [] });
    const rechecks = createRechecks({ clock: fleet.clock, log: createKeptLog() });
    rechecks.use(authorizer, { intervalMs: 60_000, graceMs: 60_000, maxOfOneUser: 4 });
    fleet.use((resolved) => rechecks.ask(resolved));
    const watches: Followed[] = [];
    for (let index = 0; index < 10; index += 1) {
      const asked = fleet.asked();
      const answer = await fleet.watch.ofFleet(asked, watchOf());
      assert.ok(answer !== undefined);
      watches.push(follow(answer, asked));
    }
    const told = async (): Promise<readonly string[]> => {
      const all: string[] = [];
      for (let turn = 0; turn < 20; turn += 1) {
        for (const watch of watches) all.push(...(await watch.news()));
      }
      return all;
    };
    assert.equal((await told()).length, 30);
    isGone = true;
    fleet.clock.advance(5_000);
    assert.deepEqual(
      await told(),
      Array.from({ length: 10 }, () => 'DELETED n3 Ready <none>'),
    );
    assert.equal(most, 4);
  });

  it('leaves out nodes that a fresher login is needed for, as it begins, and shows the others on', async () => {
    const fleet = createFleet({ n1: [], n2: [] });
    const fault = new Fault('Unauthorized', 'this needs a fresh or stronger login');
    fleet.closed.set('n2', fault);
    const asked = fleet.asked();
    const answer = await fleet.watch.ofFleet(asked, watchOf());
    assert.ok(answer !== undefined);
    const watch = follow(answer, asked);
    assert.deepEqual(await watch.news(), ['ADDED n1 Ready <none>']);
    // The login grows too old for the rest, too.
    fleet.closed.set('n1', fault);
    fleet.unhealthy.add('n1');
    fleet.clock.advance(5_000);
    assert.deepEqual(await watch.news(), ['MODIFIED n1 NotReady <none>']);
    await assert.rejects(fleet.watch.ofFleet(asked, watchOf()) ?? Promise.resolve(), fault);
    await assert.rejects(fleet.listNodes(asked), fault);
    fleet.closed.delete('n1');
    const { headers, body } = await fleet.listNodes(asked);
    assert.match(
      headers?.['warning'] ?? '',
      /^299 - "n2 is left out: this needs a fresh or stronger login"$/,
    );
    assert.doesNotMatch(body, /"n2"/);
  });
});
