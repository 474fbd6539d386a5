// Watches of pods: what differs between what a client was shown and what the kubelets tell, and what a watch may cost.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Fault } from '../../src/core/fault.ts';
import { parseFieldSelector } from '../../src/kubectl/field-selector.ts';
import { parseLabelSelector } from '../../src/kubectl/label-selector.ts';
import { createResolved, createUser, namespaceName, nodeName } from '../support/resolved.ts';
import { FROM_NOW, VIEW, createFleet, follow, pod, settle } from './watching.ts';

const versionOf = (body: string): string =>
  (JSON.parse(body) as { metadata: { resourceVersion: string } }).metadata.resourceVersion;

describe('a watch from a list', () => {
  it('tells what has changed since, once, and goes on', async () => {
    const fleet = createFleet({ n1: [pod('n1', 'a'), pod('n1', 'b')], n2: [pod('n2', 'c')] });
    const asked = fleet.asked();
    const { body } = await fleet.list(VIEW, asked);
    fleet.pods['n1'] = [pod('n1', 'a'), pod('n1', 'b', 'Failed')];
    fleet.pods['n2'] = [pod('n2', 'd', 'Pending')];
    const watch = await fleet.open(VIEW, { ...FROM_NOW, resourceVersion: versionOf(body) }, asked);
    assert.deepEqual([...(await watch.news())].sort(), [
      'ADDED d Pending',
      'DELETED c Unknown',
      'MODIFIED b Failed',
    ]);
    fleet.pods['n2'] = [];
    fleet.clock.advance(2_000);
    assert.deepEqual(await watch.news(), ['DELETED d Pending']);
    fleet.clock.advance(2_000);
    assert.deepEqual(await watch.news(), []);
    const versions = watch.events.map(({ object }) => BigInt(object.metadata.resourceVersion ?? '0'));
    assert.ok(versions.every((version, index) => version > (versions[index - 1] ?? BigInt(versionOf(body)))));
  });

  it('another pod of the same name is another pod', async () => {
    const fleet = createFleet({ n1: [pod('n1', 'a')] });
    const watch = await fleet.open(VIEW);
    await watch.news();
    fleet.pods['n1'] = [pod('n1', 'a', 'Pending', { uid: 'other' })];
    fleet.clock.advance(2_000);
    assert.deepEqual(await watch.news(), ['DELETED a Running', 'ADDED a Pending']);
  });

  it('of which the gateway knows no more is Expired, as an event', async () => {
    const fleet = createFleet({ n1: [pod('n1', 'a')] });
    const mine = fleet.asked();
    const version = versionOf((await fleet.list(VIEW, mine)).body);
    const others = [
      { view: VIEW, asked: fleet.asked('bob'), version },
      { view: { ...VIEW, namespace: namespaceName('default') }, asked: mine, version },
      { view: VIEW, asked: mine, version: '12' },
    ];
    for (const { view, asked, version: from } of others) {
      const watch = await fleet.open(view, { ...FROM_NOW, resourceVersion: from }, asked);
      await watch.ended;
      assert.deepEqual(await watch.news(), [`ERROR 410 too old resource version: ${from}; list again`]);
      assert.equal(watch.answer.fault()?.reason, 'Expired');
    }
    assert.equal(fleet.watches.running, 0);
  });

  it('hears what another watch could not tell', async () => {
    const fleet = createFleet({ n1: [pod('n1', 'a')] });
    for (let node = 10; node < 20; node += 1) {
      const name = `n${node}`;
      fleet.pods[name] = Array.from({ length: 1_999 }, (_, index) => pod(name, `p${index}`));
    }
    const asked = fleet.asked();
    const first = await fleet.open(VIEW, { ...FROM_NOW, initialEvents: true }, asked);
    await settle();
    await settle();
    const told = await first.news();
    assert.equal(told.at(-1), 'BOOKMARK');
    const version = first.events.at(-1)?.object.metadata.resourceVersion ?? '';
    // 20,001 and more are not told: the watch has ended, and its client knows of nothing new.
    fleet.pods['n1'] = Array.from({ length: 20 }, (_, index) => pod('n1', `new${index}`));
    fleet.clock.advance(2_000);
    await first.ended;
    assert.equal(first.events.at(-1)?.object.code, 400);
    fleet.pods['n1'] = [pod('n1', 'b')];
    const second = await fleet.open(VIEW, { ...FROM_NOW, resourceVersion: version }, asked);
    assert.deepEqual([...(await second.news())].sort(), ['ADDED b Running', 'DELETED a Unknown']);
  });

  it('may begin where another watch ended', async () => {
    const fleet = createFleet({ n1: [pod('n1', 'a')] });
    const asked = fleet.asked();
    const first = await fleet.open(VIEW, { ...FROM_NOW, timeoutMs: 3_000 }, asked);
    await settle();
    fleet.clock.advance(3_000);
    await first.ended;
    const version = first.events.at(-1)?.object.metadata.resourceVersion ?? '';
    fleet.pods['n1'] = [pod('n1', 'a'), pod('n1', 'b')];
    const second = await fleet.open(VIEW, { ...FROM_NOW, resourceVersion: version }, asked);
    assert.deepEqual(await second.news(), ['ADDED b Running']);
  });
});

describe('what a watch begins with', () => {
  it('is all that is there, and a bookmark where it is asked for', async () => {
    const fleet = createFleet({ n1: [pod('n1', 'a')] });
    const watch = await fleet.open(VIEW, { ...FROM_NOW, initialEvents: true, bookmarks: true });
    assert.deepEqual(await watch.news(), ['ADDED a Running', 'BOOKMARK']);
    assert.deepEqual(watch.events[1]?.object.metadata.annotations, { 'k8s.io/initial-events-end': 'true' });
    fleet.clock.advance(60_000);
    assert.deepEqual(await watch.news(), ['BOOKMARK']);
    assert.equal(watch.events[2]?.object.metadata.annotations, undefined);
  });

  it('is nothing where it is not wanted', async () => {
    const fleet = createFleet({ n1: [pod('n1', 'a')] });
    const watch = await fleet.open(VIEW, { ...FROM_NOW, initialEvents: false });
    assert.deepEqual(await watch.news(), []);
    fleet.pods['n1'] = [];
    fleet.clock.advance(2_000);
    assert.deepEqual(await watch.news(), ['DELETED a Running']);
  });

  it('is no silence of nodes that join later', async () => {
    const fleet = createFleet({ n1: [pod('n1', 'a')] });
    const watch = await fleet.open(VIEW, { ...FROM_NOW, initialEvents: false });
    assert.deepEqual(await watch.news(), []);
    fleet.pods['n2'] = [pod('n2', 'b')];
    fleet.clock.advance(5_000);
    assert.deepEqual(await watch.news(), ['ADDED b Running']);
    // One that is back is another one.
    delete fleet.pods['n1'];
    fleet.clock.advance(5_000);
    assert.deepEqual(await watch.news(), ['DELETED a Unknown']);
    fleet.pods['n1'] = [pod('n1', 'c')];
    fleet.clock.advance(5_000);
    assert.deepEqual(await watch.news(), ['ADDED c Running']);
  });

  it('does not wait for a node that does not answer', async () => {
    const fleet = createFleet({ n1: [pod('n1', 'a')], n2: 'broken' as never });
    const watch = await fleet.open(VIEW, { ...FROM_NOW, initialEvents: true });
    assert.deepEqual(await watch.news(), ['ADDED a Running', 'BOOKMARK']);
    fleet.pods['n2'] = [pod('n2', 'b')];
    fleet.clock.advance(2_000);
    assert.deepEqual(await watch.news(), ['ADDED b Running']);
  });
});

describe('the view of a watch', () => {
  it('has selectors, and a pod that leaves it is deleted from it', async () => {
    const view = { ...VIEW, labelSelector: parseLabelSelector('app=x') };
    const fleet = createFleet({ n1: [pod('n1', 'a', 'Running', { labels: { app: 'x' } }), pod('n1', 'b')] });
    const watch = await fleet.open(view);
    assert.deepEqual(await watch.news(), ['ADDED a Running']);
    fleet.pods['n1'] = [
      pod('n1', 'a', 'Running', { labels: { app: 'y' } }),
      pod('n1', 'b', 'Running', { labels: { app: 'x' } }),
    ];
    fleet.clock.advance(2_000);
    assert.deepEqual(await watch.news(), ['DELETED a Running', 'ADDED b Running']);
  });

  it('is a table with its columns in the first event alone, and the last cells of what is gone', async () => {
    const fleet = createFleet({ n1: [pod('n1', 'a'), pod('n1', 'b')] });
    const watch = await fleet.open({ ...VIEW, as: 'Table' });
    assert.deepEqual(await watch.news(), ['ADDED a 0/0 Running', 'ADDED b 0/0 Running']);
    assert.deepEqual(
      watch.events.map(({ object }) => object.columnDefinitions !== undefined),
      [true, false],
    );
    fleet.pods['n1'] = [pod('n1', 'b')];
    fleet.clock.advance(2_000);
    assert.deepEqual(await watch.news(), ['DELETED a 0/0 Running']);
  });

  it('is metadata alone', async () => {
    const fleet = createFleet({ n1: [pod('n1', 'a')] });
    const watch = await fleet.open({ ...VIEW, as: 'Metadata' });
    assert.deepEqual(await watch.news(), ['ADDED a']);
    assert.equal(watch.events[0]?.object.kind, 'PartialObjectMetadata');
  });
});

describe('a kubelet that lies', () => {
  it('adds no pod that another node runs', async () => {
    const fleet = createFleet({ n1: [pod('n1', 'a')], n2: [pod('n1', 'a', 'Failed'), pod('n3', 'x')] });
    const watch = await fleet.open(VIEW);
    assert.deepEqual(await watch.news(), ['ADDED a Running']);
  });

  it('that claims a pod which is watched alone ends the watch with a conflict that names both', async () => {
    const view = {
      ...VIEW,
      namespace: namespaceName('default'),
      fieldSelector: parseFieldSelector('metadata.name=a'),
    };
    const fleet = createFleet({ n1: [pod('n1', 'a')], n2: [] });
    const watch = await fleet.open(view);
    assert.deepEqual(await watch.news(), ['ADDED a Running']);
    fleet.pods['n2'] = [pod('n2', 'a', 'Failed', { uid: 'lie' })];
    fleet.clock.advance(2_000);
    await watch.ended;
    // Nothing of what the liar says comes before it.
    const [news = '', ...more] = await watch.news();
    assert.match(news, /^ERROR 409 .* is claimed by several nodes: n1, n2/);
    assert.deepEqual(more, []);
    await assert.rejects(fleet.list(view, fleet.asked()), { reason: 'Conflict' });
    // Nor does a page hide it.
    const page = { ...view, page: { limit: 1 } };
    await assert.rejects(fleet.list(page, fleet.asked()), { reason: 'Conflict' });
  });

  describe('about a pod that is watched alone', () => {
    const view = {
      ...VIEW,
      namespace: namespaceName('default'),
      fieldSelector: parseFieldSelector('metadata.name=a'),
    };
    const lie = pod('n1', 'a', 'Failed', { uid: 'lie' });
    const truth = pod('n2', 'a');

    it('has no word before the others were read', async () => {
      const fleet = createFleet({ n1: [lie], n2: [truth] });
      const { promise, resolve } = Promise.withResolvers<undefined>();
      fleet.delays.set('n2', promise);
      const watch = await fleet.open(view);
      assert.deepEqual(await watch.news(), []);
      fleet.clock.advance(4_000);
      assert.deepEqual(await watch.news(), [], 'read again meanwhile');
      resolve(undefined);
      await watch.ended;
      const [news = '', ...more] = await watch.news();
      assert.match(news, /^ERROR 409 .* is claimed by several nodes: n1, n2/);
      assert.deepEqual(more, []);
    });

    it('has one where the others cannot be read', async () => {
      const fleet = createFleet({ n1: [lie], n2: [truth] });
      fleet.delays.set('n2', Promise.reject(new Error('gone')));
      const watch = await fleet.open(view, { ...FROM_NOW, initialEvents: true });
      assert.deepEqual(await watch.news(), ['ADDED a Failed', 'BOOKMARK']);
    });

    it('has one after a while where another does not answer', async () => {
      const fleet = createFleet({ n1: [lie], n2: [truth] });
      fleet.delays.set('n2', new Promise(() => undefined));
      const watch = await fleet.open(view);
      for (let seconds = 0; seconds < 28; seconds += 2) {
        fleet.clock.advance(2_000);
        assert.deepEqual(await watch.news(), []);
      }
      fleet.clock.advance(2_000);
      assert.deepEqual(await watch.news(), ['ADDED a Failed']);
    });

    it('has none either where the pod appears later, and its node is read a moment later', async () => {
      const fleet = createFleet({ n1: [], n2: [] });
      const watch = await fleet.open(view);
      assert.deepEqual(await watch.news(), []);
      const { promise, resolve } = Promise.withResolvers<undefined>();
      fleet.delays.set('n2', promise);
      fleet.pods['n1'] = [lie];
      fleet.pods['n2'] = [truth];
      fleet.clock.advance(2_000);
      assert.deepEqual(await watch.news(), []);
      resolve(undefined);
      await watch.ended;
      assert.match((await watch.news()).join(), /^ERROR 409 [^,]* n1, n2; [^,]*$/);
    });

    it('does not hold up what is known: changes and the end of the pod', async () => {
      const fleet = createFleet({ n1: [], n2: [truth], n3: [] });
      const watch = await fleet.open(view);
      assert.deepEqual(await watch.news(), ['ADDED a Running']);
      fleet.delays.set('n3', new Promise(() => undefined));
      fleet.pods['n2'] = [pod('n2', 'a', 'Succeeded')];
      fleet.clock.advance(2_000);
      assert.deepEqual(await watch.news(), ['MODIFIED a Succeeded']);
      fleet.pods['n2'] = [];
      fleet.clock.advance(2_000);
      assert.deepEqual(await watch.news(), ['DELETED a Succeeded']);
    });

    it('waits no longer for a node that did not answer last time', async () => {
      const fleet = createFleet({ n1: [], n2: [], n3: 'broken' as never });
      const watch = await fleet.open(view);
      fleet.clock.advance(2_000);
      assert.deepEqual(await watch.news(), []);
      fleet.delays.set('n3', new Promise(() => undefined));
      fleet.pods['n2'] = [truth];
      fleet.clock.advance(2_000);
      assert.deepEqual(await watch.news(), []);
      fleet.clock.advance(2_000);
      assert.deepEqual(await watch.news(), ['ADDED a Running']);
    });
  });

  it('that tells of too much is not listened to', async () => {
    const many = Array.from({ length: 2_001 }, (_, index) => pod('n2', `p${index}`));
    const fleet = createFleet({ n1: [pod('n1', 'a')], n2: many });
    const watch = await fleet.open(VIEW);
    assert.deepEqual(await watch.news(), ['ADDED a Running']);
  });
});

describe('nodes that come and go', () => {
  it('bring their pods and take them along', async () => {
    const fleet = createFleet({ n1: [pod('n1', 'a')] });
    const watch = await fleet.open(VIEW);
    await watch.news();
    fleet.pods['n2'] = [pod('n2', 'b')];
    fleet.clock.advance(5_000);
    assert.deepEqual(await watch.news(), ['ADDED b Running']);
    delete fleet.pods['n1'];
    fleet.clock.advance(5_000);
    assert.deepEqual(await watch.news(), ['DELETED a Unknown']);
    assert.equal(fleet.watches.feeds.size, 1);
  });

  it('are asked about for who has rights on some', async () => {
    const fleet = createFleet({ n1: [pod('n1', 'a')], n2: [pod('n2', 'b')] }, (_user, attributes) => ({
      kind: 'name' in attributes && ['n1', 'n3'].includes(attributes.name) ? 'allow' : 'noOpinion',
      reason: 'test',
    }));
    const watch = await fleet.open(VIEW);
    assert.deepEqual(await watch.news(), ['ADDED a Running']);
    fleet.pods['n3'] = [pod('n3', 'c')];
    fleet.pods['n4'] = [pod('n4', 'd')];
    fleet.clock.advance(5_000);
    assert.deepEqual(await watch.news(), ['ADDED c Running']);
    fleet.clock.advance(5_000);
    assert.deepEqual(await watch.news(), []);
    assert.deepEqual(fleet.held, [{ node: 'n1' }, { node: 'n3' }]);
    assert.deepEqual(fleet.again, ['n3', 'n4']);
  });
});

it('a list of several pods says which of them several nodes claim, and shows what each says', async () => {
  const fleet = createFleet({
    n1: [pod('n1', 'a'), pod('n1', 'b')],
    n2: [pod('n2', 'a', 'Failed', { uid: 'lie' }), pod('n2', 'c')],
  });
  const { body, headers } = await fleet.list(VIEW, fleet.asked());
  assert.equal((JSON.parse(body) as { items: unknown[] }).items.length, 4);
  const words = 'claimed by several nodes, of which one at most is right:';
  assert.equal(headers?.['warning'], `299 - "${words} default/a (n1, n2)"`);
  fleet.pods['n2'] = [pod('n2', 'a', 'Failed', { namespace: 'other' }), pod('n2', 'a2')];
  assert.deepEqual((await fleet.list(VIEW, fleet.asked())).headers, {});
  for (const node of ['n1', 'n2', 'n3']) {
    fleet.pods[node] = Array.from({ length: 9 }, (_, index) => pod(node, `p${index}`));
  }
  const { headers: many } = await fleet.list(VIEW, fleet.asked());
  assert.match(
    many?.['warning'] ?? '',
    /default\/p0 \(n1, n2, n3\), .*default\/p4 \(n1, n2, n3\) and 4 more"$/,
  );
});

it('a list in parts says so of a pod that another part has shown, and of no other', async () => {
  const fleet = createFleet({
    n1: [pod('n1', 'a'), pod('n1', 'b')],
    n2: [pod('n2', 'a', 'Failed', { uid: 'lie' }), pod('n2', 'a2'), pod('n2', 'c')],
    n3: [pod('n3', 'c'), pod('n3', 'd')],
  });
  const warnings: (string | undefined)[] = [];
  const names: string[][] = [];
  let continuation: string | undefined;
  do {
    const page = { limit: 2, ...(continuation === undefined ? {} : { continuation }) };
    const { body, headers } = await fleet.list({ ...VIEW, page }, fleet.asked());
    const { items, metadata } = JSON.parse(body) as {
      readonly items: readonly { readonly metadata: { readonly name: string } }[];
      readonly metadata: { readonly continue?: string };
    };
    names.push(items.map((item) => item.metadata.name));
    warnings.push(headers?.['warning']);
    continuation = metadata.continue;
  } while (continuation !== undefined);
  assert.deepEqual(names, [['a', 'b'], ['a', 'a2'], ['c', 'c'], ['d']]);
  const words = 'claimed by several nodes, of which one at most is right:';
  assert.deepEqual(warnings, [
    undefined,
    `299 - "${words} default/a (n2, n1)"`,
    `299 - "${words} default/c (n2, n3)"`,
    undefined,
  ]);
});

describe('nodes that a fresher login is needed for', () => {
  it('are in no list and no watch, those that come later neither, and a list says so', async () => {
    const fleet = createFleet({ n1: [pod('n1', 'a')], n2: [pod('n2', 'b')] });
    const fault = new Fault('Unauthorized', 'stepUp.rules[0]: run "kubelet-gateway login --force"');
    for (const name of ['n2', 'n3']) fleet.closed.set(name, fault);
    const { body, headers } = await fleet.list(VIEW, fleet.asked());
    assert.deepEqual((JSON.parse(body) as { items: unknown[] }).items.length, 1);
    assert.equal(
      headers?.['warning'],
      '299 - "n2 is left out: stepUp.rules[0]: run \\"kubelet-gateway login --force\\""',
    );
    const watch = await fleet.open(VIEW);
    assert.deepEqual(await watch.news(), ['ADDED a Running']);
    fleet.pods['n3'] = [pod('n3', 'c')];
    fleet.pods['n4'] = [pod('n4', 'd')];
    fleet.clock.advance(5_000);
    assert.deepEqual(await watch.news(), ['ADDED d Running']);
    assert.deepEqual(new Set(fleet.reads), new Set(['n1', 'n4']));
    for (const name of ['n1', 'n4']) fleet.closed.set(name, fault);
    await assert.rejects(fleet.list(VIEW, fleet.asked()), fault);
    await assert.rejects(fleet.open(VIEW), fault);
  });
});

describe('a watch of the node that the server URL names', () => {
  it('is of what the node says, and ends with its pods', async () => {
    const fleet = createFleet({ n1: [pod('elsewhere', 'a')] });
    const action = { kind: 'pods', view: { ...VIEW, watch: FROM_NOW } } as const;
    const resolved = createResolved({ user: createUser('alice'), node: 'n1', action });
    const authorized = { ...resolved, grant: {} as never };
    const answer = fleet.watch.ofNode(authorized);
    assert.ok(answer !== undefined);
    const watch = follow(answer, authorized);
    assert.deepEqual(await watch.news(), ['ADDED a Running']);
    delete fleet.pods['n1'];
    fleet.clock.advance(5_000);
    assert.deepEqual(await watch.news(), ['DELETED a Unknown']);
    const list = { ...action, view: VIEW };
    assert.equal(fleet.watch.ofNode({ ...authorized, action: list, node: nodeName('n1') }), undefined);
  });
});
