// Where the nodes come from, and which addresses may be dialled. `config/` parses and validates it; `inventory/` follows
// the source.

import type { KubeConnection } from './kube-connection.ts';
import type { NodeEntry, ServingTrust } from './node.ts';

/** A node as the configuration or a node file gives it. */
export type NodeConfiguration = Omit<NodeEntry, 'fingerprint'>;

/** Types of the addresses of a Node (core/v1 NodeAddressType). */
export const NODE_ADDRESS_TYPES = [
  'InternalIP',
  'InternalDNS',
  'Hostname',
  'ExternalIP',
  'ExternalDNS',
] as const;
export type NodeAddressType = (typeof NODE_ADDRESS_TYPES)[number];

export interface KubernetesNodes {
  readonly connection: KubeConnection;
  /** Absent: all nodes. */
  readonly labelSelector?: string;
  /** The first type of which a node has an address is dialled. */
  readonly addressTypes: readonly [NodeAddressType, ...NodeAddressType[]];
  /** A node whose kubelet is said to listen at another port is not dialled. */
  readonly ports: readonly [number, ...number[]];
  /** `serverName` may hold `{node}` and `{address}`. */
  readonly trust: ServingTrust;
  /** Absolute path of a file that holds the last known nodes. Absent: a gateway that starts must reach the API server. */
  readonly cachePath?: string;
}

export type NodeSource =
  | { readonly kind: 'list'; readonly nodes: readonly NodeConfiguration[] }
  /** `nodes` are those that stood in the file when the configuration was read. `path` is absolute. */
  | { readonly kind: 'file'; readonly path: string; readonly nodes: readonly NodeConfiguration[] }
  | ({ readonly kind: 'kubernetes' } & KubernetesNodes);

export interface NodesSettings {
  readonly source: NodeSource;
  /** CIDRs of addresses that are dialled although they are none that a node has: loopback, link-local … */
  readonly allowedAddresses: readonly string[];
}
