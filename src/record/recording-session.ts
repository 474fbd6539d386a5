// What one recording is made from: the session that is recorded and by which rule, where it goes, and who is told.

import type { Credentialed } from '../core/exchange.ts';
import type { Clock, Log } from '../core/ports.ts';
import type { RecordingRule, RecordingSettings, RecordingState } from '../core/recording.ts';
import type { BlockPool } from './block-pool.ts';
import type { ByteLines } from './cast-lines.ts';
import type { OpenRecording } from './store/recording-store.ts';
import type { WriteLines } from './transcript.ts';

export interface RecordingDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly pool: BlockPool;
  readonly writeBytes: (lines: ByteLines, write: WriteLines) => void;
  readonly onEnded: (state: RecordingState, bytes: number) => void;
  /** Undefined: it could not be begun, and the session goes on without. */
  readonly store: OpenRecording | undefined;
}

export interface RecordingSession {
  readonly exchange: Credentialed;
  readonly rule: RecordingRule;
  readonly segment: RecordingSettings['segment'];
  readonly patienceMs: number;
}
