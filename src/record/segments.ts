// Writes a transcript's lines as a row of small files. Lines go to the open segment as soon as the disk takes them; a
// segment is closed when it is old or large enough, and then named in the manifest. What waits in memory is counted, so
// that whoever produces lines can be slowed down.

import type { Clock } from '../core/ports.ts';
import type { OpenRecording, OpenSegment } from './store/recording-store.ts';

export interface SegmentOptions {
  readonly extension: string;
  /** Of the first segments of a recording. */
  readonly maxAgeMs: number;
  /** Of the largest segment, but for a single line that is longer. */
  readonly maxBytes: number;
  /** Of one recording. Default: as many as its manifest can be read with. */
  readonly maxCount?: number;
}

export interface SegmentDeps {
  readonly clock: Clock;
  readonly recording: OpenRecording;
  /** Called after every write, with less waiting than before. */
  readonly onWritten: () => void;
  /** Called once. Nothing is written after it. */
  readonly onFailed: (error: unknown) => void;
}

interface Lines {
  readonly bytes: Buffer;
  readonly done: () => void;
  /** When they came, in milliseconds since the epoch. */
  readonly atMs: number;
}

interface Segment {
  readonly file: OpenSegment;
  readonly maxBytes: number;
  bytes: number;
  due: boolean;
  readonly cancel: () => void;
}

/**
 * How large a segment may become that follows one which was closed by its age. A store reserves room for all of it, and to
 * close one costs as much as to write half a megabyte: those of a session that fills them quickly grow, up to `maxBytes`.
 */
const FIRST_BYTES = 1024 * 1024;
const GROWTH = 4;

/**
 * A manifest has a line of some 250 bytes for each segment, and whoever reads recordings has all of it in memory. So segments
 * last twice as long after each so many of them (nine hours at one second), and there are no more than so many: of some
 * 50 MiB, after three weeks at one second.
 */
const SEGMENTS_OF_AN_AGE = 32_768;
export const MAX_SEGMENTS = 200_000;

/** Of the first segment, where the largest has so many bytes. */
export const toFirstBytes = (maxBytes: number): number => Math.min(maxBytes, FIRST_BYTES);

export class Segments {
  readonly #deps: SegmentDeps;
  readonly #options: SegmentOptions;
  #queue: Lines[] = [];
  #pending = 0;
  #written = 0;
  #count = 0;
  #named = 0;
  #nextBytes: number;
  #segment: Segment | undefined;
  #running: Promise<void> | undefined;
  #closing = false;
  #failed = false;
  /** Of what is being written. */
  #writingSince: number | undefined;
  #lostSince: number | undefined;
  /** While a store is asked for a segment: no longer. */
  #stopOpening: (() => void) | undefined;

  constructor(deps: SegmentDeps, options: SegmentOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#nextBytes = toFirstBytes(options.maxBytes);
  }

  /** Bytes that the disk has not taken yet. */
  get pending(): number {
    return this.#pending;
  }

  get bytes(): number {
    return this.#written;
  }

  get count(): number {
    return this.#count;
  }

  /** When the first lines came that were given up. Undefined: none were. */
  get lostSince(): number | undefined {
    return this.#lostSince;
  }

  /** Those that the manifest names. */
  get named(): number {
    return this.#named;
  }

  /**
   * Whole lines, which are never divided between segments. They must not change until `done` is called: when they are
   * written, or never.
   */
  append(bytes: Buffer, done: () => void): void {
    if (bytes.length === 0 || this.#failed || this.#closing) return;
    this.#queue.push({ bytes, done, atMs: this.#deps.clock.now() });
    this.#pending += bytes.length;
    this.#start();
  }

  /** Writes what waits and closes the segment. Settles in any case; onFailed has told if it could not. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#start();
    while (this.#running !== undefined) await this.#running;
  }

  /** Gives up: what waits is dropped. */
  abandon(): void {
    this.#failed = true;
    this.#drop();
    this.#stopOpening?.();
  }

  #start(): void {
    if (this.#running !== undefined || this.#failed) return;
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
      // What came while the last step was found to be the last.
      if (this.#hasWork()) this.#start();
    });
  }

  #hasWork(): boolean {
    return this.#queue.length > 0 || (this.#segment !== undefined && (this.#segment.due || this.#closing));
  }

  async #run(): Promise<void> {
    try {
      while (await this.#step());
    } catch (error) {
      const isFirst = !this.#failed;
      this.#failed = true;
      this.#drop();
      if (isFirst) this.#deps.onFailed(error);
    }
    if (this.#failed) await this.#letGo();
  }

  /** One write or one closing; false when there is nothing to do. */
  async #step(): Promise<boolean> {
    if (this.#failed) return false;
    const segment = this.#segment;
    const next = this.#queue[0];
    if (next !== undefined) {
      const isFull = segment !== undefined && segment.bytes + next.bytes.length > segment.maxBytes;
      if (isFull && segment.bytes > 0) await this.#closeFull(segment);
      else await this.#write((this.#segment ??= await this.#open()));
      return true;
    }
    if (segment === undefined || !(segment.due || this.#closing)) return false;
    await this.#close(segment);
    return true;
  }

  async #open(): Promise<Segment> {
    const { clock, recording } = this.#deps;
    const { extension, maxAgeMs, maxCount = MAX_SEGMENTS } = this.#options;
    const maxBytes = this.#nextBytes;
    if (this.#count >= maxCount) throw new Error(`a recording has ${maxCount} segments at most`);
    const ageMs = maxAgeMs * 2 ** Math.floor(this.#count / SEGMENTS_OF_AN_AGE);
    this.#count += 1;
    const name = `${String(this.#count).padStart(8, '0')}.${extension}`;
    const file = await this.#created(recording.createSegment(name, maxBytes));
    const cancel = clock.after(ageMs, () => {
      segment.due = true;
      this.#start();
    });
    const segment: Segment = { file, maxBytes, bytes: 0, due: false, cancel };
    return segment;
  }

  /** A store may wait for room for as long as another is away: who gives up waits no longer. */
  #created(work: Promise<OpenSegment>): Promise<OpenSegment> {
    return new Promise((resolve, reject) => {
      this.#stopOpening = () => {
        reject(new Error('given up'));
        void work.then((file) => file.abandon()).catch(() => undefined);
      };
      work.finally(() => (this.#stopOpening = undefined)).then(resolve, reject);
    });
  }

  async #write(segment: Segment): Promise<void> {
    const lines = this.#take(segment.maxBytes - segment.bytes);
    this.#writingSince = lines[0]?.atMs;
    await segment.file.append(lines.map(({ bytes }) => bytes));
    this.#writingSince = undefined;
    let bytes = 0;
    for (const line of lines) {
      bytes += line.bytes.length;
      line.done();
    }
    segment.bytes += bytes;
    this.#written += bytes;
    // After abandon() nothing waits any more.
    this.#pending = Math.max(0, this.#pending - bytes);
    if (segment.bytes >= segment.maxBytes) await this.#closeFull(segment);
    else if (segment.due) await this.#close(segment);
    this.#deps.onWritten();
  }

  /** Lines for what is left of a segment: one at least, and no more than fit. */
  #take(room: number): readonly Lines[] {
    let count = 0;
    let bytes = 0;
    for (const line of this.#queue) {
      bytes += line.bytes.length;
      if (count > 0 && bytes > room) break;
      count += 1;
    }
    return this.#queue.splice(0, count);
  }

  async #closeFull(segment: Segment): Promise<void> {
    const growth = segment.due ? 1 : GROWTH;
    await this.#close(segment);
    this.#nextBytes = Math.min(this.#options.maxBytes, segment.maxBytes * growth);
  }

  async #close(segment: Segment): Promise<void> {
    const { clock, recording } = this.#deps;
    this.#nextBytes = toFirstBytes(this.#options.maxBytes);
    segment.cancel();
    this.#segment = undefined;
    const stored = await segment.file.close();
    const closedAt = new Date(clock.now()).toISOString();
    await recording.append({ kind: 'Segment', ...stored, closedAt });
    this.#named += 1;
  }

  async #letGo(): Promise<void> {
    const segment = this.#segment;
    this.#segment = undefined;
    await segment?.file.abandon();
  }

  #drop(): void {
    this.#segment?.cancel();
    this.#lostSince ??= this.#writingSince ?? this.#queue[0]?.atMs;
    this.#queue = [];
    this.#pending = 0;
  }
}
