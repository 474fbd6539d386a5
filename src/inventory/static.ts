// The nodes of the configuration file: a fixed list, looked up by name.

import { createHash } from 'node:crypto';
import type { Inventory, NodeEntry } from '../core/node.ts';

/** Throws a TypeError when two nodes have one name. */
export function createStaticInventory(nodes: readonly Omit<NodeEntry, 'fingerprint'>[]): Inventory {
  const entries = new Map<string, NodeEntry>();
  for (const node of nodes) {
    if (entries.has(node.name)) throw new TypeError(`two nodes are called ${JSON.stringify(node.name)}`);
    entries.set(node.name, { ...node, fingerprint: toFingerprint(node) });
  }
  return { get: (name) => entries.get(name), list: () => entries.values() };
}

/** A short digest of everything that decides whom a connection reaches. */
const toFingerprint = ({
  name,
  address,
  port,
  serverName,
  certificateAuthority,
  pins,
}: Omit<NodeEntry, 'fingerprint'>): string =>
  createHash('sha256')
    .update(JSON.stringify([name, address, port, serverName, certificateAuthority, pins]))
    .digest('hex')
    .slice(0, 32);
