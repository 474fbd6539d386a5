// What is kept of a recording that was deleted: which it was, what its manifest ended with, when and why. The line beside
// the recordings is for people, and anybody who can write there can make it; the audit log's is what counts.

import type { SessionId } from '../../core/operation.ts';
import type { Clock } from '../../core/ports.ts';
import type { RecordingMark } from '../../core/recording-mark.ts';
import { lastDigest, toPassed, toSummary } from './summary.ts';

/** Beside the recordings' folders: a line for each that was deleted. */
export const TOMBSTONES_NAME = 'pruned.jsonl';

export function toTombstone(id: SessionId, manifest: string, why: string, clock: Clock): string {
  const { startedAt, segments, bytes } = toSummary(id, manifest, false);
  const deletedAt = new Date(clock.now()).toISOString();
  return `${JSON.stringify({ kind: 'Deleted', id, manifest: lastDigest(manifest), startedAt, segments, bytes, deletedAt, why })}\n`;
}

/** What the audit log is told before anything is deleted. */
export const toDeletedMark = (id: SessionId, manifest: string, why: string): RecordingMark => ({
  what: 'deleted',
  id,
  manifest: lastDigest(manifest),
  segments: toSummary(id, manifest, false).segments,
  passed: toPassed(manifest),
  why,
});
