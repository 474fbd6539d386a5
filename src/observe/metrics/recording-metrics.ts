// What is counted of recordings: how they ended, what waits for the object store, and what retention deletes.

import { RECORDING_STATES } from '../../core/recording.ts';
import type { RecordingState } from '../../core/recording.ts';
import type { Registry } from './registry.ts';

export interface RecordingMetrics {
  /** A recording has ended, and so many bytes were written of it. */
  recordingEnded(state: RecordingState, bytes: number): void;
  /** The object store took what was new of a recording, or did not. */
  recordingUploaded(result: UploadResult): void;
  recordingsWaiting(bytes: number): void;
  recordingDeleted(reason: DeletionReason): void;
}

const UPLOAD_RESULTS = ['stored', 'failed', 'refused'] as const;
type UploadResult = (typeof UPLOAD_RESULTS)[number];
const DELETION_REASONS = ['age', 'size'] as const;
type DeletionReason = (typeof DELETION_REASONS)[number];

export function createRecordingMetrics(registry: Registry): RecordingMetrics {
  // A counter that begins to exist with its first error is one whose increase no alert sees.
  for (const state of RECORDING_STATES) registry.add('recordings', { state }, 0);
  for (const result of UPLOAD_RESULTS) registry.add('recordingUploads', { result }, 0);
  for (const reason of DELETION_REASONS) registry.add('recordingsDeleted', { reason }, 0);
  registry.set('recordingsWaiting', {}, 0);
  return {
    recordingEnded: (state, bytes) => {
      registry.add('recordings', { state }, 1);
      registry.add('recordingBytes', {}, bytes);
    },
    recordingUploaded: (result) => registry.add('recordingUploads', { result }, 1),
    recordingsWaiting: (bytes) => registry.set('recordingsWaiting', {}, bytes),
    recordingDeleted: (reason) => registry.add('recordingsDeleted', { reason }, 1),
  };
}
