// Where recordings are written: what the recorder asks of a store, whichever it is. Promises of every store: nothing that
// is there is overwritten, and what cannot be stored rejects.

import type { ManifestEntry } from '../manifest.ts';

export interface RecordingStore {
  /** Begins a recording with its manifest's first entry. Rejects when it cannot be stored, or is there already. */
  begin(id: string, entry: BeginEntry): Promise<OpenRecording>;
}

export type BeginEntry = Extract<ManifestEntry, { kind: 'Begin' }>;

/** A recording that is being written. */
export interface OpenRecording {
  /** Digest of the manifest's first line. */
  readonly beginning: string;
  /** `name` without what the store adds to it. May wait for room; rejects when the segment cannot be made. */
  createSegment(name: string, maxBytes: number): Promise<OpenSegment>;
  /** Adds an entry to the manifest. Resolves to the digest of its line, which stands for all before. Calls must not overlap. */
  append(entry: ManifestEntry): Promise<string>;
  /** Forgets a recording of which nothing is to be kept. */
  discard(): Promise<void>;
  /** Nothing more is written of it. Called once, at its end, however it ended; not after `discard`. */
  release(): void;
}

export interface OpenSegment {
  /** Settles when the store has taken the lines; rejects when it has not. */
  append(lines: readonly Buffer[]): Promise<void>;
  /** Rejects when any of it is not stored as it should be. */
  close(): Promise<StoredSegment>;
  /** Lets go of a segment that will not be named in the manifest. Never rejects. */
  abandon(): Promise<void>;
}

/** As the manifest names it. */
export interface StoredSegment {
  readonly file: string;
  /** Of the file as it is stored, encrypted where it is. */
  readonly bytes: number;
  readonly sha256: string;
}
