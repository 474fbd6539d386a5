// Which credentials the gateway may show to kubelets, and which exchange gets which. `config/` parses and validates
// both lists; `credential/` reads the files and picks.

import type { ActionKind } from './action.ts';

/** Paths are absolute; `{node}` in one stands for the node's name. */
export type CredentialSource =
  | {
      readonly kind: 'certificate';
      readonly name: string;
      readonly certificateFile: string;
      readonly privateKeyFile: string;
    }
  | { readonly kind: 'bearerToken'; readonly name: string; readonly bearerTokenFile: string };

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
