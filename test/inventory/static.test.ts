import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { NodeEntry } from '../../src/core/node.ts';
import { createStaticInventory } from '../../src/inventory/static.ts';
import { nodeName } from '../support/resolved.ts';

const node = {
  name: nodeName('node-1'),
  address: '10.0.0.11',
  port: 10250,
  serverName: 'node-1',
  certificateAuthority: 'PEM',
};

describe('the static inventory', () => {
  it('finds nodes by name and lists them in their order', () => {
    const other = { ...node, name: nodeName('node-0') };
    const inventory = createStaticInventory([node, other]);
    assert.equal(inventory.get(node.name)?.address, '10.0.0.11');
    assert.equal(inventory.get(nodeName('node-2')), undefined);
    assert.deepEqual(
      [...inventory.list()].map(({ name }) => name),
      ['node-1', 'node-0'],
    );
  });

  it('gives a fingerprint that changes with every part and with nothing else', () => {
    const fingerprint = (of: typeof node & Pick<NodeEntry, 'pins'>) =>
      createStaticInventory([of]).get(of.name)?.fingerprint;
    assert.match(fingerprint(node) ?? '', /^[0-9a-f]{32}$/);
    assert.equal(fingerprint(node), fingerprint({ ...node }));
    const changed = [
      { ...node, name: nodeName('node-2') },
      { ...node, address: '10.0.0.12' },
      { ...node, port: 10251 },
      { ...node, serverName: 'node-2' },
      { ...node, certificateAuthority: 'PEM2' },
      { ...node, pins: ['a'] as const },
      { ...node, pins: ['a', 'b'] as const },
    ];
    const prints = [node, ...changed].map(fingerprint);
    assert.equal(new Set(prints).size, prints.length);
  });

  it('refuses two nodes of one name', () => {
    assert.throws(() => createStaticInventory([node, node]), /two nodes are called "node-1"/);
  });

  it('has no node called like a part of an object', () => {
    assert.equal(createStaticInventory([]).get(nodeName('constructor')), undefined);
  });
});
