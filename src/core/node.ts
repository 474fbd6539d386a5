// A node as the inventory knows it, and the credential that the gateway shows to its kubelet.

import type { NodeName } from './names.ts';
import type { Secret } from './secret.ts';

export interface NodeEntry {
  readonly name: NodeName;
  /** Host name or IP address to dial. */
  readonly address: string;
  readonly port: number;
  /** The name that the kubelet's serving certificate must be valid for. */
  readonly serverName: string;
  /** PEM certificates that the kubelet's serving certificate must chain to. */
  readonly certificateAuthority: string;
  /** Changes whenever one of the above does: connections made under another value are not reused. */
  readonly fingerprint: string;
  /** The labels of the Node object, or what the configuration says they are. Absent: none is known. */
  readonly labels?: Readonly<Record<string, string>>;
  /** The condition Ready of the Node object. Absent: it is not known. A node that is not ready is dialled all the same. */
  readonly ready?: boolean;
}

export interface Inventory {
  get(name: NodeName): NodeEntry | undefined;
  list(): Iterable<NodeEntry>;
}

export interface KubeletCredential {
  /** Its name in the configuration. For the audit log and the log, not for the client. */
  readonly name: string;
  /** Changes whenever the material does: connections made with another one are not reused. */
  readonly fingerprint: string;
  readonly material:
    | { readonly kind: 'certificate'; readonly certificate: string; readonly key: Secret }
    | { readonly kind: 'bearerToken'; readonly token: Secret };
}
