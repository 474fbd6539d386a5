// The first right to a pod whose node is not named, for those who hold rights on some nodes.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Authorizer } from '../../src/core/decision.ts';
import type { Sought } from '../../src/core/exchange.ts';
import type { NodeName } from '../../src/core/names.ts';
import { createAuthorize } from '../../src/authorize/authorize.ts';
import { Fault } from '../../src/core/fault.ts';
import { createPermit, findPermitted } from '../../src/fleet/permit.ts';
import { createAttributes, createResolved, namespaceName, nodeName, podName } from '../support/resolved.ts';

const SOUGHT: Sought = {
  ...createResolved(),
  sought: { kind: 'configz' },
  pod: { namespace: namespaceName('default'), name: podName('web') },
  requirement: [createAttributes({ name: '' })],
  on: (node) => createResolved({ node, requirement: [createAttributes({ name: node })] }),
};

function permitBy(authorizer: Authorizer, nodes: readonly string[] = ['n1', 'n2', 'n3']) {
  const asked: string[] = [];
  const authorize = createAuthorize({
    authorizer: (user, attributes) => {
      asked.push('name' in attributes ? attributes.name : '');
      return authorizer(user, attributes);
    },
  });
  const permit = createPermit({
    inventory: () => ({
      get: () => undefined,
      list: () =>
        nodes.map((name) => ({
          ...{ name: nodeName(name), address: '127.0.0.1', port: 1, fingerprint: name },
          ...{ serverName: name, certificateAuthority: '' },
        })),
    }),
    authorize: async (resolved) => authorize(resolved),
    authorizeAll: async (sought) => authorize(sought),
  });
  return { asked, permit };
}

const on =
  (...names: readonly string[]): Authorizer =>
  (_user, attributes) => ({
    kind: 'name' in attributes && names.includes(attributes.name) ? 'allow' : 'noOpinion',
    reason: '',
  });

describe('the first right to a pod', () => {
  it('is one question for whoever holds it on all nodes', async () => {
    const { asked, permit } = permitBy(on(''));
    assert.equal((await permit(SOUGHT)).among, undefined);
    assert.deepEqual(asked, ['']);
  });

  it('is that to some nodes, and a pod elsewhere is refused as one that is nowhere', async () => {
    const permitted = await permitBy(on('n1', 'n3')).permit(SOUGHT);
    assert.deepEqual([...(permitted.among?.nodes ?? [])], ['n1', 'n3']);
    assert.equal(await findPermitted(permitted, () => Promise.resolve(nodeName('n3'))), 'n3');
    const elsewhere: readonly (() => Promise<NodeName>)[] = [
      () => Promise.resolve(nodeName('n2')),
      () => Promise.reject(new Fault('NotFound', 'pods "web" not found')),
      () => Promise.reject(new Fault('Conflict', 'claimed by n1 and n2')),
      () => Promise.reject(new Fault('BadRequest', 'not scheduled yet')),
    ];
    for (const find of elsewhere) {
      await assert.rejects(findPermitted(permitted, find), (error) => error === permitted.among?.refusal);
    }
    await assert.rejects(
      findPermitted(permitted, () => Promise.reject(new Fault('ServiceUnavailable', 'ask again'))),
      { reason: 'ServiceUnavailable' },
    );
  });

  it('is refused to whoever holds none, and nobody is looked for', async () => {
    await assert.rejects(permitBy(on()).permit(SOUGHT), { reason: 'Forbidden', message: /name the node/ });
  });

  it('is not asked for on each of more than 200 nodes', async () => {
    const { asked, permit } = permitBy(
      on('n1'),
      Array.from({ length: 201 }, (_, index) => `n${index}`),
    );
    await assert.rejects(permit(SOUGHT), { reason: 'Forbidden' });
    assert.equal(asked.length, 1);
  });

  it('is not there while nobody can say', async () => {
    const away: Authorizer = (_user, attributes) => {
      if ('name' in attributes && attributes.name === 'n2') throw new Fault('ServiceUnavailable', 'away');
      return { kind: 'noOpinion', reason: '' };
    };
    await assert.rejects(permitBy(away).permit(SOUGHT), { reason: 'ServiceUnavailable' });
  });
});
