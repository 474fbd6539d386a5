// The files of a session's archives in few words: how many, how large, and the first names. Bounded.

import type { SessionEvent } from './decode/session-event.ts';

type FileEvent = Extract<SessionEvent, { kind: 'file' }>;

interface Direction {
  count: number;
  bytes: number;
  readonly names: string[];
}

/** Lines that a recording has of files. The summary counts them all. */
const MAX_LINES = 10_000;
const MAX_NAMES = 20;
const MAX_NAME = 256;

export class FileSummary {
  readonly #directions = new Map<FileEvent['direction'], Direction>();
  #lines = 0;

  /** `listed`: it may have a line of its own. `last`: and no other may. */
  add({ direction, name, bytes, type }: FileEvent): 'listed' | 'last' | 'counted' {
    const known = this.#directions.get(direction) ?? { count: 0, bytes: 0, names: [] };
    this.#directions.set(direction, known);
    if (type !== 'directory') known.count += 1;
    known.bytes += bytes;
    if (known.names.length < MAX_NAMES) known.names.push(name.slice(0, MAX_NAME));
    this.#lines += 1;
    return this.#lines < MAX_LINES ? 'listed' : this.#lines === MAX_LINES ? 'last' : 'counted';
  }

  /** For the manifest; undefined when there were none. */
  toManifest(): Readonly<Record<string, unknown>> | undefined {
    return this.#directions.size === 0 ? undefined : Object.fromEntries(this.#directions);
  }

  /** For the audit event: names are for the recording, where somebody needs a right to read them. Undefined: none. */
  toNotes(): Readonly<Record<string, string>> | undefined {
    if (this.#directions.size === 0) return undefined;
    const notes: Record<string, string> = {};
    for (const [direction, { count, bytes }] of this.#directions) {
      notes[direction === 'toPod' ? 'files-to-pod' : 'files-from-pod'] =
        `${count} ${count === 1 ? 'file' : 'files'}, ${bytes} bytes`;
    }
    return notes;
  }
}
