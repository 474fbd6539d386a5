// Nodes that come and go, by name. What did not change keeps its entry, so that ten thousand nodes of which one has
// changed cost one new entry, and no connection of the others.

import type { NodeName } from '../core/names.ts';
import type { Inventory, NodeEntry } from '../core/node.ts';
import type { NodeConfiguration } from '../core/node-source.ts';
import { toFingerprint } from './fingerprint.ts';
import { isSameInfo } from './node-info.ts';

export interface NodeStore extends Inventory {
  readonly size: number;
  /** False: it is as it was. */
  set(node: NodeConfiguration): boolean;
  delete(name: NodeName): boolean;
  /** Makes these all there is. Returns how many were added, changed or removed. */
  replace(nodes: Iterable<NodeConfiguration>): number;
}

export function createNodeStore(): NodeStore {
  const entries = new Map<NodeName, NodeEntry>();
  const set = (node: NodeConfiguration): boolean => {
    const known = entries.get(node.name);
    if (known !== undefined && isSame(known, node)) return false;
    entries.set(node.name, { ...node, fingerprint: toFingerprint(node) });
    return true;
  };
  return {
    get: (name) => entries.get(name),
    list: () => entries.values(),
    get size() {
      return entries.size;
    },
    set,
    delete: (name) => entries.delete(name),
    replace(nodes) {
      const gone = new Set(entries.keys());
      let changes = 0;
      for (const node of nodes) {
        gone.delete(node.name);
        if (set(node)) changes += 1;
      }
      for (const name of gone) entries.delete(name);
      return changes + gone.size;
    },
  };
}

const isSame = (known: NodeConfiguration, node: NodeConfiguration): boolean =>
  known.address === node.address &&
  known.port === node.port &&
  known.serverName === node.serverName &&
  known.certificateAuthority === node.certificateAuthority &&
  known.ready === node.ready &&
  JSON.stringify(known.pins) === JSON.stringify(node.pins) &&
  isSameInfo(known.info, node.info) &&
  isSameLabels(known.labels ?? {}, node.labels ?? {});

function isSameLabels(
  known: Readonly<Record<string, string>>,
  labels: Readonly<Record<string, string>>,
): boolean {
  const keys = Object.keys(labels);
  return keys.length === Object.keys(known).length && keys.every((key) => known[key] === labels[key]);
}
