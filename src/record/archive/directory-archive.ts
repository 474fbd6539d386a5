// The recordings of a directory, read back. What is there may have been written by another process, cut by its death, or
// changed: ids and names are looked at before they become paths, and no link is followed out of a recording's folder.

import { constants } from 'node:fs';
import { lstat, open, readFile, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault } from '../../core/fault.ts';
import { isSessionId } from '../../core/operation.ts';
import type { SessionId } from '../../core/operation.ts';
import type { Clock } from '../../core/ports.ts';
import type { RecordingArchive, RecordingSummary, StoredFile } from '../../core/recording-archive.ts';
import type { RecordingLedger } from '../../core/recording-mark.ts';
import { MANIFEST_NAME } from '../manifest.ts';
import { isSegmentName } from '../segment-name.ts';
import { inParallel } from './in-parallel.ts';
import { byNewest, isWanted, toFiles, toFound, toSummary, toUnreadable } from './summary.ts';
import { TOMBSTONES_NAME, toDeletedMark, toTombstone } from './tombstone.ts';

export interface DirectoryArchiveDeps {
  readonly clock: Clock;
  /** Recordings that this process writes. Default: none. */
  readonly running?: ReadonlySet<string>;
  /** Told of a deletion before anything is deleted. Default: nobody is. */
  readonly ledger?: Pick<RecordingLedger, 'tell'>;
  /** Segments are brought elsewhere from here: that one is not here says nothing. */
  readonly isSpool?: boolean;
}

/** Of a folder that is being deleted: it is no recording any more. */
const DELETED = '.deleted';
const READ_CHUNK = 64 * 1024;
/** A link is an error, and a pipe is empty instead of being waited for. */
const NO_LINKS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

export function createDirectoryArchive(
  { clock, running = new Set(), ledger, isSpool = false }: DirectoryArchiveDeps,
  directory: string,
): RecordingArchive {
  const readManifest = (id: SessionId, signal?: AbortSignal): Promise<string | undefined> =>
    readText(join(directory, toId(id), MANIFEST_NAME), signal);
  const summarize = async (id: SessionId, signal?: AbortSignal) => {
    const manifest = await readManifest(id, signal);
    if (manifest === undefined) return undefined;
    const summary = toSummary(id, manifest, running.has(id));
    const missing = isSpool ? 0 : await countMissing(join(directory, id), manifest);
    return missing === 0 ? summary : { ...summary, missing };
  };
  const listed = async (id: SessionId, signal?: AbortSignal) =>
    (await summarize(id, signal)) ?? (await toHeadless(join(directory, id), id));
  return {
    summary: summarize,
    async list(filter, signal) {
      const names = (await orMissing(readdir(directory))) ?? [];
      const found = await inParallel(names.filter(isSessionId), (id) =>
        listed(id, signal).catch((error: unknown) => {
          signal?.throwIfAborted();
          return toUnreadable(id, toCodeWords(error));
        }),
      );
      return found
        .filter((summary) => summary !== undefined)
        .filter((summary) => isWanted(summary, filter))
        .toSorted(byNewest);
    },
    async manifest(id, signal) {
      const text = await readManifest(id, signal);
      return text?.slice(0, text.lastIndexOf('\n') + 1);
    },
    async files(id, signal) {
      const manifest = await readManifest(id, signal);
      return manifest === undefined ? [] : listFiles(join(directory, id), manifest);
    },
    async *read(id, { name }, signal) {
      yield* readSegment(join(directory, toId(id), toSegment(name)), signal);
    },
    async delete(id, why, signal) {
      if (running.has(id)) throw toRunningFault(id);
      const manifest = await readManifest(id, signal);
      if (manifest === undefined) return false;
      await ledger?.tell(toDeletedMark(id, manifest, why));
      await appendTombstone(join(directory, TOMBSTONES_NAME), toTombstone(id, manifest, why, clock));
      const folder = join(directory, `${id}${DELETED}`);
      await rename(join(directory, id), folder);
      await rm(folder, { recursive: true, force: true });
      return true;
    },
  };
}

/** Segments without the manifest that names them. Undefined: there are none. */
async function toHeadless(folder: string, id: SessionId): Promise<RecordingSummary | undefined> {
  const names = (await orMissing(readdir(folder))) ?? [];
  if (names.includes(MANIFEST_NAME) || !names.some(isSegmentName)) return undefined;
  return toUnreadable(id, 'is missing');
}

/** What the manifest names, as it lies there, and then what it does not name. */
async function listFiles(folder: string, manifest: string): Promise<readonly StoredFile[]> {
  const files = toFiles(manifest);
  const known = new Set(files.map(({ name }) => name));
  const named = await inParallel(files, async (file) => toFound(file, await sizeOf(join(folder, file.name))));
  const others = (await readdir(folder)).filter((name) => isSegmentName(name) && !known.has(name));
  const unproven = await inParallel(others.toSorted(), async (name): Promise<StoredFile> => {
    return { name, bytes: (await sizeOf(join(folder, name))) ?? 0, proven: false };
  });
  return [...named, ...unproven];
}

/** Names alone are looked at: a recording may have thousands of segments, and all recordings are listed at once. */
async function countMissing(folder: string, manifest: string): Promise<number> {
  const names = await orMissing(readdir(folder));
  // It has been deleted since its manifest was read.
  if (names === undefined) return 0;
  const there = new Set(names);
  return toFiles(manifest).filter(({ name }) => !there.has(name)).length;
}

/** Undefined: there is none, or what is there is no file. */
async function sizeOf(path: string): Promise<number | undefined> {
  const stats = await orMissing(lstat(path));
  return stats?.isFile() === true ? stats.size : undefined;
}

/** Undefined: there is none. */
const readText = (path: string, signal?: AbortSignal): Promise<string | undefined> =>
  orMissing(readFile(path, { encoding: 'utf8', flag: NO_LINKS, ...toOptions(signal) }));

const toCodeWords = (error: unknown): string =>
  `cannot be read (${error instanceof Error && 'code' in error ? String(error.code) : 'unknown'})`;

/** Removes what was left when the process died in the middle of a deletion. */
export async function removeDeleted(directory: string): Promise<void> {
  for (const name of (await orMissing(readdir(directory))) ?? []) {
    if (!name.endsWith(DELETED) || !isSessionId(name.slice(0, -DELETED.length))) continue;
    await rm(join(directory, name), { recursive: true, force: true });
  }
}

export const toRunningFault = (id: SessionId): Fault =>
  new Fault('Conflict', 'the recording is still being written or stored; it can be deleted afterwards', {
    details: { kind: 'recordings', name: id },
  });

/** Ids are checked where they come in; a second look costs nothing. */
function toId(id: SessionId): string {
  if (!isSessionId(id)) throw new TypeError('not the id of a recording');
  return id;
}

function toSegment(name: string): string {
  if (!isSegmentName(name)) throw new TypeError('not the name of a segment');
  return name;
}

async function* readSegment(path: string, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  const handle = await open(path, NO_LINKS);
  try {
    for (;;) {
      signal?.throwIfAborted();
      const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(READ_CHUNK));
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await handle.close();
  }
}

/** On the disk before anything is deleted. */
async function appendTombstone(path: string, line: string): Promise<void> {
  const handle = await open(path, 'a', 0o600);
  try {
    await handle.appendFile(line);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

const toOptions = (signal?: AbortSignal) => (signal === undefined ? {} : { signal });

/** Undefined where there is no such file or folder. */
async function orMissing<Value>(work: Promise<Value>): Promise<Value | undefined> {
  try {
    return await work;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}
