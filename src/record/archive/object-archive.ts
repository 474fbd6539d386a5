// The recordings of an object store, read back. Of one that has ended the manifest is one object; of one that runs, or
// whose gateway died, its lines are an object each.

import { isSessionId } from '../../core/operation.ts';
import type { SessionId } from '../../core/operation.ts';
import type { Clock } from '../../core/ports.ts';
import type { RecordingArchive, StoredFile } from '../../core/recording-archive.ts';
import { getWhole } from '../../object-store/object-store.ts';
import type { ObjectStore } from '../../object-store/object-store.ts';
import { isSegmentName } from '../segment-name.ts';
import { toEntriesPrefix, toManifestKey, toSegmentKey, toTombstoneKey } from '../store/object-keys.ts';
import { inParallel } from './in-parallel.ts';
import { byNewest, isWanted, toFiles, toSummary } from './summary.ts';
import { toTombstone } from './tombstone.ts';

export interface ObjectArchiveDeps {
  readonly clock: Clock;
  readonly objects: ObjectStore;
}

/** `prefix`: empty, or with a slash at its end. */
export function createObjectArchive({ clock, objects }: ObjectArchiveDeps, prefix: string): RecordingArchive {
  const readManifest = async (id: SessionId, signal?: AbortSignal): Promise<string | undefined> => {
    const whole = await getWhole(objects, toManifestKey(prefix, toId(id)), signal);
    return whole?.toString('utf8') ?? joinEntries(objects, toEntriesPrefix(prefix, id), signal);
  };
  const summarize = async (id: SessionId, signal?: AbortSignal) => {
    const manifest = await readManifest(id, signal);
    return manifest === undefined ? undefined : toSummary(id, manifest, false);
  };
  return {
    summary: summarize,
    manifest: readManifest,
    async list(filter, signal) {
      const found = await inParallel(objects.folders(prefix, signal), async (name) =>
        isSessionId(name) ? summarize(name, signal) : undefined,
      );
      return found
        .filter((summary) => summary !== undefined)
        .filter((summary) => isWanted(summary, filter))
        .toSorted(byNewest);
    },
    async files(id, signal) {
      const manifest = await readManifest(id, signal);
      if (manifest === undefined) return [];
      const named = toFiles(manifest);
      const known = new Set(named.map(({ name }) => name));
      const others: StoredFile[] = [];
      const folder = toSegmentKey(prefix, id, '');
      for await (const { key, bytes } of objects.list(folder, signal)) {
        const name = key.slice(folder.length);
        if (isSegmentName(name) && !known.has(name)) others.push({ name, bytes, proven: false });
      }
      return [...named, ...others];
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
      const tombstone = Buffer.from(toTombstone(id, manifest, why, clock));
      // One that is there already is of a deletion that did not come to its end.
      await objects.putNew(toTombstoneKey(prefix, id), tombstone, signal);
      const last = toManifestKey(prefix, id);
      for await (const { key } of objects.list(toSegmentKey(prefix, id, ''), signal)) {
        if (key !== last) await objects.delete(key, signal);
      }
      await objects.delete(last, signal);
      return true;
    },
  };
}

/** Undefined: there is none. */
async function joinEntries(
  objects: ObjectStore,
  prefix: string,
  signal?: AbortSignal,
): Promise<string | undefined> {
  const lines = await inParallel(objects.list(prefix, signal), ({ key }) => getWhole(objects, key, signal));
  if (lines.length === 0) return undefined;
  return lines.map((line) => line?.toString('utf8') ?? '').join('');
}

function toId(id: SessionId): string {
  if (!isSessionId(id)) throw new TypeError('not the id of a recording');
  return id;
}
