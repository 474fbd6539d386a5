// The recordings of an object store, read back. Of one that has ended the manifest is one object; of one that runs, or
// whose gateway died, its lines are an object each.

import { isSessionId } from '../../core/operation.ts';
import type { SessionId } from '../../core/operation.ts';
import type { Clock } from '../../core/ports.ts';
import type { RecordingArchive, RecordingSummary, StoredFile } from '../../core/recording-archive.ts';
import type { RecordingLedger } from '../../core/recording-mark.ts';
import { MAX_OBJECT_BYTES, ObjectTooLong, getWhole } from '../../object-store/object-store.ts';
import type { ObjectStore } from '../../object-store/object-store.ts';
import { isSegmentName } from '../segment-name.ts';
import { toEntriesPrefix, toManifestKey, toSegmentKey, toTombstoneKey } from '../store/object-keys.ts';
import { inParallel } from './in-parallel.ts';
import { byNewest, isWanted, toFiles, toFound, toSummary, toUnreadable } from './summary.ts';
import { toDeletedMark, toTombstone } from './tombstone.ts';

export interface ObjectArchiveDeps {
  readonly clock: Clock;
  readonly objects: ObjectStore;
  /** Told of a deletion before anything is deleted. Default: nobody is. */
  readonly ledger?: Pick<RecordingLedger, 'tell'>;
}

/** Summaries that are kept, of about half a kilobyte each. */
const MAX_KNOWN = 20_000;

/** `prefix`: empty, or with a slash at its end. */
export function createObjectArchive(
  { clock, objects, ledger }: ObjectArchiveDeps,
  prefix: string,
): RecordingArchive {
  /** What has ended does not change: it is read once, and listed for as long as it is there. */
  const ended = new Map<SessionId, RecordingSummary>();
  const readManifest = async (id: SessionId, signal?: AbortSignal): Promise<string | undefined> => {
    const whole = await getWhole(objects, toManifestKey(prefix, toId(id)), signal);
    return whole?.toString('utf8') ?? joinEntries(objects, toEntriesPrefix(prefix, id), signal);
  };
  const listed = createLister(ended, async (id, signal) => {
    const whole = await getWhole(objects, toManifestKey(prefix, id), signal);
    return whole === undefined
      ? toOutline(objects, prefix, id, signal)
      : toSummary(id, whole.toString('utf8'), false);
  });
  return {
    // Of one alone: for all that there are it would be a request or more for each, each time.
    async summary(id, signal) {
      const manifest = await readManifest(id, signal);
      if (manifest === undefined) return undefined;
      const summary = toSummary(id, manifest, false);
      const files = await listFiles(objects, toSegmentKey(prefix, id, ''), manifest, signal);
      const missing = files.filter(({ isMissing }) => isMissing === true).length;
      return missing === 0 ? summary : { ...summary, missing };
    },
    manifest: readManifest,
    async list(filter, signal) {
      const found = await inParallel(objects.folders(prefix, signal), async (name) =>
        isSessionId(name) ? listed(name, signal) : undefined,
      );
      return found
        .filter((summary) => summary !== undefined)
        .filter((summary) => isWanted(summary, filter))
        .toSorted(byNewest);
    },
    async files(id, signal) {
      const manifest = await readManifest(id, signal);
      if (manifest === undefined) return [];
      return listFiles(objects, toSegmentKey(prefix, id, ''), manifest, signal);
    },
    async *read(id, { name }, signal) {
      if (!isSegmentName(name)) throw new TypeError('not the name of a segment');
      const chunks = await objects.get(toSegmentKey(prefix, toId(id), name), signal);
      if (chunks === undefined) throw new Error(`${name} is missing`);
      yield* chunks;
    },
    async delete(id, why, signal) {
      const manifest = await readManifest(id, signal);
      if (manifest === undefined) return false;
      await ledger?.tell(toDeletedMark(id, manifest, why));
      await replace(objects, prefix, id, toTombstone(id, manifest, why, clock), signal);
      ended.delete(id);
      return true;
    },
  };
}

/**
 * Of one without an end, which may have tens of thousands of lines: what the first and the last of them say, and how many
 * segments there are. Undefined: there is none. Rejects with ObjectTooLong.
 */
async function toOutline(
  objects: ObjectStore,
  prefix: string,
  id: SessionId,
  signal?: AbortSignal,
): Promise<RecordingSummary | undefined> {
  const folder = toSegmentKey(prefix, id, '');
  const lines = { first: '', last: '', bytes: 0 };
  const there = { segments: 0, bytes: 0 };
  for await (const { key, bytes } of objects.list(folder, signal)) {
    if (key.startsWith(toEntriesPrefix(prefix, id))) {
      lines.first ||= key;
      lines.last = key;
      lines.bytes += bytes;
    } else if (isSegmentName(key.slice(folder.length))) {
      there.segments += 1;
      there.bytes += bytes;
    }
  }
  if (lines.first === '') return undefined;
  if (lines.bytes > MAX_OBJECT_BYTES) throw new ObjectTooLong(folder);
  const texts = [...new Set([lines.first, lines.last])].map((key) => getWhole(objects, key, signal));
  const manifest = (await Promise.all(texts)).map((text) => text?.toString('utf8') ?? '').join('');
  return { ...toSummary(id, manifest, false), ...there };
}

type Summarize = (id: SessionId, signal?: AbortSignal) => Promise<RecordingSummary | undefined>;

/** What cannot be read for what it is hides nothing else; that the store is away is an error. */
const createLister =
  (ended: Map<SessionId, RecordingSummary>, summarize: Summarize): Summarize =>
  async (id, signal) => {
    const known = ended.get(id);
    if (known !== undefined) return known;
    const summary = await summarize(id, signal).catch((error: unknown) => {
      if (!(error instanceof ObjectTooLong)) throw error;
      return toUnreadable(id, `cannot be read: it is longer than ${MAX_OBJECT_BYTES} bytes`);
    });
    // What is too long does not become shorter: nothing there is written over.
    const isFinal = summary?.endedAt !== undefined || summary?.problem !== undefined;
    if (summary === undefined || !isFinal) return summary;
    if (ended.size >= MAX_KNOWN) ended.clear();
    ended.set(id, summary);
    return summary;
  };

/** What the manifest names, as it lies there, and then what it does not name. */
async function listFiles(
  objects: ObjectStore,
  folder: string,
  manifest: string,
  signal?: AbortSignal,
): Promise<readonly StoredFile[]> {
  const files = toFiles(manifest);
  const known = new Set(files.map(({ name }) => name));
  const there = await listSegments(objects, folder, signal);
  const sizes = new Map(there.map(({ name, bytes }) => [name, bytes]));
  const named = files.map((file) => toFound(file, sizes.get(file.name)));
  return [...named, ...there.filter(({ name }) => !known.has(name))];
}

/** Whatever the manifest says of them. */
async function listSegments(
  objects: ObjectStore,
  folder: string,
  signal?: AbortSignal,
): Promise<readonly StoredFile[]> {
  const found: StoredFile[] = [];
  for await (const { key, bytes } of objects.list(folder, signal)) {
    const name = key.slice(folder.length);
    if (isSegmentName(name)) found.push({ name, bytes, proven: false });
  }
  return found;
}

/** Puts a tombstone there, and deletes all of it, the manifest last: by it an interrupted deletion is found again. */
async function replace(
  objects: ObjectStore,
  prefix: string,
  id: SessionId,
  tombstone: string,
  signal?: AbortSignal,
): Promise<void> {
  // One that is there already is of a deletion that did not come to its end.
  await objects.putNew(toTombstoneKey(prefix, id), Buffer.from(tombstone), signal);
  const last = toManifestKey(prefix, id);
  for await (const { key } of objects.list(toSegmentKey(prefix, id, ''), signal)) {
    if (key !== last) await objects.delete(key, signal);
  }
  await objects.delete(last, signal);
}

/** Undefined: there is none. */
async function joinEntries(
  objects: ObjectStore,
  prefix: string,
  signal?: AbortSignal,
): Promise<string | undefined> {
  let total = 0;
  const lines = await inParallel(objects.list(prefix, signal), ({ key, bytes }) => {
    total += bytes;
    // Before it is asked for: what has been asked for would be in memory together.
    if (total > MAX_OBJECT_BYTES) throw new ObjectTooLong(prefix);
    return getWhole(objects, key, signal);
  });
  if (lines.length === 0) return undefined;
  return lines.map((line) => line?.toString('utf8') ?? '').join('');
}

function toId(id: SessionId): string {
  if (!isSessionId(id)) throw new TypeError('not the id of a recording');
  return id;
}
