// Nodes as kubectl shows them (v1 Node, and a Table with the columns of pkg/printers/internalversion), as far as the
// gateway's inventory knows them. What it does not know is said to be unknown.

import type { NodeEntry } from '../core/node.ts';
import type { View } from '../core/operation.ts';
import { Fault } from '../core/fault.ts';

const UNKNOWN = '<unknown>';
const ROLE = 'node-role.kubernetes.io/';

/** `name`: that one alone. Throws NotFound. */
export function toNodesDocument(nodes: readonly NodeEntry[], view: View, name?: string): object {
  const shown = name === undefined ? nodes : nodes.filter((node) => node.name === name);
  const [first] = shown;
  if (name !== undefined && first === undefined) {
    throw new Fault('NotFound', `nodes ${JSON.stringify(name)} not found`, {
      details: { kind: 'nodes', name },
    });
  }
  if (view === 'Table') {
    return {
      kind: 'Table',
      apiVersion: 'meta.k8s.io/v1',
      metadata: {},
      columnDefinitions: COLUMNS,
      rows: shown.map((node) => ({
        cells: toCells(node),
        object: { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: toMetadata(node) },
      })),
    };
  }
  if (name !== undefined && first !== undefined) return toNode(first);
  return { kind: 'NodeList', apiVersion: 'v1', metadata: {}, items: shown.map(toNode) };
}

const toMetadata = ({ name, labels = {} }: NodeEntry): object => ({ name, creationTimestamp: null, labels });

const toNode = (node: NodeEntry): object => ({
  kind: 'Node',
  apiVersion: 'v1',
  metadata: toMetadata(node),
  spec: {},
  status: {
    addresses: [{ type: 'InternalIP', address: node.address }],
    conditions: node.ready === undefined ? [] : [{ type: 'Ready', status: node.ready ? 'True' : 'False' }],
  },
});

const column = (name: string, priority: 0 | 1, format = ''): object => ({
  name,
  type: 'string',
  format,
  description: '',
  priority,
});

const COLUMNS = [
  column('Name', 0, 'name'),
  column('Status', 0),
  column('Roles', 0),
  column('Age', 0),
  column('Version', 0),
  column('Internal-IP', 1),
];

function toCells({ name, ready, labels = {}, address }: NodeEntry): readonly string[] {
  const roles = Object.keys(labels)
    .filter((label) => label.startsWith(ROLE))
    .map((label) => label.slice(ROLE.length))
    .sort();
  const status = ready === undefined ? 'Unknown' : ready ? 'Ready' : 'NotReady';
  return [name, status, roles.join(',') || '<none>', UNKNOWN, UNKNOWN, address].map((cell) =>
    cell.replace(/\p{Cc}/gu, '\uFFFD'),
  );
}
