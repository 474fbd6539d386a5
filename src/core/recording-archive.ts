// Recordings as they lie in their store: listed, read, deleted. Whoever reads them back (the admin API, the command
// line, the check of the chain, retention) is handed this, and knows neither folders nor object stores.
//
// The gateway has no identity for encrypted recordings: what it reads of one are age files, as they are stored. They
// are told apart in a joined stream by the manifest's `bytes` of each segment.

import type { SessionFilter, SessionId } from './operation.ts';

/** `running`: a session of this process writes it. `interrupted`: it has no end, and no session of this process owns it. */
export type StoredState = 'complete' | 'incomplete' | 'failed' | 'running' | 'interrupted';

/** What can be known of a recording without its segments. Empty text where an old or damaged manifest does not say. */
export interface RecordingSummary {
  readonly id: SessionId;
  readonly state: StoredState;
  readonly encrypted: boolean;
  /** RFC 3339, as are all times here. */
  readonly startedAt: string;
  readonly endedAt?: string;
  readonly user: string;
  readonly node: string;
  readonly action: string;
  readonly namespace: string;
  readonly pod: string;
  readonly container?: string;
  /** In the manifest's End entry: why the session ended, and why the recording is not whole. */
  readonly reason?: string;
  readonly problem?: string;
  readonly exitCode?: number;
  /** Segments that the manifest names, and their bytes, as it says; in a list of an object store, of one without an end, those that are there. */
  readonly segments: number;
  readonly bytes: number;
  /** So many of them are not there any more. Absent: none, or nobody looked: a listing of an object store does not, the summary of one does. */
  readonly missing?: number;
}

/** For listings: what is known to be gone stands beside it. */
export const toStateWords = ({ state, missing }: RecordingSummary): string =>
  missing === undefined ? state : `${state}, ${missing} ${missing === 1 ? 'segment' : 'segments'} missing`;

/** One file of a recording, as it is stored. */
export interface StoredFile {
  /** `00000001.cast`, with `.age` when encrypted, `.jsonl` for a port-forward. */
  readonly name: string;
  /** Those that are there at present, whatever the manifest says. */
  readonly bytes: number;
  /** Named in the manifest. The segment that was open when a gateway died is not, and its last line may be torn. */
  readonly proven: boolean;
  /** What is known to be wrong with it before it is read, as the end of a sentence about it. */
  readonly problem?: string;
  /** There is nothing to be read. */
  readonly isMissing?: true;
}

export interface RecordingArchive {
  /** Those that match, the newest first. Reads one small file or two of every recording in the store. */
  list(filter: SessionFilter, signal?: AbortSignal): Promise<readonly RecordingSummary[]>;
  /** Undefined: there is none of this id. */
  summary(id: SessionId, signal?: AbortSignal): Promise<RecordingSummary | undefined>;
  /** The manifest's whole lines, as they are stored. Undefined: there is none of this id. */
  manifest(id: SessionId, signal?: AbortSignal): Promise<string | undefined>;
  /** The segments in their order, the unproven ones last. Empty when there is none of this id. */
  files(id: SessionId, signal?: AbortSignal): Promise<readonly StoredFile[]>;
  /** The bytes of one of them, as they are stored. The iteration throws when it is gone. */
  read(id: SessionId, file: StoredFile, signal?: AbortSignal): AsyncIterable<Uint8Array>;
  /**
   * Deletes a recording and keeps a tombstone of it. False: there is none of this id. Throws a Fault (Conflict) when
   * it is running. `why` is stored: `retention`, or who deleted it.
   */
  delete(id: SessionId, why: string, signal?: AbortSignal): Promise<boolean>;
}
