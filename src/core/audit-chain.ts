// The chain of the audit log: how often it is signed, by whom, and where else the signatures go. `config/` reads it,
// `observe/audit` follows it.

import type { Secret } from './secret.ts';

/** Who signs: a key in the gateway's hands, or a process apart that is asked through a Unix socket. */
export type AuditSigner =
  /** `key`: PKCS#8 PEM of an Ed25519 key. */
  | { readonly kind: 'key'; readonly key: Secret }
  | { readonly kind: 'socket'; readonly socket: string; readonly timeoutMs: number };

export interface AuditChainSettings {
  /** Absent: events are chained and nothing is signed. */
  readonly signer?: AuditSigner | undefined;
  readonly checkpoint: { readonly maxAgeMs: number; readonly maxEvents: number };
  /** Present: requests are refused while more events than this are not signed. */
  readonly maxUnsigned?: number | undefined;
  /** Checkpoints go here too. */
  readonly secondSink: { readonly path?: string | undefined; readonly stdout: boolean };
}
