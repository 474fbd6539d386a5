// Orders audit events and writes them in groups: those that come while a write is in flight go together into the next.
// Modes as in kube-apiserver (k8s.io/apiserver pkg/server/options/audit.go): `batch` waits for nothing and drops what
// its buffer cannot hold; `blocking` waits for the write; `blocking-strict` also fails the exchange when it fails.

import type { AuditMode } from '../../core/configuration.ts';
import type { Clock, Log } from '../../core/ports.ts';
import { Fault } from '../../core/fault.ts';

/** Where events end up. */
export interface AuditSink {
  readonly name: 'file' | 'stdout';
  /** Settles when all of the events have been written, a line each; rejects if they are not there. Nothing overlaps with it. */
  write(events: readonly string[]): Promise<void>;
  reopen(): Promise<void>;
  close(): Promise<void>;
}

/** What the queue counts. */
export interface AuditMetrics {
  auditEvents(sink: AuditSink['name'], count: number): void;
  auditErrors(sink: AuditSink['name'], count: number): void;
  auditDropped(sink: AuditSink['name'], count: number): void;
}

export interface QueueDependencies {
  readonly sink: AuditSink;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: AuditMetrics;
}

export interface QueueOptions {
  readonly mode: AuditMode;
  /** How many events may wait: in mode batch always, in the others while writes fail. */
  readonly bufferSize: number;
}

/** How long an event that nobody waits for may wait for company. */
const LINGER_MS = 5;
const RETRY_MS = 1_000;
/** How long a failure counts as a problem when nothing has been left to write since. */
const PROBLEM_MS = 10_000;
/** A single write stays below this many characters, unless one event is longer. */
const MAX_WRITE_CHARS = 1 << 20;

interface Group {
  readonly promise: Promise<void>;
  resolve(): void;
  reject(fault: Fault): void;
}

export class AuditQueue {
  readonly #sink: AuditSink;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #metrics: AuditMetrics;
  readonly #options: QueueOptions;
  #pending: string[] = [];
  /** All that wait for the pending events wait for one promise. */
  #group: Group | undefined;
  /** How many wait for the group, and how many waited for the last one. */
  #waiting = 0;
  #waited = 0;
  #failures: (() => void)[] = [];
  #writing: Promise<void> | undefined;
  #scheduled = false;
  #cancelTimer: (() => void) | undefined;
  #failedAt: number | undefined;
  #failure: unknown;
  #isDropping = false;
  #isClosed = false;

  constructor({ sink, clock, log, metrics }: QueueDependencies, options: QueueOptions) {
    this.#sink = sink;
    this.#clock = clock;
    this.#log = log;
    this.#metrics = metrics;
    this.#options = options;
  }

  /** Queues an event that an exchange waits for, as far as the mode lets it. */
  store(event: string): Promise<void> | undefined {
    const { mode } = this.#options;
    if (mode === 'batch') {
      this.storeLater(event);
      return undefined;
    }
    if (!this.#push(event)) return mode === 'blocking' ? undefined : toRejection(this.#failure);
    this.#group ??= toGroup();
    this.#waiting += 1;
    this.#schedule();
    return this.#group.promise;
  }

  /** Queues an event that nobody waits for. `failed` is called if the write that was to store it failed. */
  storeLater(event: string, failed?: () => void): void {
    if (!this.#push(event)) {
      failed?.();
      return;
    }
    if (failed !== undefined) this.#failures.push(failed);
    if (this.#pending.length >= this.#options.bufferSize / 2) this.#schedule();
    else this.#wake(this.#failedAt === undefined ? LINGER_MS : RETRY_MS);
  }

  /** Why events cannot be stored now; without any path. Undefined: they can, as far as is known. */
  problem(): string | undefined {
    if (this.#failedAt === undefined) return undefined;
    if (this.#pending.length === 0 && this.#clock.now() - this.#failedAt > PROBLEM_MS) return undefined;
    return `audit events cannot be stored (${toErrorCode(this.#failure)})`;
  }

  /** Writes what there is. Settles when that has been tried. */
  async flush(): Promise<void> {
    await this.#writing;
    this.#startWriting();
    await this.#writing;
  }

  async reopen(): Promise<void> {
    await this.flush();
    while (this.#writing !== undefined) await this.#writing;
    const reopened = this.#sink.reopen();
    this.#occupy(reopened.catch(() => undefined));
    await reopened;
  }

  /** Writes what there is, also what has failed before, and closes the sink. */
  async close(): Promise<void> {
    do await this.flush();
    while (this.#pending.length > 0 && this.#failedAt === undefined);
    this.#isClosed = true;
    this.#cancelTimer?.();
    if (this.#pending.length > 0) this.#drop(this.#pending.length);
    this.#pending = [];
    await this.#sink.close();
  }

  #push(event: string): boolean {
    if (this.#isClosed) {
      this.#drop(1);
      return false;
    }
    const mayOverflow = this.#options.mode === 'batch' || this.#failedAt !== undefined;
    if (mayOverflow && this.#pending.length >= this.#options.bufferSize) {
      this.#drop(1);
      this.#schedule();
      return false;
    }
    this.#pending.push(event);
    return true;
  }

  #drop(count: number): void {
    this.#metrics.auditDropped(this.#sink.name, count);
    if (this.#isDropping) return;
    this.#isDropping = true;
    this.#log.error(
      { sink: this.#sink.name, buffered: this.#pending.length },
      'audit events are being dropped',
    );
  }

  /**
   * Starts a write at the end of this turn of the event loop, so that what came in one packet goes in one write. Where
   * others come too, at the end of the next: waking the thread that writes costs more than that turn. Who is alone does
   * not wait for company.
   */
  #schedule(): void {
    if (this.#scheduled || this.#writing !== undefined) return;
    this.#scheduled = true;
    setImmediate(() => {
      if (this.#waiting > 1 || this.#waited > 1) setImmediate(this.#start);
      else this.#start();
    });
  }

  readonly #start = (): void => {
    this.#scheduled = false;
    this.#startWriting();
  };

  #wake(delayMs: number): void {
    if (this.#scheduled || this.#writing !== undefined || this.#cancelTimer !== undefined) return;
    this.#cancelTimer = this.#clock.after(delayMs, () => this.#startWriting());
  }

  #startWriting(): void {
    if (this.#writing !== undefined || this.#pending.length === 0) return;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#occupy(this.#writeGroup());
  }

  /** Keeps writes apart. `task` does not reject. */
  #occupy(task: Promise<void>): void {
    this.#writing = task.then(() => {
      this.#writing = undefined;
      if (this.#group !== undefined) this.#schedule();
      else if (this.#pending.length > 0) this.#wake(this.#failedAt === undefined ? LINGER_MS : RETRY_MS);
    });
  }

  async #writeGroup(): Promise<void> {
    const events = this.#pending;
    const group = this.#group;
    const failures = this.#failures;
    this.#pending = [];
    this.#group = undefined;
    this.#waited = this.#waiting;
    this.#waiting = 0;
    this.#failures = [];
    let written = 0;
    try {
      while (written < events.length) {
        const next = toChunkEnd(events, written);
        await this.#sink.write(events.slice(written, next));
        this.#metrics.auditEvents(this.#sink.name, next - written);
        written = next;
      }
      this.#recover();
      group?.resolve();
    } catch (error) {
      this.#fail(error, events.slice(written), group, failures);
    }
  }

  #recover(): void {
    this.#isDropping = false;
    if (this.#failedAt === undefined) return;
    this.#failedAt = undefined;
    this.#failure = undefined;
    this.#log.info({ sink: this.#sink.name }, 'audit events can be stored again');
  }

  /**
   * What could not be written stays in front of the queue and is tried again: an exchange that was refused because of
   * it belongs into the log too. Whoever waits, here or behind it, is answered now.
   */
  #fail(error: unknown, unwritten: string[], group: Group | undefined, failures: (() => void)[]): void {
    if (this.#failedAt === undefined) {
      this.#log.error(
        { sink: this.#sink.name, error, events: unwritten.length },
        'audit events could not be stored',
      );
    }
    this.#failedAt = this.#clock.now();
    this.#failure = error;
    this.#metrics.auditErrors(this.#sink.name, unwritten.length);
    const behind = this.#group;
    const failuresBehind = this.#failures;
    this.#group = undefined;
    this.#waiting = 0;
    this.#failures = [];
    this.#pending = unwritten.concat(this.#pending);
    const excess = this.#pending.length - this.#options.bufferSize;
    if (excess > 0) {
      this.#pending.length = this.#options.bufferSize;
      this.#drop(excess);
    }
    for (const waiting of [group, behind]) {
      if (this.#options.mode === 'blocking') waiting?.resolve();
      else waiting?.reject(toFault(error));
    }
    for (const failed of [...failures, ...failuresBehind]) failed();
  }
}

/** Where a single write that begins at `from` ends. */
function toChunkEnd(events: readonly string[], from: number): number {
  let chars = 0;
  let next = from;
  do {
    chars += (events[next]?.length ?? 0) + 1;
    next += 1;
  } while (next < events.length && chars + (events[next]?.length ?? 0) < MAX_WRITE_CHARS);
  return next;
}

const toFault = (cause: unknown): Fault =>
  new Fault('InternalError', 'failed to store audit event', { cause });

/** A group's promise is often watched by nobody yet when it rejects. */
function toGroup(): Group {
  const group: PromiseWithResolvers<void> = Promise.withResolvers();
  group.promise.catch(() => undefined);
  return group;
}

function toRejection(cause: unknown): Promise<void> {
  const group = toGroup();
  group.reject(toFault(cause));
  return group.promise;
}

const toErrorCode = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'write failed';
