// Audit events in a file, one a line. What `write` has settled is in the file (with `fsync`, on the disk): a failed or
// short write is taken back, a line is never split or joined, and a file that somebody removes is made again. The file
// is the gateway's alone, mode 0600, in a directory of mode 0700.

import { fstatSync, write } from 'node:fs';
import { mkdir, open, rename } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { Clock, Log } from '../../core/ports.ts';
import { plainLines } from './lines.ts';
import type { Lines } from './lines.ts';
import type { AuditSink } from './queue.ts';
import { findFreePath, pruneRotated } from './rotation.ts';
import type { RotationLimits } from './rotation.ts';

export interface FileSinkOptions extends RotationLimits {
  readonly path: string;
  /** A file that would grow beyond this is rotated first; 0: never. One group of events is never divided. */
  readonly maxBytes: number;
  /** Wait for the disk, not only for the operating system. */
  readonly fsync: boolean;
}

const LINE_END = 0x0a;
/** After a rotation that failed, events go on into the same file, and it is not tried again for so long. */
const ROTATION_RETRY_MS = 60_000;

export interface FileSinkDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** Default: plain lines. */
  readonly lines?: Lines;
}

/** Opens the file, so that a path that cannot be written fails at the start. */
export async function createFileSink(deps: FileSinkDeps, options: FileSinkOptions): Promise<AuditSink> {
  const sink = new FileSink(deps, options);
  await sink.open();
  return sink;
}

class FileSink implements AuditSink {
  readonly name = 'file';
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #lines: Lines;
  readonly #options: FileSinkOptions;
  #file: FileHandle | undefined;
  #isRegular = false;
  #size = 0;
  /** Events that go before all others: what was mended when the file was opened. */
  #first: readonly string[] = [];
  /** A part of a failed write could not be taken back. */
  #isDoubtful = false;
  /** And it ends within a line. */
  #isTorn = false;
  #hasCompany = false;
  #rotateAfter = 0;

  constructor({ clock, log, lines = plainLines }: FileSinkDeps, options: FileSinkOptions) {
    this.#clock = clock;
    this.#log = log;
    this.#lines = lines;
    this.#options = options;
  }

  async open(): Promise<void> {
    await this.reopen();
    if (this.#first.length === 0) return;
    // Not a reason to fail here: they stay in front of the next write.
    await this.write([]).catch((error: unknown) =>
      this.#log.error({ error }, 'audit events could not be stored'),
    );
  }

  async write(events: readonly string[]): Promise<void> {
    if (this.#isDoubtful && this.#isRegular) await this.reopen();
    let bytes = this.#make(events);
    if (this.#mustRotate(bytes.length)) {
      await this.#rotate();
      bytes = this.#make(events);
    }
    await this.#append(bytes);
    // A file without a name is a file that nobody will read. fstat of an open file asks no disk.
    if (this.#isRegular && this.#isRemoved()) {
      this.#log.warn({}, 'the audit file was removed; it is made again');
      await this.reopen();
      bytes = this.#make(events);
      await this.#append(bytes);
    }
    this.#first = [];
    this.#lines.stored(this.#size === bytes.length);
  }

  #make(events: readonly string[]): Buffer {
    return this.#lines.make(this.#first.length === 0 ? events : [...this.#first, ...events]);
  }

  /** Opens the path anew: after it was renamed (logrotate) or removed. The old file stays if the new one fails. */
  async reopen(): Promise<void> {
    const { path, fsync } = this.#options;
    const folder = dirname(path);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    // Reading serves to see how the file ends.
    const file = await this.#openAdopted(path);
    if (fsync) await syncFolder(folder);
    const before = this.#file;
    this.#file = file;
    await before?.close();
    await this.#prune();
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }

  async #openAdopted(path: string, isSecondTry = false): Promise<FileHandle> {
    // Reading serves to see how the file ends.
    const file = await open(path, 'a+', 0o600);
    try {
      if (await this.#adopt(path, file)) return file;
    } catch (error) {
      await file.close();
      throw error;
    }
    await file.close();
    if (isSecondTry) throw new Error('the audit file cannot be continued, nor moved away');
    const moved = await findFreePath(path, this.#clock.now());
    await rename(path, moved);
    this.#log.warn(
      { moved: basename(moved) },
      'the audit file holds something else than its chain; it was moved',
    );
    return this.#openAdopted(path, true);
  }

  /** Takes in what is known about an open file. False: it cannot be continued. */
  async #adopt(path: string, handle: FileHandle): Promise<boolean> {
    const status = await handle.stat();
    let { size } = status;
    if (status.isFile()) {
      const adopted = await this.#lines.adopt({ path, handle, size });
      if (adopted.kind === 'strange') return false;
      size = adopted.size;
      this.#first = [...this.#first, ...adopted.first];
    }
    this.#isRegular = status.isFile();
    this.#size = size;
    this.#isDoubtful = false;
    this.#isTorn = false;
    return true;
  }

  async #append(bytes: Buffer): Promise<void> {
    const file = this.#opened();
    const all = this.#isTorn ? Buffer.concat([Buffer.of(LINE_END), bytes]) : bytes;
    let written = 0;
    try {
      while (written < all.length) {
        const bytesWritten = await writeFrom(file.fd, all, written);
        if (bytesWritten === 0) throw new Error('the audit file takes no bytes');
        written += bytesWritten;
      }
      if (this.#options.fsync) await file.datasync();
    } catch (error) {
      await this.#takeBack(file, written, all[written - 1] !== LINE_END);
      throw error;
    }
    this.#isTorn = false;
    this.#size += written;
  }

  /** Cuts off the part of a failed write that is in the file, unless its length says that somebody else wrote too. */
  async #takeBack(file: FileHandle, written: number, endsWithinLine: boolean): Promise<void> {
    if (written === 0) return;
    try {
      const { size } = await file.stat();
      if (!this.#isRegular || size !== this.#size + written) throw new Error('not at the end');
      await file.truncate(this.#size);
    } catch {
      this.#size += written;
      this.#isDoubtful = true;
      this.#isTorn = endsWithinLine;
    }
  }

  #isRemoved(): boolean {
    const { nlink, size } = fstatSync(this.#opened().fd);
    if (size > this.#size && !this.#hasCompany) {
      this.#hasCompany = true;
      this.#log.error({}, "somebody else writes to the audit file, which is the gateway's alone");
    }
    // Somebody may have emptied it (logrotate's copytruncate).
    this.#size = size;
    return nlink === 0;
  }

  #mustRotate(bytes: number): boolean {
    const { maxBytes } = this.#options;
    return (
      maxBytes > 0 &&
      this.#isRegular &&
      this.#size > 0 &&
      this.#size + bytes > maxBytes &&
      this.#clock.now() >= this.#rotateAfter
    );
  }

  async #rotate(): Promise<void> {
    const { path } = this.#options;
    try {
      const rotated = await findFreePath(path, this.#clock.now());
      await rename(path, rotated);
      try {
        await this.reopen();
      } catch (error) {
        // Events must not go on into a file that a later pruning removes.
        await rename(rotated, path);
        throw error;
      }
    } catch (error) {
      this.#rotateAfter = this.#clock.now() + ROTATION_RETRY_MS;
      this.#log.error({ error }, 'the audit file could not be rotated; events go on into it');
    }
  }

  async #prune(): Promise<void> {
    if (!this.#isRegular) return;
    try {
      await pruneRotated(this.#options.path, this.#options, this.#clock.now());
    } catch (error) {
      this.#log.warn({ error }, 'old audit files could not be removed');
    }
  }

  #opened(): FileHandle {
    if (this.#file === undefined) throw new Error('the audit file is closed');
    return this.#file;
  }
}

/** What `FileHandle.write` does, at a third of its cost: this runs for every few requests. Returns how many bytes. */
const writeFrom = (fd: number, bytes: Buffer, from: number): Promise<number> =>
  new Promise((resolve, reject) => {
    write(fd, bytes, from, bytes.length - from, null, (error, written) => {
      if (error === null) resolve(written);
      else reject(error);
    });
  });

/** A new name is on the disk only when its directory is. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
