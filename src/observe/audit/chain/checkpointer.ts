// Makes checkpoints of the audit chain: so many events or so much time after the last one, whatever comes first, and
// only when there is something new. Promises: no write of an event waits for a signature, and a signer that is away
// delays checkpoints and loses none of what they would have covered.

import type { Checkpoint } from '../../../chain/checkpoint.ts';
import { MAX_CHECKPOINT_DISTANCE, toCheckpointEvent } from '../../../chain/checkpoint.ts';
import { readUnverified } from '../../../chain/jws.ts';
import type { Signer } from '../../../chain/jws.ts';
import { NO_PREVIOUS, toDigest } from '../../../chain/link.ts';
import type { Clock, Log } from '../../../core/ports.ts';
import type { ChainHead, ChainWatcher } from './chain-lines.ts';

/** Where checkpoints go besides the log. */
export interface CheckpointSink {
  readonly name: string;
  append(jws: string): Promise<void>;
  close(): Promise<void>;
}

export interface ChainMetrics {
  /** A checkpoint was signed, or could not be. */
  auditCheckpoint(isSuccess: boolean): void;
  auditCheckpointSinkError(): void;
  /** Events behind the last checkpoint. */
  auditUnsigned(events: number): void;
}

export interface CheckpointerDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: ChainMetrics;
  readonly signer: Signer;
  readonly sinks: readonly CheckpointSink[];
  /** Puts an event into the log, behind those that wait. */
  readonly store: (event: string) => void;
}

export interface CheckpointerOptions {
  readonly maxAgeMs: number;
  readonly maxEvents: number;
  /** Present: with more events than this behind the last checkpoint, there is a problem. */
  readonly maxUnsigned?: number;
}

const RETRY_MS = 1_000;
const MAX_RETRY_MS = 30_000;
const MAX_OWN = 1000;

export class Checkpointer implements ChainWatcher {
  readonly #deps: CheckpointerDeps;
  readonly #options: CheckpointerOptions;
  #head: ChainHead | undefined;
  #unsigned = 0;
  #previous = NO_PREVIOUS;
  /** Checkpoints' own events on their way into the log: nothing new. */
  readonly #own = new Set<string>();
  #signing: Promise<void> | undefined;
  #cancel: (() => void) | undefined;
  #isDue = false;
  #retryMs = 0;

  constructor(deps: CheckpointerDeps, options: CheckpointerOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  resumed(head: ChainHead, checkpoint: string | undefined, unsigned: number): void {
    if (checkpoint !== undefined) this.#previous = toDigest(checkpoint);
    // The event of the last checkpoint stands behind the line that it signs, and a few others may.
    this.#count(head, unsigned);
  }

  advanced(head: ChainHead, events: readonly string[], isNewFile: boolean): void {
    const news =
      this.#own.size === 0 ? events.length : events.filter((event) => !this.#own.delete(event)).length;
    // Every file has a checkpoint that says where it begins, as soon as can be.
    if (isNewFile && news > 0) this.#isDue = true;
    this.#count(head, news);
  }

  /** Why requests are to be refused; undefined: they need not be. */
  problem(): string | undefined {
    const { maxUnsigned } = this.#options;
    return maxUnsigned !== undefined && this.#unsigned > maxUnsigned
      ? 'audit events are not signed at present'
      : undefined;
  }

  /** Signs what is not signed yet, as far as the signer answers. The checkpoint's event is stored, not yet written. */
  async finish(): Promise<void> {
    this.#cancel?.();
    await this.#signing;
    this.#cancel?.();
    this.#start();
    await this.#signing;
    this.#cancel?.();
  }

  async close(): Promise<void> {
    this.#cancel?.();
    await Promise.all(this.#deps.sinks.map((sink) => sink.close()));
  }

  #count(head: ChainHead, news: number): void {
    this.#head = head;
    this.#unsigned += news;
    this.#deps.metrics.auditUnsigned(this.#unsigned);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#signing !== undefined || this.#unsigned === 0) return;
    const { maxAgeMs, maxEvents } = this.#options;
    // After a failure only the timer begins again.
    if (this.#retryMs === 0 && (this.#isDue || this.#unsigned >= maxEvents)) {
      this.#start();
      return;
    }
    this.#cancel ??= this.#deps.clock.after(this.#retryMs === 0 ? maxAgeMs : this.#retryMs, () =>
      this.#start(),
    );
  }

  #start(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    const head = this.#head;
    if (this.#signing !== undefined || head === undefined || this.#unsigned === 0) return;
    this.#signing = this.#checkpoint(head, this.#unsigned).finally(() => {
      this.#signing = undefined;
      this.#schedule();
    });
  }

  /** Does not reject. */
  async #checkpoint(head: ChainHead, covers: number): Promise<void> {
    const { clock, log, metrics, signer, store } = this.#deps;
    this.#isDue = false;
    const { chain, sequence, hash, begins, file } = head;
    const time = new Date(clock.now()).toISOString();
    try {
      const asked = { chain, sequence, hash, begins, file, time, previous: this.#previous };
      const jws = await signer.sign(asked);
      const signed = readUnverified(jws);
      if (!isSamePoint(asked, signed)) throw new Error('the signer signed something else');
      if (this.#retryMs > 0) log.info({ sequence }, 'audit events are signed again');
      this.#retryMs = 0;
      this.#previous = toDigest(jws);
      this.#unsigned -= covers;
      metrics.auditCheckpoint(true);
      metrics.auditUnsigned(this.#unsigned);
      await this.#tell(jws);
      // Whoever verifies looks back so far and no farther; the next one is near then.
      if ((this.#head?.sequence ?? 0) - sequence < MAX_CHECKPOINT_DISTANCE / 2) {
        const event = toCheckpointEvent(signed, jws);
        // Those that were dropped on their way never come back.
        if (this.#own.size >= MAX_OWN) this.#own.clear();
        this.#own.add(event);
        store(event);
      }
    } catch (error) {
      metrics.auditCheckpoint(false);
      const fields = { error, unsigned: this.#unsigned, ...(this.problem() && { refusing: true }) };
      if (this.#retryMs === 0)
        log.error(fields, 'audit events could not be signed; the chain goes on without');
      this.#retryMs = Math.min(MAX_RETRY_MS, Math.max(RETRY_MS, this.#retryMs * 2));
    }
  }

  /** The log's own event follows even where another place for checkpoints fails: the signature is good. */
  async #tell(jws: string): Promise<void> {
    for (const sink of this.#deps.sinks) {
      try {
        await sink.append(jws);
      } catch (error) {
        this.#deps.metrics.auditCheckpointSinkError();
        this.#deps.log.error(
          { error, sink: sink.name },
          'a checkpoint could not be stored outside of the audit log',
        );
      }
    }
  }
}

const isSamePoint = (a: Checkpoint, b: Checkpoint): boolean =>
  a.chain === b.chain && a.sequence === b.sequence && a.hash === b.hash;
