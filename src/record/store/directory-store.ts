// Recordings in a directory: a folder each, in it the manifest and the segments. docs/recording.md describes them.

import { createHash } from 'node:crypto';
import { realDisk } from '../disk.ts';
import type { Disk, OpenFile } from '../disk.ts';
import { MANIFEST_NAME, ManifestChain } from '../manifest.ts';
import type { ManifestEntry } from '../manifest.ts';
import type { OpenRecording, OpenSegment, RecordingStore, StoredSegment } from './recording-store.ts';

export interface DirectoryStoreDeps {
  /** Default: the real one. */
  readonly disk?: Disk;
  /** Recordings that are being written: an id is added before anything of it is on the disk. */
  readonly running?: Set<string>;
}

export interface DirectoryStoreOptions {
  /** Absolute path; made if absent. */
  readonly directory: string;
  /** Wait for the disk, not only for the operating system. */
  readonly fsync: boolean;
}

export function createDirectoryStore(
  { disk = realDisk, running = new Set() }: DirectoryStoreDeps,
  { directory, fsync }: DirectoryStoreOptions,
): RecordingStore {
  return {
    async begin(id, entry) {
      if (running.has(id)) throw new Error('there is a recording of this id');
      running.add(id);
      try {
        const folder = await disk.createFolder(directory, id);
        const recording = new DirectoryRecording(disk, folder, fsync, () => running.delete(id));
        await recording.begin(entry);
        return recording;
      } catch (error) {
        running.delete(id);
        throw error;
      }
    },
  };
}

class DirectoryRecording implements OpenRecording {
  readonly #disk: Disk;
  readonly #folder: string;
  readonly #fsync: boolean;
  readonly #chain = new ManifestChain();
  #beginning = '';
  readonly release: () => void;

  constructor(disk: Disk, folder: string, fsync: boolean, release: () => void) {
    this.#disk = disk;
    this.#folder = folder;
    this.#fsync = fsync;
    this.release = release;
  }

  get beginning(): string {
    return this.#beginning;
  }

  async begin(entry: ManifestEntry): Promise<void> {
    const file = await this.#disk.create(this.#folder, MANIFEST_NAME);
    this.#beginning = await this.#chain.add(entry, (line) => this.#write(file, line));
    if (this.#fsync) await this.#disk.syncFolder(this.#folder);
  }

  async append(entry: ManifestEntry): Promise<string> {
    const file = await this.#disk.reopen(this.#folder, MANIFEST_NAME);
    return this.#chain.add(entry, (line) => this.#write(file, line));
  }

  async createSegment(name: string): Promise<OpenSegment> {
    const file = await this.#disk.create(this.#folder, name);
    return new DirectorySegment(name, file, async () => {
      await file.close(this.#fsync);
      if (this.#fsync) await this.#disk.syncFolder(this.#folder);
    });
  }

  async discard(): Promise<void> {
    await this.#disk.removeFolder(this.#folder);
    this.release();
  }

  async #write(file: OpenFile, line: string): Promise<void> {
    let isStored = false;
    try {
      await file.append([Buffer.from(`${line}\n`)]);
      isStored = true;
    } finally {
      await file.close(this.#fsync && isStored);
    }
  }
}

class DirectorySegment implements OpenSegment {
  readonly #name: string;
  readonly #file: OpenFile;
  readonly #finish: () => Promise<void>;
  readonly #hash = createHash('sha256');
  #bytes = 0;

  constructor(name: string, file: OpenFile, finish: () => Promise<void>) {
    this.#name = name;
    this.#file = file;
    this.#finish = finish;
  }

  async append(lines: readonly Buffer[]): Promise<void> {
    await this.#file.append(lines);
    for (const line of lines) {
      this.#hash.update(line);
      this.#bytes += line.length;
    }
  }

  async close(): Promise<StoredSegment> {
    await this.#finish();
    return { file: this.#name, bytes: this.#bytes, sha256: this.#hash.digest('hex') };
  }

  async abandon(): Promise<void> {
    await this.#file.close(false).catch(() => undefined);
  }
}
