import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { createAuthorize } from '../../src/authorize/authorize.ts';
import { ACTION_KINDS } from '../../src/core/action.ts';
import type { Action } from '../../src/core/action.ts';
import type { CredentialMapping } from '../../src/core/credential-source.ts';
import type { Located } from '../../src/core/exchange.ts';
import { Fault } from '../../src/core/fault.ts';
import { createCredentialStage } from '../../src/credential/credential.ts';
import { createCredentialStore } from '../../src/credential/store.ts';
import { createStaticInventory } from '../../src/inventory/static.ts';
import { createLocate } from '../../src/locate/locate.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createKeptLog } from '../support/kept-log.ts';
import { createResolved, createUser, namespaceName, nodeName, podName } from '../support/resolved.ts';

const folder = mkdtempSync(join(tmpdir(), 'credential-stage-'));
after(() => rmSync(folder, { recursive: true }));

const names = ['operator', 'reader', 'legacy'];
for (const name of names) writeFileSync(join(folder, name), `token-of-${name}\n`);
const credentials = createCredentialStore({ clock: createFakeClock(), log: createKeptLog() }, [
  ...names.map((name) => ({ kind: 'bearerToken' as const, name, bearerTokenFile: join(folder, name) })),
  { kind: 'bearerToken', name: 'broken', bearerTokenFile: join(folder, 'nothing') },
]);

const node = (name: string) => ({
  name: nodeName(name),
  address: '127.0.0.1',
  port: 10250,
  serverName: name,
  certificateAuthority: 'PEM',
});
const inventory = createStaticInventory([node('node-1'), node('node-2')]);

const exec: Action = {
  kind: 'exec',
  pod: { namespace: namespaceName('shop'), name: podName('web-0') },
  command: ['id'],
  streams: { stdin: false, stdout: true, stderr: true, tty: false },
};
const metrics: Action = { kind: 'metrics', endpoint: 'cadvisor' };

async function located(
  action: Action,
  user: string,
  groups: readonly string[],
  on: string,
): Promise<Located> {
  const authorize = createAuthorize({ authorizer: () => ({ kind: 'allow', reason: 'test' }) });
  const locate = createLocate({ inventory: () => inventory, pods: () => Promise.resolve(undefined) });
  return locate(await authorize(createResolved({ action, node: on, user: createUser(user, { groups }) })));
}

const mappings: readonly CredentialMapping[] = [
  { credential: 'legacy', nodes: ['node-2'], users: ['dan'] },
  { credential: 'operator', groups: ['sre', 'root'], actions: ['exec', 'attach'] },
  { credential: 'operator', users: ['alice'], nodes: ['node-1'] },
  { credential: 'reader', actions: ['metrics'] },
  { credential: 'broken', users: ['eve'] },
  { credential: 'reader', users: [] },
];

describe('the credential mapping', () => {
  const stage = createCredentialStage({ credentials }, mappings);
  const rows: readonly [string, Action, string, string[], string, string | undefined][] = [
    ['by group and action', exec, 'sam', ['x', 'sre'], 'node-1', 'operator'],
    ['all lists must match', metrics, 'sam', ['sre'], 'node-1', 'reader'],
    ['by user and node', exec, 'alice', [], 'node-1', 'operator'],
    ['the same user elsewhere', exec, 'alice', [], 'node-2', undefined],
    ['the first match wins', exec, 'dan', ['sre'], 'node-2', 'legacy'],
    ['an absent list is any', metrics, 'anybody', [], 'node-2', 'reader'],
    ['none is none, an empty list too', exec, 'bob', ['system:authenticated'], 'node-1', undefined],
    ['a group is no user', exec, 'sre', [], 'node-1', undefined],
    ['a user is no group', exec, 'bob', ['alice'], 'node-1', undefined],
  ];
  for (const [what, action, user, groups, on, want] of rows) {
    it(what, async () => {
      const exchange = await located(action, user, groups, on);
      if (want === undefined) {
        assert.throws(() => stage(exchange), { reason: 'Forbidden' });
        return;
      }
      const credentialed = await stage(exchange);
      assert.equal(credentialed.credential.name, want);
      assert.equal(credentialed.grant, exchange.grant);
    });
  }

  it('refuses in words that name no credential', async () => {
    const exchange = await located(exec, 'b"ob', [], 'node-1');
    assert.throws(
      () => stage(exchange),
      (error) => {
        assert.ok(error instanceof Fault);
        assert.equal(
          error.message,
          'no credential mapping of the gateway matches User "b\\"ob" for exec on node "node-1"',
        );
        assert.deepEqual(error.details, { kind: 'nodes', name: 'node-1' });
        return true;
      },
    );
  });

  it('does not go on to a later rule when the credential cannot be used', async () => {
    const withReserve = createCredentialStage({ credentials }, [
      { credential: 'broken' },
      { credential: 'reader' },
    ]);
    const exchange = await located(exec, 'eve', [], 'node-1');
    assert.throws(() => withReserve(exchange), {
      reason: 'ServiceUnavailable',
      message: 'no usable credential for this node',
    });
  });

  it('without rules lets nobody through', async () => {
    const none = createCredentialStage({ credentials }, []);
    const exchange = await located(metrics, 'alice', [], 'node-1');
    assert.throws(() => none(exchange), { reason: 'Forbidden' });
  });

  it('may name every action', () => {
    for (const kind of ACTION_KINDS) {
      createCredentialStage({ credentials }, [{ credential: 'reader', actions: [kind] }]);
    }
  });

  it('must not name an unknown credential', () => {
    assert.throws(() => createCredentialStage({ credentials }, [{ credential: 'ghost' }]), /"ghost"/);
  });
});
