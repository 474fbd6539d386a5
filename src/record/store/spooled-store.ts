// A store that writes to a directory, the spool, and brings what is complete from there to an object store. Promises: the
// spool stays within its bound (a session waits for room, and fails as with a slow disk when there is none in time),
// what the store does not take is tried again with growing pauses, also after a restart, and nothing is lost of what a
// directory would have kept.

import { readdir, rmdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isSessionId } from '../../core/operation.ts';
import type { Clock, Log } from '../../core/ports.ts';
import type { ObjectStore } from '../../object-store/object-store.ts';
import type { ManifestEntry } from '../manifest.ts';
import type { OpenRecording, OpenSegment, RecordingStore } from './recording-store.ts';
import { SpoolRoom } from './spool-room.ts';
import { ConflictError, Upload } from './upload.ts';

export interface SpoolDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly objects: ObjectStore;
  /** Writes to the directory. */
  readonly spool: RecordingStore;
  /** Recordings that `spool` is writing. */
  readonly running: ReadonlySet<string>;
  readonly onUpload: (outcome: UploadOutcome) => void;
  /** Told how many bytes wait for the store, whenever that changes. */
  readonly onWaiting: (bytes: number) => void;
}

/** `refused`: the store has something else under a key. */
export const UPLOAD_OUTCOMES = ['stored', 'failed', 'refused'] as const;
export type UploadOutcome = (typeof UPLOAD_OUTCOMES)[number];

export interface SpoolOptions {
  readonly directory: string;
  readonly prefix: string;
  readonly maxBytes: number;
  /** Of the first segment of a recording, as far as is known when it begins. */
  readonly firstBytes: number;
}

export interface SpooledStore extends RecordingStore {
  /** Bytes that wait for the store. */
  readonly used: number;
  /** Uploads what an earlier process left. Rejects when the directory cannot be read. */
  resume(): Promise<void>;
  /** Uploads what it can within `limitMs`, and leaves the rest to the next start. */
  stop(limitMs: number): Promise<void>;
}

/** Recordings that are brought to the store at a time. */
const CONCURRENCY = 4;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
/** About what a line of a manifest takes beyond its entry: the digest of the line before. */
const LINE_BYTES = 80;

export const createSpooledStore = (deps: SpoolDeps, options: SpoolOptions): SpooledStore =>
  new Spooled(deps, options);

class Spooled implements SpooledStore {
  readonly #deps: SpoolDeps;
  readonly #options: SpoolOptions;
  readonly #room: SpoolRoom;
  readonly #uploads = new Map<string, Upload>();
  /** With something to upload, in the order in which they came to have it. */
  readonly #ready = new Set<Upload>();
  readonly #busy = new Map<Upload, Promise<void>>();
  readonly #abort = new AbortController();
  #pauseMs = 0;
  #cancelPause: (() => void) | undefined;
  #idle: (() => void) | undefined;

  constructor(deps: SpoolDeps, options: SpoolOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#room = new SpoolRoom(options.maxBytes, deps.onWaiting);
  }

  get used(): number {
    return this.#room.used;
  }

  async begin(id: string, entry: Extract<ManifestEntry, { kind: 'Begin' }>): Promise<OpenRecording> {
    if (this.#uploads.has(id)) throw new Error('there is a recording of this id');
    // A session that began without it would go on, with nothing stored of it, until it is ended for that.
    const { firstBytes } = this.#options;
    if (!this.#room.tryTake(firstBytes)) throw new Error('the spool is full');
    const upload = this.#add(id);
    upload.held = firstBytes;
    try {
      const recording = await this.#deps.spool.begin(id, entry);
      upload.hold(toLineBytes(entry));
      return this.#toRecording(recording, upload, id);
    } catch (error) {
      upload.hold(-upload.held);
      this.#uploads.delete(id);
      throw error;
    }
  }

  async resume(): Promise<void> {
    const { running, log } = this.#deps;
    const { directory } = this.#options;
    const names = await readdir(directory).catch((error: unknown) => {
      if (isMissing(error)) return [];
      throw error;
    });
    const left = names.filter((name) => isSessionId(name) && !running.has(name) && !this.#uploads.has(name));
    for (const id of left) {
      try {
        await this.#takeUp(id, join(directory, id));
      } catch (error) {
        // A file with such a name, or a folder that may not be read: the others are brought to the store nevertheless.
        log.error({ error, recording: id }, 'what is in the spool under this id is not uploaded');
      }
    }
    if (left.length > 0) log.info({ recordings: left.length }, 'recordings of an earlier run are uploaded');
  }

  async #takeUp(id: string, folder: string): Promise<void> {
    // Made, and nothing in it: the gateway died before a session was let in.
    if ((await readdir(folder)).length === 0) {
      await rmdir(folder);
      return;
    }
    const bytes = await sizeOf(folder);
    const upload = this.#add(id);
    upload.ended = true;
    upload.hold(bytes);
    this.#enqueue(upload);
  }

  async stop(limitMs: number): Promise<void> {
    const { clock } = this.#deps;
    if (this.#ready.size > 0 || this.#busy.size > 0) {
      await new Promise<void>((resolve) => {
        const cancel = clock.after(limitMs, resolve);
        this.#idle = () => {
          cancel();
          resolve();
        };
      });
    }
    this.#cancelPause?.();
    this.#ready.clear();
    this.#abort.abort(new Error('the gateway stops'));
    await Promise.allSettled(this.#busy.values());
    this.#deps.objects.close();
  }

  #add(id: string): Upload {
    if (this.#uploads.has(id)) throw new Error('there is a recording of this id');
    const { directory, prefix } = this.#options;
    const { objects } = this.#deps;
    const upload = new Upload({ objects, room: this.#room }, { folder: join(directory, id), id, prefix });
    this.#uploads.set(id, upload);
    return upload;
  }

  #toRecording(recording: OpenRecording, upload: Upload, id: string): OpenRecording {
    let taken = this.#options.firstBytes;
    return {
      beginning: recording.beginning,
      createSegment: async (name, maxBytes) => {
        const more = maxBytes - taken;
        taken = 0;
        if (more > 0) {
          await this.#room.take(more);
          upload.held += more;
        } else upload.hold(more);
        // It may have waited for longer than its session did: its recording has its end by then.
        if (upload.broken !== undefined || upload.ended) {
          upload.hold(-maxBytes);
          throw upload.broken ?? new Error('the recording has ended');
        }
        return toSegment(await recording.createSegment(name, maxBytes), upload, maxBytes);
      },
      append: async (entry) => {
        if (upload.broken !== undefined) throw upload.broken;
        const digest = await recording.append(entry);
        upload.hold(toLineBytes(entry));
        this.#enqueue(upload);
        return digest;
      },
      // Nothing of it was uploaded: that begins with its first segment, or its end.
      discard: async () => {
        await recording.discard();
        upload.hold(-upload.held);
        this.#uploads.delete(id);
      },
      release: () => {
        recording.release();
        upload.ended = true;
        this.#enqueue(upload);
      },
    };
  }

  #enqueue(upload: Upload): void {
    if (upload.broken !== undefined || this.#abort.signal.aborted) return;
    this.#ready.add(upload);
    this.#start();
  }

  #start(): void {
    if (this.#cancelPause !== undefined) return;
    for (const upload of this.#ready) {
      if (this.#busy.size >= CONCURRENCY) return;
      if (this.#busy.has(upload)) continue;
      this.#ready.delete(upload);
      const work = this.#advance(upload).finally(() => {
        this.#busy.delete(upload);
        if (this.#ready.size === 0 && this.#busy.size === 0) this.#idle?.();
        else this.#start();
      });
      this.#busy.set(upload, work);
    }
  }

  async #advance(upload: Upload): Promise<void> {
    const { log, onUpload } = this.#deps;
    try {
      const isDone = await upload.advance(this.#abort.signal);
      if (isDone) this.#forget(upload);
      onUpload('stored');
      if (this.#pauseMs > 0) log.info({}, 'the store takes recordings again');
      this.#pauseMs = 0;
    } catch (error) {
      if (this.#abort.signal.aborted) return;
      if (error instanceof ConflictError || isDamaged(error)) {
        upload.broken = error;
        onUpload('refused');
        log.error({ error }, 'a recording in the spool cannot be stored, and stays there');
        return;
      }
      onUpload('failed');
      this.#ready.add(upload);
      this.#pause(error);
    }
  }

  #forget(upload: Upload): void {
    for (const [id, known] of this.#uploads) if (known === upload) this.#uploads.delete(id);
  }

  /** One pause for all: what one recording is refused, the others would be. */
  #pause(error: unknown): void {
    if (this.#cancelPause !== undefined) return;
    const { clock, log } = this.#deps;
    if (this.#pauseMs === 0) log.error({ error, waiting: this.#room.used }, 'the store takes no recordings');
    this.#pauseMs = Math.min(LONGEST_PAUSE_MS, Math.max(FIRST_PAUSE_MS, this.#pauseMs * 2));
    this.#cancelPause = clock.after(this.#pauseMs, () => {
      this.#cancelPause = undefined;
      this.#start();
    });
  }
}

const toSegment = (segment: OpenSegment, upload: Upload, reserved: number): OpenSegment => ({
  append: (lines) => segment.append(lines),
  async close() {
    const stored = await segment.close();
    upload.hold(stored.bytes - reserved);
    return stored;
  },
  abandon: () => segment.abandon(),
});

const toLineBytes = (entry: ManifestEntry): number => JSON.stringify(entry).length + LINE_BYTES;

async function sizeOf(folder: string): Promise<number> {
  let bytes = 0;
  for (const name of await readdir(folder)) bytes += (await stat(join(folder, name))).size;
  return bytes;
}

const isMissing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ENOENT';

/** A spool that somebody has changed: a manifest that is gone or is no JSON. */
const isDamaged = (error: unknown): error is Error =>
  error instanceof SyntaxError ||
  (isMissing(error) &&
    error instanceof Error &&
    'syscall' in error &&
    'path' in error &&
    String(error.path).endsWith('manifest.jsonl'));
