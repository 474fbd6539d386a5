// The audit file's lines as a chain (docs/audit.md). Promises: what is in the file is chained in the order in which it is
// there; a write that failed leaves no gap; a new start, a rotation and a file that was moved or removed continue the
// chain; and what a crash tore is cut off and written down.

import { randomUUID } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { toRepairEvent } from '../../../chain/checkpoint.ts';
import type { ChainPoint } from '../../../chain/link.ts';
import { NO_PREVIOUS, createChainId, linkedSize, toDigest, writeLinkedLine } from '../../../chain/link.ts';
import type { Clock, Log } from '../../../core/ports.ts';
import type { Adopted, Lines, OpenedFile } from '../lines.ts';
import { listRotated } from '../rotation.ts';
import { readFirstLink, readLogEnd } from './log-end.ts';
import type { LogEnd } from './log-end.ts';

/** Where the chain stands: its last line that is in the file. */
export interface ChainHead extends ChainPoint {
  /** The first line of the file that this line is in. */
  readonly begins: number;
  /** Name of that file. */
  readonly file: string;
}

export interface ChainWatcher {
  /** The chain was taken up from a file, where its last checkpoint was this one and so many lines came after it. */
  resumed(head: ChainHead, checkpoint: string | undefined, unsigned: number): void;
  /** These events are in the file now. `isNewFile`: they are the first in it. */
  advanced(head: ChainHead, events: readonly string[], isNewFile: boolean): void;
}

export interface ChainDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly watcher: ChainWatcher;
}

/** How the gateway's events begin. What begins otherwise is no line that it could have left unfinished. */
const EVENT_START = '{"kind":"Event",';

const LINE_END = 0x0a;
/** Memory that is used again for the next lines; more is given back. */
const MAX_KEPT_BYTES = 512 * 1024;

export class ChainLines implements Lines {
  readonly #deps: ChainDeps;
  #head: ChainHead | undefined;
  /** Name of the file that is written to now. */
  #file = '-';
  #kept = Buffer.alloc(0);
  #made:
    { readonly point: ChainPoint; readonly first: number; readonly events: readonly string[] } | undefined;

  constructor(deps: ChainDeps) {
    this.#deps = deps;
  }

  /** Of the lines that are written from now on. */
  get chain(): string {
    return this.#current().chain;
  }

  async adopt({ path, handle, size }: OpenedFile): Promise<Adopted> {
    this.#made = undefined;
    const end = await readLogEnd(handle, size);
    if (!(await isContinuable(end, { path, handle, size }))) return { kind: 'strange' };
    if (end.hasStrangers) {
      this.#deps.log.error(
        {},
        'the audit file ends with lines that the gateway did not write; its chain shows them',
      );
    }
    await this.#takeUp(end, { path, handle, size });
    if (end.torn === undefined) return { kind: 'taken', size, first: [] };
    await handle.truncate(end.wholeBytes);
    this.#deps.log.warn(end.torn, 'the audit file ended within a line, which was cut off');
    const time = new Date(this.#deps.clock.now()).toISOString();
    return { kind: 'taken', size: end.wholeBytes, first: [toRepairEvent(randomUUID(), time, end.torn)] };
  }

  make(events: readonly string[]): Buffer {
    const { chain, sequence: from, hash } = this.#current();
    let sequence = from;
    let previous = hash;
    let end = 0;
    const bytes = this.#room(events);
    for (const event of events) {
      sequence += 1;
      const start = end;
      end = writeLinkedLine(bytes, start, event, { chain, sequence, previous });
      // The bytes that are hashed are those that are written.
      previous = toDigest(bytes.subarray(start, end));
      bytes[end] = LINE_END;
      end += 1;
    }
    this.#made = { point: { chain, sequence, hash: previous }, first: from + 1, events };
    return bytes.subarray(0, end);
  }

  /** Memory for the lines of these events: the same again and again, unless they are many. */
  #room(events: readonly string[]): Buffer {
    let size = 0;
    for (const event of events) size += linkedSize(event) + 1;
    if (size > MAX_KEPT_BYTES) return Buffer.allocUnsafeSlow(size);
    if (size > this.#kept.length) this.#kept = Buffer.allocUnsafeSlow(Math.min(size * 2, MAX_KEPT_BYTES));
    return this.#kept;
  }

  stored(isAlone: boolean): void {
    const made = this.#made;
    if (made === undefined) return;
    this.#made = undefined;
    const begins = isAlone ? made.first : this.#current().begins;
    this.#head = { ...made.point, begins, file: this.#file };
    this.#deps.watcher.advanced(this.#head, made.events, isAlone);
  }

  #current(): ChainHead {
    return (this.#head ??= { chain: createChainId(), sequence: 0, hash: NO_PREVIOUS, begins: 1, file: '-' });
  }

  /** Where the chain goes on: from memory while the gateway runs, from the newest file when it starts. */
  async #takeUp(end: LogEnd, file: OpenedFile): Promise<void> {
    this.#file = basename(file.path);
    const head = this.#head;
    if (head !== undefined) {
      // A failed write of which whole lines stayed is ahead of what is remembered; a file set back is behind it.
      const isAhead = end.last?.chain === head.chain && end.last.sequence > head.sequence;
      if (isAhead) this.#head = { ...head, ...end.last };
      return;
    }
    if (end.last !== undefined) {
      this.#resume(await toHead(end.last, file.handle, file.size, this.#file), end);
      return;
    }
    const rotated = await readNewestRotated(file.path);
    if (rotated !== undefined) this.#resume(rotated.head, rotated.end);
  }

  #resume(head: ChainHead, { checkpoint, unsigned }: LogEnd): void {
    this.#head = head;
    this.#deps.watcher.resumed(head, checkpoint, unsigned);
  }
}

/** Whether the chain can go on behind what is in a file. A log from before there was a chain is moved away instead. */
async function isContinuable(end: LogEnd, { handle, size }: OpenedFile): Promise<boolean> {
  if (end.last !== undefined || size === 0) return true;
  if (end.wholeBytes > 0) return false;
  const { buffer, bytesRead } = await handle.read({ buffer: Buffer.alloc(EVENT_START.length), position: 0 });
  return EVENT_START.startsWith(buffer.toString('latin1', 0, bytesRead));
}

async function toHead(last: ChainPoint, handle: FileHandle, size: number, file: string): Promise<ChainHead> {
  const first = await readFirstLink(handle, size);
  return { ...last, begins: first?.chain === last.chain ? first.sequence : last.sequence, file };
}

async function readNewestRotated(path: string): Promise<{ head: ChainHead; end: LogEnd } | undefined> {
  const [newest] = await listRotated(path);
  if (newest === undefined) return undefined;
  const handle = await open(join(dirname(path), newest.name), 'r');
  try {
    const { size } = await handle.stat();
    const end = await readLogEnd(handle, size);
    return end.last && { head: await toHead(end.last, handle, size, newest.name), end };
  } finally {
    await handle.close();
  }
}
