// Which credentials the gateway may show to kubelets, and which exchange gets which. `config/` parses and validates
// both lists; `credential/` reads the files and picks.

import type { ActionKind } from './action.ts';
import type { KubeConnection } from './kube-connection.ts';

export type CredentialSource = FileCredentialSource | ServiceAccountTokenSource | UserCertificateSource;

/** Paths are absolute; `{node}` in one stands for the node's name. */
export type FileCredentialSource =
  | {
      readonly kind: 'certificate';
      readonly name: string;
      readonly certificateFile: string;
      readonly privateKeyFile: string;
    }
  | { readonly kind: 'bearerToken'; readonly name: string; readonly bearerTokenFile: string };

/** A token of a ServiceAccount, asked for with the TokenRequest API and renewed while it is used. */
export interface ServiceAccountTokenSource {
  readonly kind: 'serviceAccountToken';
  readonly name: string;
  readonly connection: KubeConnection;
  readonly namespace: string;
  readonly serviceAccount: string;
  /** Empty: the API server's own, which is the only one that a kubelet accepts. */
  readonly audiences: readonly string[];
  /** At least 600, which is as short as an API server makes them. */
  readonly expirationSeconds: number;
}

export const USER_KEY_TYPES = ['P-256', 'Ed25519'] as const;
export type UserKeyType = (typeof USER_KEY_TYPES)[number];

/** A client certificate for each user, which says the user's own name and groups to the kubelet. */
export interface UserCertificateSource {
  readonly kind: 'userCertificate';
  readonly name: string;
  readonly issuedBy:
    | { readonly kind: 'authority'; readonly certificateFile: string; readonly privateKeyFile: string }
    | {
        readonly kind: 'certificateSigningRequest';
        readonly connection: KubeConnection;
        readonly signerName: string;
        /** Whether the gateway approves its requests itself; otherwise it waits for who does. */
        readonly approve: boolean;
        /** For the whole of a request: creation, approval, signature. */
        readonly timeoutMs: number;
      };
  /** Whole seconds; at least 600 of them where the API server signs. */
  readonly lifetimeMs: number;
  readonly keyType: UserKeyType;
  /** Issuers of JWTs whose users get certificates. */
  readonly issuers: readonly string[];
  /** Whether users of client certificates get them, and those whom an API server's TokenReview names. */
  readonly clientCertificateUsers: boolean;
  readonly reviewedTokenUsers: boolean;
}

/** One rule: it matches when every list that is present holds a match and its expression holds. The first rule that matches decides. */
export interface CredentialMapping {
  /** Name of a CredentialSource. */
  readonly credential: string;
  readonly users?: readonly string[];
  readonly groups?: readonly string[];
  readonly nodes?: readonly string[];
  readonly actions?: readonly ActionKind[];
  /** An expression over the exchange (docs/cel.md) that must hold too. One that cannot be evaluated refuses the request. */
  readonly when?: string;
}
