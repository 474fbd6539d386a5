// Recording of sessions: who says that a session is recorded, and what became of it. `config/` reads the rules,
// `record/` follows them, the audit event tells the outcome.

import type { SessionMatch } from './session-match.ts';
import type { RecordingEncryption, RecordingRetention, S3Settings } from './recording-store.ts';

/** `required`: no recording, no session. `best-effort`: a recording that fails is given up, the session goes on. */
export const RECORDING_MODES = ['required', 'best-effort', 'off'] as const;
export type RecordingMode = (typeof RECORDING_MODES)[number];

/**
 * Whether what the client types or sends is recorded. `on`: passwords included. `echo`: of what is typed at a terminal, the
 * lines that the terminal shows; without one, nothing.
 */
export const STDIN_MODES = ['off', 'on', 'echo'] as const;
export type StdinMode = (typeof STDIN_MODES)[number];

/** The first rule that matches decides. */
export interface RecordingRule extends SessionMatch {
  readonly mode: RecordingMode;
  readonly stdin: StdinMode;
}

export interface RecordingSettings {
  /** Absolute path. With `s3`, what waits for the store is here, and otherwise everything. */
  readonly directory: string;
  /** A segment is closed, and named in the manifest, when it is so old or so large. */
  readonly segment: { readonly maxAgeMs: number; readonly maxBytes: number };
  /** Wait for the disk, not only for the operating system. */
  readonly fsync: boolean;
  /** The audit log is told of what was stored of a running session so long afterwards. */
  readonly tellAfterMs: number;
  /** Absent: segments are stored as they are. */
  readonly encryption?: RecordingEncryption;
  readonly s3?: S3Settings;
  /** Absent: nothing is ever deleted. */
  readonly retention?: RecordingRetention;
  /** No session that is recorded lasts longer. Absent: nobody knows. */
  readonly longestSessionMs?: number;
  readonly rules: readonly RecordingRule[];
}

/** `incomplete`: something that passed is not in it. `failed`: there is none. */
export const RECORDING_STATES = ['complete', 'incomplete', 'failed'] as const;
export type RecordingState = (typeof RECORDING_STATES)[number];

export interface RecordingOutcome {
  /** The name of its folder, which is the exchange's audit id. */
  readonly id: string;
  readonly state: RecordingState;
  /** Why it is not complete, or what the session was ended for. */
  readonly problem?: string;
  /** What else the audit event says, by the names of its annotations without the gateway's prefix. */
  readonly notes?: Readonly<Record<string, string>>;
  /** Digest of the manifest's last line, and how many segments it names. Absent when its end could not be stored. */
  readonly manifest?: { readonly sha256: string; readonly segments: number };
}
