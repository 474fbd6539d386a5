// The manifest of a recording: JSON lines, each with the SHA-256 of the line before it, the first with zeros. It names
// the segments in their order with their digests; what it does not name was open when the gateway died.

import { createHash } from 'node:crypto';
import type { Disk } from './disk.ts';

export const MANIFEST_NAME = 'manifest.jsonl';
/** What stands where the first line would name the one before it. */
export const NO_PREVIOUS = '0'.repeat(64);

export type ManifestEntry =
  | {
      readonly kind: 'Begin';
      readonly version: 1;
      readonly id: string;
      readonly startedAt: string;
      readonly [more: string]: unknown;
    }
  | {
      readonly kind: 'Segment';
      readonly file: string;
      readonly bytes: number;
      readonly sha256: string;
      readonly closedAt: string;
    }
  | {
      readonly kind: 'End';
      readonly endedAt: string;
      readonly state: string;
      readonly [more: string]: unknown;
    };

export class Manifest {
  readonly #disk: Disk;
  readonly #folder: string;
  readonly #fsync: boolean;
  #previous = NO_PREVIOUS;

  constructor(disk: Disk, folder: string, { fsync }: { readonly fsync: boolean }) {
    this.#disk = disk;
    this.#folder = folder;
    this.#fsync = fsync;
  }

  /** Makes the file with its first entry. Rejects when that cannot be stored. */
  async begin(entry: Extract<ManifestEntry, { kind: 'Begin' }>): Promise<void> {
    const file = await this.#disk.create(this.#folder, MANIFEST_NAME);
    await this.#write(file, entry);
    if (this.#fsync) await this.#disk.syncFolder(this.#folder);
  }

  /** Adds an entry. Calls must not overlap. */
  async append(entry: ManifestEntry): Promise<void> {
    await this.#write(await this.#disk.reopen(this.#folder, MANIFEST_NAME), entry);
  }

  async #write(file: Awaited<ReturnType<Disk['create']>>, entry: ManifestEntry): Promise<void> {
    const line = JSON.stringify({ ...entry, previous: this.#previous });
    let isStored = false;
    try {
      await file.append([Buffer.from(`${line}\n`)]);
      isStored = true;
    } finally {
      await file.close(this.#fsync && isStored);
    }
    this.#previous = createHash('sha256').update(line).digest('hex');
  }
}
