// How to reach a Kubernetes API server, as read from a kubeconfig or the in-cluster environment. `config/` parses and
// validates it; `kube/` dials it. There is no field to skip the verification of the server's certificate.

import type { Secret } from './secret.ts';

export interface KubeConnection {
  /** An https URL; a path below which the API lives is kept. */
  readonly server: string;
  /** PEM; absent: the system's roots. */
  readonly certificateAuthority?: string;
  /** The name that the server's certificate must be valid for, where it is not the host of `server`. */
  readonly tlsServerName?: string;
  readonly credential: KubeCredential;
}

export type KubeCredential =
  /** PEM both. */
  | { readonly kind: 'certificate'; readonly certificate: string; readonly key: Secret }
  | { readonly kind: 'token'; readonly token: Secret }
  /** Read again when it changes: a projected ServiceAccount token is rotated in place. */
  | { readonly kind: 'tokenFile'; readonly path: string };
