// The manifest of a recording: JSON lines, each with the SHA-256 of the line before it, the first with zeros. It names
// the segments in their order with their digests; what it does not name was open when the gateway died.

import { createHash } from 'node:crypto';

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
      /** So many segments were named before this line when the audit log was last told of it. Absent: as the line before. */
      readonly reached?: number;
      /** It was open when the gateway died: its last line, or the last chunk of an age file, need not be whole. */
      readonly cut?: true;
    }
  | {
      readonly kind: 'End';
      readonly endedAt: string;
      readonly state: string;
      readonly reached?: number;
      readonly [more: string]: unknown;
    };

/** Makes entries into lines that name each other. */
export class ManifestChain {
  #previous: string;

  /** `previous`: the digest of the last line that is there already. */
  constructor(previous = NO_PREVIOUS) {
    this.#previous = previous;
  }

  /**
   * Adds an entry. The chain goes on from it when `store` has the line, which has no line end. Resolves to the line's
   * digest. Must not overlap.
   */
  async add(entry: ManifestEntry, store: (line: string) => Promise<void>): Promise<string> {
    const line = JSON.stringify({ ...entry, previous: this.#previous });
    await store(line);
    this.#previous = digestOf(line);
    return this.#previous;
  }
}

/** What the line after this one has in `previous`. */
export const digestOf = (line: string): string => createHash('sha256').update(line).digest('hex');
