// The nodes of the configuration file: a fixed list, looked up by name.

import type { Inventory, NodeEntry } from '../core/node.ts';
import type { NodeConfiguration } from '../core/node-source.ts';
import { toFingerprint } from './fingerprint.ts';

/** Throws a TypeError when two nodes have one name. */
export function createStaticInventory(nodes: readonly NodeConfiguration[]): Inventory {
  const entries = new Map<string, NodeEntry>();
  for (const node of nodes) {
    if (entries.has(node.name)) throw new TypeError(`two nodes are called ${JSON.stringify(node.name)}`);
    entries.set(node.name, { ...node, fingerprint: toFingerprint(node) });
  }
  return { get: (name) => entries.get(name), list: () => entries.values() };
}
