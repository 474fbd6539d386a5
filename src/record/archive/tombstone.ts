// What is kept of a recording that was deleted: which it was, what its manifest ended with, when and why. The audit log
// tells of the session; without this line its recording would be missing.

import type { SessionId } from '../../core/operation.ts';
import type { Clock } from '../../core/ports.ts';
import { lastDigest, toSummary } from './summary.ts';

/** Beside the recordings' folders: a line for each that was deleted. */
export const TOMBSTONES_NAME = 'pruned.jsonl';

export function toTombstone(id: SessionId, manifest: string, why: string, clock: Clock): string {
  const { startedAt, segments, bytes } = toSummary(id, manifest, false);
  const deletedAt = new Date(clock.now()).toISOString();
  return `${JSON.stringify({ kind: 'Deleted', id, manifest: lastDigest(manifest), startedAt, segments, bytes, deletedAt, why })}\n`;
}
