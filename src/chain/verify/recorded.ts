// Where recordings lie, as a verification asks for them, and a directory of them. Whoever can write there may have put
// anything in it: links are not followed, pipes not waited for, and what is no recording is told apart by its name.

import { constants } from 'node:fs';
import { lstat, open, opendir } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { splitLines } from '../read-lines.ts';

export interface RecordedName {
  readonly name: string;
  /** A recording by its name, and something in which one can be. */
  readonly isRecording: boolean;
}

export interface RecordedSource {
  /** What lies there, each name once. Names of the gateway's own that are no recordings are left out. */
  names(): AsyncIterable<RecordedName>;
  /** A file of a recording. Undefined: there is none. Rejects with Unreadable when it is nothing that can be read. */
  open(id: string, file: string): Promise<AsyncIterable<Uint8Array> | undefined>;
  /** Whether something that nobody has signed says that it was deleted. */
  hasTombstone(id: string): Promise<boolean>;
  /** What a finding calls it; without a name what lies there as a whole. */
  nameOf(id?: string, file?: string): string;
}

/** Something is in the place of a file, and cannot be read. The verification goes on with the next. */
export class Unreadable extends Error {
  override readonly name = 'Unreadable';
}

/** An audit id, which a recording is named after. */
const ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const TOMBSTONES = 'pruned.jsonl';
const OWN_NAMES = new Set([TOMBSTONES, 'pruned']);
const DELETED = /\.deleted$/;

export const isRecordingId = (name: string): boolean => ID.test(name);

/** Not a recording, and nothing to wonder about: tombstones, and what is being deleted. */
export const isOwnName = (name: string): boolean =>
  OWN_NAMES.has(name) || (DELETED.test(name) && isRecordingId(name.replace(DELETED, '')));

const CHUNK = 256 * 1024;
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** `mustExist`: `names` rejects where there is no such folder. */
export const createDirectorySource = (folder: string, { mustExist = true } = {}): RecordedSource => ({
  async *names() {
    for await (const entry of await openFolder(folder, mustExist)) {
      const { name } = entry;
      if (!isOwnName(name)) yield { name, isRecording: isRecordingId(name) && entry.isDirectory() };
    }
  },
  async open(id, file) {
    try {
      return await openFile(join(folder, id), file);
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : undefined;
      if (code === 'ENOENT') return undefined;
      if (code === undefined) throw error;
      throw new Unreadable(code === 'ELOOP' ? 'is a link' : `cannot be read (${code})`, { cause: error });
    }
  },
  async hasTombstone(id) {
    const lines = await this.open('', TOMBSTONES);
    for await (const { bytes } of splitLines(lines ?? [])) if (bytes.includes(`"id":"${id}"`)) return true;
    return (await lstat(join(folder, 'pruned', `${id}.json`)).catch(() => undefined)) !== undefined;
  },
  nameOf: (id = '', file = '') => join(folder, id, file),
});

async function openFolder(folder: string, mustExist: boolean) {
  try {
    return await opendir(folder);
  } catch (error) {
    if (mustExist || !(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    return [];
  }
}

async function openFile(folder: string, file: string): Promise<AsyncIterable<Uint8Array>> {
  // The folder itself must not be a link either.
  await (await open(folder, FLAGS | constants.O_DIRECTORY)).close();
  const handle = await open(join(folder, file), FLAGS);
  if ((await handle.stat()).isFile()) return readAll(handle);
  await handle.close();
  throw new Unreadable('is not a file');
}

async function* readAll(handle: FileHandle): AsyncGenerator<Uint8Array> {
  try {
    for (;;) {
      const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(CHUNK));
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await handle.close();
  }
}
