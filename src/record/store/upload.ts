// Brings one recording from the spool to the object store, in the order of its manifest: a segment, then the line that
// names it. Promises: nothing that is there is overwritten, nothing leaves the spool that the store has not confirmed, and
// whatever was done twice, before and after a kill -9, comes out as if it had been done once.

import { open, readFile, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { getWhole } from '../../object-store/object-store.ts';
import type { ObjectStore } from '../../object-store/object-store.ts';
import { MANIFEST_NAME } from '../manifest.ts';
import { isSegmentName } from '../segment-name.ts';
import { toEntryKey, toManifestKey, toSegmentKey } from './object-keys.ts';
import type { SpoolRoom } from './spool-room.ts';

/** The store has something else under this key: no attempt more will mend that. */
export class ConflictError extends Error {
  override readonly name = 'ConflictError';
}

export interface UploadDeps {
  readonly objects: ObjectStore;
  readonly room: SpoolRoom;
}

export interface UploadPlace {
  readonly folder: string;
  readonly id: string;
  readonly prefix: string;
}

const CHUNK = 256 * 1024;

export class Upload {
  readonly #deps: UploadDeps;
  readonly #place: UploadPlace;
  /** Of the manifest: bytes and lines that the store has. */
  #offset = 0;
  #line = 0;
  /** Nobody writes it any more. */
  ended = false;
  /** Why nothing more of it can be stored. */
  broken: Error | undefined;
  /** Bytes in the spool that are its. */
  held = 0;

  constructor(deps: UploadDeps, place: UploadPlace) {
    this.#deps = deps;
    this.#place = place;
  }

  hold(bytes: number): void {
    this.held += bytes;
    this.#deps.room.add(bytes);
  }

  /** Uploads what is there. True: all of a recording that has ended, and nothing of it is left in the spool. */
  async advance(signal: AbortSignal): Promise<boolean> {
    // Read before the files: what is written after that is for the next time.
    const { ended } = this;
    for (;;) {
      const lines = await this.#readLines();
      if (lines.length === 0) break;
      for (const line of lines) await this.#take(line, signal);
    }
    if (!ended) return false;
    await this.#finish(signal);
    return true;
  }

  /** Whole lines after the last one that was taken, each with its line end. */
  async #readLines(): Promise<readonly Buffer[]> {
    const file = await open(join(this.#place.folder, MANIFEST_NAME), 'r');
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(CHUNK), 0, CHUNK, this.#offset);
      return toWholeLines(buffer.subarray(0, bytesRead));
    } finally {
      await file.close();
    }
  }

  async #take(line: Buffer, signal: AbortSignal): Promise<void> {
    const { prefix, id, folder } = this.#place;
    const file = toSegmentFile(line);
    if (file !== undefined) await this.#putFile(file, signal);
    await this.#put(toEntryKey(prefix, id, this.#line + 1), line, signal);
    this.#line += 1;
    this.#offset += line.length;
    if (file === undefined) return;
    const path = join(folder, file);
    const size = await sizeOf(path);
    await rm(path, { force: true });
    this.hold(-Math.min(size ?? 0, this.held));
  }

  async #putFile(file: string, signal: AbortSignal): Promise<void> {
    const { prefix, id, folder } = this.#place;
    const key = toSegmentKey(prefix, id, file);
    let bytes: Buffer;
    try {
      bytes = await readFile(join(folder, file));
    } catch (error) {
      if (!isMissing(error)) throw error;
      // Confirmed before the gateway died, and removed: then the store has it.
      if ((await getWhole(this.#deps.objects, key, signal)) !== undefined) return;
      throw new ConflictError(`${file} is neither in the spool nor in the store`);
    }
    await this.#put(key, bytes, signal);
  }

  async #put(key: string, body: Buffer, signal: AbortSignal): Promise<void> {
    const { objects } = this.#deps;
    if ((await objects.putNew(key, body, signal)) === 'stored') return;
    // Stored by an attempt of which the answer did not arrive, or by somebody else.
    const there = await getWhole(objects, key, signal);
    if (there?.equals(body) === true) return;
    throw new ConflictError(`the store has something else as ${key}`);
  }

  /** What the manifest does not name goes along: it is readable, and not proven. */
  async #finish(signal: AbortSignal): Promise<void> {
    const { prefix, id, folder } = this.#place;
    const files = (await readdir(folder)).filter(isSegmentName).toSorted();
    for (const file of files) await this.#putFile(file, signal);
    const manifest = await readFile(join(folder, MANIFEST_NAME));
    await this.#put(toManifestKey(prefix, id), manifest.subarray(0, this.#offset), signal);
    await rm(folder, { recursive: true, force: true });
    this.hold(-this.held);
  }
}

function toWholeLines(bytes: Buffer): readonly Buffer[] {
  const lines: Buffer[] = [];
  let from = 0;
  for (let at = bytes.indexOf(0x0a); at >= 0; at = bytes.indexOf(0x0a, from)) {
    lines.push(Buffer.from(bytes.subarray(from, at + 1)));
    from = at + 1;
  }
  return lines;
}

/** The segment that a line of the manifest names. Throws a ConflictError for a name that the gateway does not give. */
function toSegmentFile(line: Buffer): string | undefined {
  const entry: unknown = JSON.parse(line.toString('utf8'));
  if (typeof entry !== 'object' || entry === null || !('kind' in entry) || entry.kind !== 'Segment') {
    return undefined;
  }
  if ('file' in entry && typeof entry.file === 'string' && isSegmentName(entry.file)) return entry.file;
  throw new ConflictError('the manifest names a segment as none is named');
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

const isMissing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ENOENT';
