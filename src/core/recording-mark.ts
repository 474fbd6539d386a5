// What the audit log is told of recordings, beside the events of their sessions: so that one that is missing, shortened or
// was deleted by somebody else than the gateway is found out, whether or not its session ever came to an end.

/**
 * `begun`: before a node is dialled. `reached`: so much of it is stored. `ended`: nothing is added any more. `recovered`:
 * what a start found without an end, and gave one; it says nothing of what became of it before. `discarded`: the node never
 * accepted, and nothing is kept. `deleted`: by retention, or by somebody who may.
 */
export const RECORDING_MARKS = ['begun', 'reached', 'ended', 'recovered', 'discarded', 'deleted'] as const;

/** How far a recording has come. */
export interface RecordingPoint {
  /** SHA-256 of the last line of its manifest, which stands for all before, in hexadecimal. */
  readonly manifest: string;
  /** How many segments the manifest names up to there. */
  readonly segments: number;
}

export interface RecordingMark extends RecordingPoint {
  readonly what: (typeof RECORDING_MARKS)[number];
  /** The recording's. */
  readonly id: string;
  /**
   * Of a deletion: where its manifest says that the audit log was told of it, its beginning first, the latest last. Whoever
   * deletes it need not know the log that was told. Empty where its lines do not follow from each other.
   */
  readonly passed?: readonly RecordingPoint[];
  /** In words, for a deletion above all. */
  readonly why?: string;
}

/** Where marks are written: the audit log, whatever its policy leaves out. */
export interface RecordingLedger {
  /** The chain of audit events that they become a part of. Undefined: there is none. */
  readonly chain: string | undefined;
  /** Settles when the audit log's mode says so; rejects with a Fault when it cannot be stored. */
  tell(mark: RecordingMark): Promise<void>;
  /** Nobody waits for it. */
  tellLater(mark: RecordingMark): void;
}
