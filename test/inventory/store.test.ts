import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { NodeConfiguration } from '../../src/core/node-source.ts';
import { createNodeStore } from '../../src/inventory/store.ts';
import { nodeName } from '../support/resolved.ts';

const node = (name: string, more: Partial<NodeConfiguration> = {}): NodeConfiguration => ({
  name: nodeName(name),
  address: '10.0.0.1',
  port: 10250,
  serverName: name,
  certificateAuthority: 'PEM',
  ...more,
});

const many = (count: number, more: (index: number) => Partial<NodeConfiguration> = () => ({})) =>
  Array.from({ length: count }, (_, index) =>
    node(`node-${index}`, {
      address: `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`,
      labels: { index: String(index) },
      ready: true,
      ...more(index),
    }),
  );

describe('a store of nodes', () => {
  it('keeps the entry of a node that did not change, and makes another one when anything did', () => {
    const store = createNodeStore();
    const first: NodeConfiguration = node('a', { labels: { pool: 'x' }, ready: true, pins: ['p'] });
    assert.equal(store.set(first), true);
    const entry = store.get(nodeName('a'));
    assert.equal(store.set({ ...first, labels: { pool: 'x' }, pins: ['p'] }), false);
    assert.equal(store.get(nodeName('a')), entry);
    const changes: Partial<NodeConfiguration>[] = [
      { address: '10.0.0.2' },
      { port: 1 },
      { serverName: 'b' },
      { certificateAuthority: 'PEM2' },
      { pins: ['q'] },
      { ready: false },
      { labels: { pool: 'y' } },
      { labels: {} },
    ];
    for (const change of changes) {
      assert.equal(store.set({ ...first, ...change }), true, JSON.stringify(change));
      assert.notEqual(store.get(nodeName('a')), entry);
      store.set(first);
    }
  });

  it('has a fingerprint that neither labels nor readiness change: connections are kept', () => {
    const store = createNodeStore();
    store.set(node('a', { labels: { a: '1' }, ready: true }));
    const before = store.get(nodeName('a'))?.fingerprint;
    store.set(node('a', { labels: { a: '2' }, ready: false }));
    assert.equal(store.get(nodeName('a'))?.fingerprint, before);
    store.set(node('a', { port: 2 }));
    assert.notEqual(store.get(nodeName('a'))?.fingerprint, before);
  });

  it('replaces ten thousand nodes by as many of which three differ, and touches those three', () => {
    const store = createNodeStore();
    assert.equal(store.replace(many(10_000)), 10_000);
    const entries = new Map([...store.list()].map((entry) => [entry.name, entry]));
    const next = many(10_000, (index) => (index === 7000 ? { address: '10.9.9.9' } : {})).filter(
      ({ name }) => name !== 'node-42',
    );
    assert.equal(store.replace([...next, node('new')]), 3);
    assert.equal(store.size, 10_000);
    const others = [...store.list()].filter((entry) => entries.get(entry.name) !== entry);
    assert.deepEqual(others.map(({ name }) => name).sort(), ['new', 'node-7000']);
    assert.equal(store.get(nodeName('node-42')), undefined);
    assert.equal(store.get(nodeName('node-7000'))?.address, '10.9.9.9');
  });

  it('has no node called like a part of an object', () => {
    assert.equal(createNodeStore().get(nodeName('constructor')), undefined);
  });
});
