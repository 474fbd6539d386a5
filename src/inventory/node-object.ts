// A Node object (core/v1) as far as the gateway looks at it, and what is dialled for it. Its status is written by the
// node itself (NodeRestriction lets a kubelet do so): nothing of it is believed beyond what the configuration allows.

import { isIP } from 'node:net';
import type { NodeName } from '../core/names.ts';
import type { NodeInfo } from '../core/node.ts';
import type { KubernetesNodes, NodeAddressType, NodeConfiguration } from '../core/node-source.ts';
import { isNodeName } from '../core/names.ts';
import { NODE_ADDRESS_TYPES } from '../core/node-source.ts';
import { toNodeInfo } from './node-info.ts';

/** The facts of one Node; small, since ten thousand of them are kept. */
export interface NodeFacts {
  readonly name: NodeName;
  readonly addresses: readonly { readonly type: NodeAddressType; readonly address: string }[];
  /** `status.daemonEndpoints.kubeletEndpoint.Port`; 0: not said. */
  readonly port: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly ready: boolean;
  readonly info: NodeInfo;
}

export const NODES_PATH = '/api/v1/nodes';

const DEFAULT_PORT = 10_250;
/** Kubernetes allows more bytes of labels than any rule looks at; a node's kubelet writes some of them. */
const MAX_LABELS = 512;

/** Throws a TypeError that says what is wrong with the object. */
export function readNode(object: unknown): NodeFacts {
  const metadata = field(object, 'metadata');
  const name = field(metadata, 'name');
  if (typeof name !== 'string' || !isNodeName(name)) throw new TypeError('a Node without a valid name');
  const status = field(object, 'status');
  // Capital P: api/core/v1/types.go, DaemonEndpoint.
  const port = field(field(field(status, 'daemonEndpoints'), 'kubeletEndpoint'), 'Port') ?? 0;
  if (typeof port !== 'number' || !Number.isInteger(port)) {
    throw new TypeError(`Node ${name}: the port of its kubelet is not a number`);
  }
  return {
    name,
    addresses: toList(field(status, 'addresses')).flatMap(toAddress),
    port,
    labels: toLabels(field(metadata, 'labels')),
    ready: toList(field(status, 'conditions')).some(
      (condition) => field(condition, 'type') === 'Ready' && field(condition, 'status') === 'True',
    ),
    info: readInfo(metadata, status),
  };
}

function readInfo(metadata: unknown, status: unknown): NodeInfo {
  const info = field(status, 'nodeInfo');
  const allocatable = field(status, 'allocatable');
  const capacity = field(status, 'capacity');
  const created = field(metadata, 'creationTimestamp');
  return toNodeInfo({
    createdAt: typeof created === 'string' ? Date.parse(created) : undefined,
    kubeletVersion: field(info, 'kubeletVersion'),
    osImage: field(info, 'osImage'),
    kernelVersion: field(info, 'kernelVersion'),
    containerRuntime: field(info, 'containerRuntimeVersion'),
    cpu: field(allocatable, 'cpu'),
    memory: field(allocatable, 'memory'),
    cpuCapacity: field(capacity, 'cpu'),
    memoryCapacity: field(capacity, 'memory'),
    operatingSystem: field(info, 'operatingSystem'),
    architecture: field(info, 'architecture'),
  });
}

/** What is dialled for a Node; a text: why it cannot be, in words. */
export function toNode(
  { name, addresses, port: told, labels, ready, info }: NodeFacts,
  { addressTypes, ports, trust }: Pick<KubernetesNodes, 'addressTypes' | 'ports' | 'trust'>,
): NodeConfiguration | string {
  const port = told <= 0 ? DEFAULT_PORT : told;
  if (!ports.includes(port))
    return `its kubelet listens at port ${port}, which is not one of nodes.kubernetes.ports`;
  const address = firstOf(addressTypes, addresses);
  if (address === undefined) return `it has no address of type ${addressTypes.join(' or ')}`;
  const serverName = trust.serverName.replaceAll('{node}', name).replaceAll('{address}', address);
  return { ...trust, name, address, port, serverName, labels, ready, info };
}

const firstOf = (
  types: readonly NodeAddressType[],
  addresses: NodeFacts['addresses'],
): string | undefined => {
  for (const type of types) {
    const found = addresses.find((one) => one.type === type);
    if (found !== undefined) return found.address;
  }
  return undefined;
};

/** An address of a type that is known, and that is what its type says. */
function toAddress(value: unknown): NodeFacts['addresses'] {
  const address = field(value, 'address');
  const type = NODE_ADDRESS_TYPES.find((known) => known === field(value, 'type'));
  if (type === undefined || typeof address !== 'string') return [];
  // A host name is looked up, and an IP address is not: the one may not stand for the other.
  const isNumeric = isIP(address) !== 0;
  const fits = type === 'InternalIP' || type === 'ExternalIP' ? isNumeric : isNumeric || isHostName(address);
  return fits ? [{ type, address }] : [];
}

/** Ends in no number: such a name is taken for an IPv4 address by those who look it up (`127.1`, `0x7f.1`). */
const isHostName = (text: string): boolean =>
  isNodeName(text.toLowerCase()) && !/(?:^|\.)(?:\d+|0x[0-9a-f]*)$/i.test(text);

function toLabels(value: unknown): Readonly<Record<string, string>> {
  const labels: [string, string][] = [];
  for (const [key, text] of Object.entries(isObject(value) ? value : {})) {
    if (typeof text === 'string' && labels.length < MAX_LABELS) labels.push([key, text]);
  }
  return Object.fromEntries(labels);
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const field = (value: unknown, name: string): unknown =>
  isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;

const toList = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
