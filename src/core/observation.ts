// What audit, metrics and log are told about an exchange: its beginning, what the stages found, and its one ending.

import type {
  Authorized,
  Credentialed,
  Found,
  Identified,
  Located,
  OwnAuthorized,
  Received,
} from './exchange.ts';
import type { Fault } from './fault.ts';
import type { EndReason } from './lifetime.ts';
import type { RecordingOutcome } from './recording.ts';

/** The most that is known before authorization. */
export type EarlyEvidence = Received | Identified | Found;

export type Evidence = EarlyEvidence | Authorized | OwnAuthorized | Located | Credentialed;

export interface Ending {
  /** The HTTP status code that the client was sent; 101 for an upgraded connection; 0 when none was sent. */
  readonly code: number;
  /** Present when the gateway refused or failed. */
  readonly fault?: Fault;
  /** Why a long-running exchange ended. */
  readonly reason?: EndReason;
  /** Bytes of payload from the client to the node and back. */
  readonly bytesSent?: number;
  readonly bytesReceived?: number;
  /** What else the audit event says, without the gateway's prefix: lower-case words and dashes. */
  readonly notes?: Readonly<Record<string, string>>;
  /** Present when the session was to be recorded. */
  readonly recording?: RecordingOutcome;
}

/** One exchange, seen from beside the line. Calls come in this order; `complete` or `panic` comes exactly once. */
export interface Observation {
  /**
   * The stage RequestReceived, called once, with the most that is known before authorization. Settles when the audit
   * log's mode says so; rejects with a Fault when the mode is blocking-strict and the event could not be stored.
   * Undefined means: nothing to wait for.
   */
  received(evidence: EarlyEvidence): Promise<void> | undefined;
  /** What the stages after it found. */
  found(evidence: Authorized | OwnAuthorized | Located | Credentialed): void;
  /** The head of the answer is about to be sent. */
  started(code: number): void;
  complete(ending: Ending): void;
  /** An error that no stage foresaw. `complete` does not follow. */
  panic(error: unknown, ending: Ending): void;
}

/** Begins to observe an exchange. */
export type Observer = (received: Received) => Observation;
