// Deletes recordings beyond an age or a total size, the oldest first and never a running one: neither of this gateway nor,
// where several write to one place, of another. Each deletion is logged, counted, and leaves a tombstone. What a manifest
// says of its age is not believed when its lines do not name each other: somebody may want the recording gone. What it says of
// its size is not believed where others would be deleted for it.

import type { Clock, Log } from '../core/ports.ts';
import type { SessionId } from '../core/operation.ts';
import type { RecordingArchive, RecordingSummary } from '../core/recording-archive.ts';
import type { RecordingRetention } from '../core/recording-store.ts';
import { inParallel } from './archive/in-parallel.ts';
import { hasLinks } from './archive/summary.ts';

export interface RetentionDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly archive: RecordingArchive;
  readonly onDeleted: (reason: RetentionReason) => void;
}

export const RETENTION_REASONS = ['age', 'size'] as const;
export type RetentionReason = (typeof RETENTION_REASONS)[number];

export interface Retention {
  /** Looks now, and from then on at intervals. */
  start(): void;
  /** Resolves when nothing more is deleted. */
  stop(): Promise<void>;
}

const INTERVAL_MS = 10 * 60_000;

export function createRetention(deps: RetentionDeps, settings: RecordingRetention): Retention {
  const { clock, log } = deps;
  const measured = new Map<SessionId, number>();
  const controller = new AbortController();
  let cancel: (() => void) | undefined;
  let running = Promise.resolve();
  const look = (): void => {
    running = prune({ ...deps, measured }, settings, controller.signal)
      .catch((error: unknown) => {
        if (!controller.signal.aborted) log.error({ error }, 'old recordings could not be deleted');
      })
      .finally(() => {
        if (!controller.signal.aborted) cancel = clock.after(INTERVAL_MS, look);
      });
  };
  return {
    start: look,
    async stop() {
      controller.abort(new Error('the gateway stops'));
      cancel?.();
      await running;
    },
  };
}

/** What those that have ended really take: that does not grow any more. */
type Measured = Map<SessionId, number>;

async function prune(
  { clock, log, archive, onDeleted, measured }: RetentionDeps & { readonly measured: Measured },
  settings: RecordingRetention,
  signal: AbortSignal,
): Promise<void> {
  const all = await archive.list({}, signal);
  let due = toDelete(all, settings, clock.now());
  if (due.some(({ reason }) => reason === 'size')) {
    due = toDelete(await measure(archive, all, measured, signal), settings, clock.now());
  }
  for (const { summary, reason } of due) {
    signal.throwIfAborted();
    const { id, user, node, startedAt, bytes } = summary;
    try {
      if (reason === 'age' && !hasLinks((await archive.manifest(id, signal)) ?? '')) {
        log.warn({ recording: id, startedAt }, 'an old recording stays: its manifest was changed');
        continue;
      }
      if (!(await archive.delete(id, `retention: ${reason}`, signal))) continue;
    } catch (error) {
      log.warn({ error, recording: id }, 'an old recording could not be deleted');
      continue;
    }
    log.info({ recording: id, user, node, startedAt, bytes, reason }, 'a recording was deleted');
    onDeleted(reason);
  }
}

/** The same with the bytes that are there. What cannot be looked at takes none: nothing is deleted for it. */
async function measure(
  archive: RecordingArchive,
  recordings: readonly RecordingSummary[],
  measured: Measured,
  signal: AbortSignal,
): Promise<readonly RecordingSummary[]> {
  const known = new Set(recordings.map(({ id }) => id));
  for (const id of measured.keys()) if (!known.has(id)) measured.delete(id);
  return inParallel(recordings, async (summary) => {
    const { id, endedAt } = summary;
    const bytes = measured.get(id) ?? (await sizeOf(archive, id, signal));
    if (endedAt !== undefined && bytes !== undefined) measured.set(id, bytes);
    return { ...summary, bytes: bytes ?? 0 };
  });
}

async function sizeOf(
  archive: RecordingArchive,
  id: SessionId,
  signal: AbortSignal,
): Promise<number | undefined> {
  const files = await archive.files(id, signal).catch(() => undefined);
  signal.throwIfAborted();
  if (files === undefined) return undefined;
  // A segment that is named twice is there once.
  return [...new Map(files.map(({ name, bytes }) => [name, bytes])).values()].reduce(
    (sum, of) => sum + of,
    0,
  );
}

/** Which, the oldest first. */
export function toDelete(
  recordings: readonly RecordingSummary[],
  { maxAgeMs = Infinity, maxTotalBytes = Infinity, unfinishedMs = 0 }: RecordingRetention,
  now: number,
): readonly { readonly summary: RecordingSummary; readonly reason: RetentionReason }[] {
  let total = recordings.reduce((sum, { bytes }) => sum + bytes, 0);
  return recordings
    .filter((summary) => summary.state !== 'running' && !mayBeWritten(summary, now - unfinishedMs))
    .toSorted((a, b) => endOf(a) - endOf(b) || 0)
    .flatMap((summary) => {
      const isOld = now - endOf(summary) > maxAgeMs;
      if (!isOld && total <= maxTotalBytes) return [];
      total -= summary.bytes;
      return [{ summary, reason: isOld ? ('age' as const) : ('size' as const) }];
    });
}

/** Without an end, and not begun so long ago that every session of that time is over. */
const mayBeWritten = ({ endedAt, startedAt }: RecordingSummary, since: number): boolean =>
  endedAt === undefined && Date.parse(startedAt) > since;

/** A recording that does not say when it was is not deleted for its age, and last for its size. */
const endOf = ({ endedAt, startedAt }: RecordingSummary): number => {
  const at = Date.parse(endedAt ?? startedAt);
  return Number.isNaN(at) ? Infinity : at;
};
