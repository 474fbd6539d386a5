// What becomes of events in the audit file: plain lines, or lines of a chain. The file sink does not know which.

import type { FileHandle } from 'node:fs/promises';

/** A regular file that was just opened to be added to. */
export interface OpenedFile {
  readonly path: string;
  readonly handle: FileHandle;
  readonly size: number;
}

export type Adopted =
  /** `first`: events that go before all others. */
  | { readonly kind: 'taken'; readonly size: number; readonly first: readonly string[] }
  /** What is in the file cannot be continued: it is to be moved away, and the path made anew. */
  | { readonly kind: 'strange' };

export interface Lines {
  /** Reads where a file stands, and mends its end. Rejects when it cannot. */
  adopt(file: OpenedFile): Promise<Adopted>;
  /** Whole lines, with their ends, good until the next are made. Nothing is kept of them until `stored`. */
  make(events: readonly string[]): Buffer;
  /** What was made last is in the file, alone in it or behind others. */
  stored(isAlone: boolean): void;
}

const LINE_END = 0x0a;

/** A last line that a crash left unfinished gets its end. */
export const plainLines: Lines = {
  async adopt({ handle, size }) {
    if (size === 0) return { kind: 'taken', size, first: [] };
    const { buffer } = await handle.read({ buffer: Buffer.alloc(1), position: size - 1 });
    if (buffer[0] === LINE_END) return { kind: 'taken', size, first: [] };
    await handle.write('\n');
    return { kind: 'taken', size: size + 1, first: [] };
  },
  make: (events) => Buffer.from(`${events.join('\n')}\n`),
  stored: () => undefined,
};
