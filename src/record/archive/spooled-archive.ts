// Recordings of which some, or some parts, are still in the spool and the others in the object store. The spool's manifest
// is the whole one as long as it is there.

import type { RecordingArchive, RecordingSummary, StoredFile } from '../../core/recording-archive.ts';
import type { SessionId } from '../../core/operation.ts';
import { toRunningFault } from './directory-archive.ts';
import { byNewest, toFiles, toFound } from './summary.ts';

export const createSpooledArchive = (spool: RecordingArchive, store: RecordingArchive): RecordingArchive => ({
  async list(filter, signal) {
    // The spool first: what moves in the meantime is then found twice, and not missed.
    const waiting = await spool.list(filter, signal);
    const found = new Map<string, RecordingSummary>();
    for (const summary of await store.list(filter, signal)) found.set(summary.id, summary);
    for (const summary of waiting) {
      if (summary.state === 'running' || !found.has(summary.id)) found.set(summary.id, summary);
    }
    return [...found.values()].toSorted(byNewest);
  },
  summary: async (id, signal) => (await spool.summary(id, signal)) ?? store.summary(id, signal),
  manifest: async (id, signal) => (await spool.manifest(id, signal)) ?? store.manifest(id, signal),
  async files(id, signal) {
    const waiting = await spool.files(id, signal);
    if (waiting.length === 0) return store.files(id, signal);
    if (waiting.every(({ isMissing }) => isMissing === undefined)) return waiting;
    const manifest = (await spool.manifest(id, signal)) ?? '';
    const named = new Map(toFiles(manifest).map((file) => [file.name, file]));
    const stored = new Map((await store.files(id, signal)).map((file) => [file.name, file]));
    // What was brought to the store is there, and named in the spool's manifest, which is the newer one.
    return waiting.map((file) => {
      const [there, said] = [stored.get(file.name), named.get(file.name)];
      const isElsewhere = file.isMissing === true && there !== undefined && there.isMissing === undefined;
      return isElsewhere && said !== undefined ? toFound(said, there.bytes) : file;
    });
  },
  read: (id, file, signal) => readEither(spool, store, id, file, signal),
  async delete(id, why, signal) {
    if ((await spool.summary(id, signal)) !== undefined) throw toRunningFault(id);
    return store.delete(id, why, signal);
  },
});

async function* readEither(
  spool: RecordingArchive,
  store: RecordingArchive,
  id: SessionId,
  file: StoredFile,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  let isBegun = false;
  try {
    for await (const chunk of spool.read(id, file, signal)) {
      isBegun = true;
      yield chunk;
    }
    return;
  } catch (error) {
    const isGone = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    if (isBegun || !isGone) throw error;
  }
  yield* store.read(id, file, signal);
}
