// Nodes as kubectl shows them (v1 Node, and a Table with the columns of pkg/printers/internalversion), as far as the
// gateway's inventory knows them. What it does not know is said to be unknown.

import { isIP } from 'node:net';
import type { NodeEntry } from '../core/node.ts';
import type { PodsView } from '../core/action.ts';
import type { ListMeta } from './pods-view.ts';
import { Fault } from '../core/fault.ts';
import { toHumanDuration } from './human-duration.ts';

const UNKNOWN = '<unknown>';
const ROLE = 'node-role.kubernetes.io/';

/** `name`: that one alone. `now` in milliseconds since the epoch. Throws NotFound. */
export function toNodesDocument(
  nodes: readonly NodeEntry[],
  view: PodsView['as'],
  now: number,
  { name, meta = {} }: { readonly name?: string | undefined; readonly meta?: ListMeta } = {},
): object {
  const shown = name === undefined ? nodes : nodes.filter((node) => node.name === name);
  const [first] = shown;
  if (name !== undefined && first === undefined) {
    throw new Fault('NotFound', `nodes ${JSON.stringify(name)} not found`, {
      details: { kind: 'nodes', name },
    });
  }
  if (view === 'Table') return toTable(shown, now, meta, true);
  const toOne = view === 'Metadata' ? toPartial : toNode;
  if (name !== undefined && first !== undefined) return toOne(first);
  const [kind, apiVersion] =
    view === 'Metadata' ? ['PartialObjectMetadataList', 'meta.k8s.io/v1'] : ['NodeList', 'v1'];
  return { kind, apiVersion, metadata: meta, items: shown.map((node) => toOne(node)) };
}

/** The object of a watch event. The columns are in a watch's first event alone, as an API server has it. */
export function toNodeEventObject(
  node: NodeEntry,
  view: PodsView['as'],
  now: number,
  { resourceVersion, withColumns }: { readonly resourceVersion: string; readonly withColumns: boolean },
): object {
  if (view === 'Table') return toTable([node], now, { resourceVersion }, withColumns);
  return view === 'Metadata' ? toPartial(node, resourceVersion) : toNode(node, resourceVersion);
}

const toTable = (
  nodes: readonly NodeEntry[],
  now: number,
  metadata: ListMeta,
  withColumns: boolean,
): object => ({
  kind: 'Table',
  apiVersion: 'meta.k8s.io/v1',
  metadata,
  ...(withColumns ? { columnDefinitions: COLUMNS } : {}),
  rows: nodes.map((node) => ({
    cells: toCells(node, now),
    object: toPartial(node, metadata.resourceVersion),
  })),
});

const toPartial = (node: NodeEntry, resourceVersion?: string): object => ({
  kind: 'PartialObjectMetadata',
  apiVersion: 'meta.k8s.io/v1',
  metadata: toMetadata(node, resourceVersion),
});

const toMetadata = ({ name, labels = {}, info = {} }: NodeEntry, resourceVersion?: string): object => ({
  name,
  ...of('resourceVersion', resourceVersion),
  creationTimestamp: info.createdAt === undefined ? null : toTime(info.createdAt),
  labels,
});

/** metav1.Time: whole seconds. */
const toTime = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');

export function toNode(node: NodeEntry, resourceVersion?: string): object {
  const { info = {} } = node;
  const allocatable = { ...of('cpu', info.cpu), ...of('memory', info.memory) };
  const capacity = {
    ...of('cpu', info.cpuCapacity ?? info.cpu),
    ...of('memory', info.memoryCapacity ?? info.memory),
  };
  return {
    kind: 'Node',
    apiVersion: 'v1',
    metadata: toMetadata(node, resourceVersion),
    spec: {},
    status: {
      ...(info.cpu === undefined && info.memory === undefined ? {} : { capacity, allocatable }),
      conditions: node.ready === undefined ? [] : [{ type: 'Ready', status: node.ready ? 'True' : 'False' }],
      addresses: [{ type: isIP(node.address) === 0 ? 'Hostname' : 'InternalIP', address: node.address }],
      nodeInfo: toNodeInfo(info),
    },
  };
}

/** NodeSystemInfo of k8s.io/api core/v1: no field may be missing, and some clients read no Node that lacks one. */
const toNodeInfo = (info: NonNullable<NodeEntry['info']>): object => ({
  machineID: '',
  systemUUID: '',
  bootID: '',
  kernelVersion: info.kernelVersion ?? '',
  osImage: info.osImage ?? '',
  containerRuntimeVersion: info.containerRuntime ?? '',
  kubeletVersion: info.kubeletVersion ?? '',
  kubeProxyVersion: '',
  operatingSystem: info.operatingSystem ?? '',
  architecture: info.architecture ?? '',
});

const of = (name: string, value: string | undefined): object =>
  value === undefined ? {} : { [name]: value };

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
  column('External-IP', 1),
  column('OS-Image', 1),
  column('Kernel-Version', 1),
  column('Container-Runtime', 1),
];

function toCells(
  { name, ready, labels = {}, address, info = {} }: NodeEntry,
  now: number,
): readonly string[] {
  const roles = Object.keys(labels)
    .filter((label) => label.startsWith(ROLE))
    .map((label) => label.slice(ROLE.length))
    .sort();
  return [
    name,
    ready === undefined ? 'Unknown' : ready ? 'Ready' : 'NotReady',
    roles.join(',') || '<none>',
    info.createdAt === undefined ? UNKNOWN : toHumanDuration(now - info.createdAt),
    info.kubeletVersion ?? UNKNOWN,
    isIP(address) === 0 ? '<none>' : address,
    '<none>',
    info.osImage ?? UNKNOWN,
    info.kernelVersion ?? UNKNOWN,
    info.containerRuntime ?? UNKNOWN,
  ].map((cell) => cell.replace(/\p{Cc}/gu, '\uFFFD'));
}
