import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import type { Affected } from '../../src/authorize/affected.ts';
import { createRbacChanges } from '../../src/authorize/rbac-changes.ts';
import { systemClock } from '../../src/core/ports.ts';
import { follow } from '../../src/kube/watch/follow.ts';
import type { ApiServer } from '../support/api-server.ts';
import { startApiServer } from '../support/api-server.ts';
import type { KubeObject } from '../support/api-resources.ts';
import { eventually } from '../support/eventually.ts';
import type { KeptLog } from '../support/kept-log.ts';
import { createKeptLog } from '../support/kept-log.ts';

const role = (name: string, namespace?: string): KubeObject => ({
  metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
  rules: [],
});

const binding = (
  name: string,
  roleRef: string,
  subjects: readonly object[] | null,
  namespace?: string,
  kind = 'ClusterRole',
): KubeObject => ({
  metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind, name: roleRef },
  subjects,
});

const user = (name: string) => ({ kind: 'User', name });
const group = (name: string) => ({ kind: 'Group', name });

/** `bob @dev`: users, and groups behind an `@`. */
const toText = (affected: Affected): string =>
  affected.kind === 'everyone'
    ? 'everyone'
    : [...[...affected.users].sort(), ...[...affected.groups].sort().map((name) => `@${name}`)].join(' ');

async function start(t: TestContext, prepare: (api: ApiServer) => void = () => undefined, graceMs = 50) {
  const api = await startApiServer({ decide: () => ({ allowed: false }) });
  prepare(api);
  const told: string[] = [];
  const current: boolean[] = [];
  const log = createKeptLog();
  const changes = createRbacChanges(
    {
      feed: (follower, options) =>
        follow({ clock: systemClock }, api.connection, follower, {
          ...options,
          backoff: { firstMs: 5, capMs: 20 },
        }),
      clock: systemClock,
      log,
      onAffected: (affected) => told.push(toText(affected)),
      onCurrent: (isCurrent) => current.push(isCurrent),
    },
    { graceMs },
  );
  t.after(async () => {
    changes.stop();
    await api.close();
  });
  const hears = (text: string): Promise<unknown> =>
    eventually(`${text} in ${JSON.stringify(told)}`, () => (told.includes(text) ? true : undefined));
  const isCurrent = (wanted: boolean): Promise<unknown> =>
    eventually(`current: ${wanted}`, () => (changes.isCurrent() === wanted ? true : undefined));
  return { api, changes, told, current, log, hears, isCurrent };
}

const textOf = ({ lines }: KeptLog): string => lines.map(({ message }) => message).join('\n');

/** Ready, with everything of before forgotten. */
async function startCurrent(t: TestContext, prepare?: (api: ApiServer) => void) {
  const started = await start(t, prepare);
  await started.api.resources.watching(4);
  await started.isCurrent(true);
  started.told.length = 0;
  return started;
}

describe('changes of rights', () => {
  it('are not relied upon before everything is followed, and then everyone is forgotten once for each list', async (t) => {
    const { changes, told, isCurrent } = await start(t, (api) => {
      api.resources.put('clusterrolebindings', binding('a', 'reader', [user('bob')]));
    });
    assert.equal(changes.isCurrent(), false);
    await isCurrent(true);
    assert.deepEqual(told, ['everyone', 'everyone', 'everyone', 'everyone']);
  });

  it('touch those whom a binding names, or has named', async (t) => {
    const { api, hears } = await startCurrent(t);
    api.resources.put('clusterrolebindings', binding('a', 'reader', [user('bob'), group('dev')]));
    await hears('bob @dev');
    api.resources.put('clusterrolebindings', binding('a', 'reader', [user('ann'), group('dev')]));
    await hears('ann bob @dev');
    api.resources.remove('clusterrolebindings', 'a');
    await hears('ann @dev');
  });

  it('touch ServiceAccounts by the names that they have as users', async (t) => {
    const { api, hears } = await startCurrent(t);
    const subjects = [
      { kind: 'ServiceAccount', name: 'prometheus', namespace: 'monitoring' },
      { kind: 'ServiceAccount', name: 'own' },
    ];
    api.resources.put('rolebindings', binding('a', 'reader', subjects, 'shop'));
    await hears('system:serviceaccount:monitoring:prometheus system:serviceaccount:shop:own');
  });

  it('of a role touch those who are bound to it, and nobody else', async (t) => {
    const { api, told, hears } = await startCurrent(t, ({ resources }) => {
      resources.put('clusterroles', role('reader'));
      resources.put('roles', role('reader', 'shop'));
      resources.put('clusterrolebindings', binding('a', 'reader', [user('bob')]));
      resources.put('rolebindings', binding('b', 'reader', [user('ann')], 'shop'));
      resources.put('rolebindings', binding('c', 'reader', [user('eve')], 'shop', 'Role'));
      resources.put('rolebindings', binding('d', 'other', [user('zoe')], 'shop'));
    });
    api.resources.put('clusterroles', role('reader'));
    await hears('ann bob');
    api.resources.remove('roles', 'reader', 'shop');
    await hears('eve');
    api.resources.put('clusterroles', role('nobodys'));
    api.resources.put('clusterrolebindings', binding('z', 'nobodys', null));
    api.resources.put('clusterrolebindings', binding('last', 'nobodys', [user('last')]));
    await hears('last');
    assert.deepEqual(told, ['ann bob', 'eve', '', 'last']);
  });

  it('that happened while nobody listened are found in the next list', async (t) => {
    const { api, told, hears } = await startCurrent(t, ({ resources }) => {
      resources.put('clusterrolebindings', binding('stays', 'reader', [user('zoe')]));
      resources.put('clusterrolebindings', binding('goes', 'reader', [user('bob')]));
      resources.put('clusterrolebindings', binding('changes', 'reader', [user('ann')]));
    });
    await api.stop();
    api.resources.remove('clusterrolebindings', 'goes');
    api.resources.put('clusterrolebindings', binding('changes', 'reader', [user('eve')]));
    api.resources.put('clusterrolebindings', binding('comes', 'reader', [group('dev')]));
    api.resources.compact();
    await api.start();
    for (const text of ['bob', 'ann eve', '@dev']) await hears(text);
    assert.equal(told.length, 3);
  });

  it('touch everyone when an object cannot be read', async (t) => {
    const { api, hears } = await startCurrent(t);
    api.resources.put('rolebindings', { metadata: { name: 'odd', namespace: 'shop' } });
    await hears('everyone');
  });
});

describe('a watch on rights that is broken', () => {
  it('is relied upon for the grace, then not, and again when it is back', async (t) => {
    const { api, current, log, isCurrent } = await startCurrent(t);
    await api.stop();
    await isCurrent(false);
    await eventually('told', () => (current.at(-1) === false ? true : undefined));
    await api.start();
    await isCurrent(true);
    await eventually('told', () => (current.at(-1) === true ? true : undefined));
    assert.ok(textOf(log).includes('decisions are remembered for a short time only'));
  });

  it('is not broken by a connection that is cut and back in time', async (t) => {
    const { api, current } = await startCurrent(t);
    api.resources.cut();
    api.resources.put('roles', role('x', 'shop'));
    await api.resources.watching(4);
    assert.deepEqual(current, [true]);
  });

  it('says in words which right the gateway lacks, once', async (t) => {
    const { api, log, changes } = await start(t, ({ resources }) => resources.forbidden.add('rolebindings'));
    await api.resources.watching(3);
    await eventually('told', () =>
      textOf(log).includes('the gateway may not list and watch rolebindings') ? true : undefined,
    );
    await eventually('asked again', () =>
      api.resources.asked.filter((url) => url.includes('/rolebindings')).length >= 3 ? true : undefined,
    );
    assert.equal(changes.isCurrent(), false);
    assert.equal(textOf(log).split('may not list and watch').length, 2);
  });
});
