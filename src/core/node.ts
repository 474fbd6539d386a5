// A node as the inventory knows it, and the credential that the gateway shows to its kubelet.

import type { NodeName } from './names.ts';
import type { Secret } from './secret.ts';

/** What a kubelet's serving certificate must be, for its node to be spoken to. */
export interface ServingTrust {
  /**
   * The DNS name or IP address that must be among its subject alternative names; or `system:node:NAME`, which its whole
   * subject must then name, with the organization `system:nodes` (the signer kubernetes.io/kubelet-serving).
   * Where there is no authority, a pin stands for it and the name is not looked at.
   */
  readonly serverName: string;
  /** PEM certificates that it must chain to. Empty: there must be a pin, which then is what is trusted. */
  readonly certificateAuthority: string;
  /** SHA-256 digests of its public key (SubjectPublicKeyInfo) in base64, of which one must fit. Absent: any key. */
  readonly pins?: readonly [string, ...string[]];
}

/** What is known of a node beside how to reach it: from its Node object, or from its kubelet. */
export interface NodeInfo {
  /** Of the Node object, in milliseconds since the epoch. */
  readonly createdAt?: number;
  readonly kubeletVersion?: string;
  readonly osImage?: string;
  readonly kernelVersion?: string;
  readonly containerRuntime?: string;
  /** Kubernetes quantities: of the machine or, of a Node object, what of it is allocatable. */
  readonly cpu?: string;
  readonly memory?: string;
  /** Of a Node object: of the machine. */
  readonly cpuCapacity?: string;
  readonly memoryCapacity?: string;
  readonly operatingSystem?: string;
  readonly architecture?: string;
}

export interface NodeEntry extends ServingTrust {
  readonly name: NodeName;
  /** Host name or IP address to dial. */
  readonly address: string;
  readonly port: number;
  /** Changes whenever one of the above does: connections made under another value are not reused. */
  readonly fingerprint: string;
  /** The labels of the Node object, or what the configuration says they are. Absent: none is known. */
  readonly labels?: Readonly<Record<string, string>>;
  /** The condition Ready of the Node object. Absent: it is not known. A node that is not ready is dialled all the same. */
  readonly ready?: boolean;
  /** Absent: nothing of it is known. */
  readonly info?: NodeInfo;
}

export interface Inventory {
  get(name: NodeName): NodeEntry | undefined;
  list(): Iterable<NodeEntry>;
  /** Why no node is known yet, in words for a client; undefined once it is known which there are. Absent: it always is. */
  problem?(): string | undefined;
}

export interface KubeletCredential {
  /** Its name in the configuration. For the audit log and the log, not for the client. */
  readonly name: string;
  /** Changes whenever the material does: connections made with another one are not reused. */
  readonly fingerprint: string;
  /** Present when it was made for this user alone: it says their name, and no other user's request may be sent with it. */
  readonly user?: string;
  readonly material:
    | { readonly kind: 'certificate'; readonly certificate: string; readonly key: Secret }
    | { readonly kind: 'bearerToken'; readonly token: Secret };
}
