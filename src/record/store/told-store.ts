// A store whose recordings the audit log hears of: when they begin (and no session goes on before that is written), how
// far they have come at intervals, and when they end. So one that is taken away or shortened is found out.

import type { Clock } from '../../core/ports.ts';
import type { RecordingLedger, RecordingMark } from '../../core/recording-mark.ts';
import type { ManifestEntry } from '../manifest.ts';
import type { BeginEntry, OpenRecording, OpenSegment, RecordingStore } from './recording-store.ts';

export interface ToldStoreDeps {
  readonly clock: Clock;
  readonly store: RecordingStore;
  readonly ledger: RecordingLedger;
}

/** What is stored of a running session is told of `tellAfterMs` later. */
export const createToldStore = (
  { clock, store, ledger }: ToldStoreDeps,
  tellAfterMs: number,
): RecordingStore => ({
  async begin(id, entry) {
    const recording = await store.begin(id, toMarked(entry, ledger.chain));
    const mark: RecordingMark = { what: 'begun', id, manifest: recording.beginning, segments: 0 };
    try {
      await ledger.tell(mark);
    } catch (error) {
      await recording.discard().catch(() => undefined);
      throw error;
    }
    return new ToldRecording({ clock, ledger, recording, tellAfterMs }, mark);
  },
});

/** Whose log tells of it is known to whoever finds the recording. */
const toMarked = (entry: BeginEntry, auditChain: string | undefined): BeginEntry =>
  auditChain === undefined ? entry : { ...entry, auditChain };

interface ToldDeps {
  readonly clock: Clock;
  readonly ledger: RecordingLedger;
  readonly recording: OpenRecording;
  readonly tellAfterMs: number;
}

class ToldRecording implements OpenRecording {
  readonly #deps: ToldDeps;
  readonly beginning: string;
  #last: RecordingMark;
  #cancel: (() => void) | undefined;
  /** Segments of which the log was told, and no line of the manifest says so yet. */
  #reached: number | undefined;
  #isAppending = false;
  /** It is to be told of what is being stored. */
  #isDue = false;

  constructor(deps: ToldDeps, begun: RecordingMark) {
    this.#deps = deps;
    this.beginning = begun.manifest;
    this.#last = begun;
  }

  createSegment(name: string, maxBytes: number): Promise<OpenSegment> {
    return this.#deps.recording.createSegment(name, maxBytes);
  }

  async append(entry: ManifestEntry): Promise<string> {
    const { clock, ledger, tellAfterMs } = this.#deps;
    const manifest = await this.#store(entry);
    const segments = this.#last.segments + Number(entry.kind === 'Segment');
    this.#last = { ...this.#last, manifest, segments };
    if (entry.kind === 'End') {
      this.#stop();
      ledger.tellLater({ ...this.#last, what: 'ended' });
      return manifest;
    }
    if (this.#isDue) this.#tell();
    else this.#cancel ??= clock.after(tellAfterMs, () => this.#tell());
    return manifest;
  }

  /**
   * Each line says how far the log was told of the lines before. So what the log heard last is the manifest's last line or
   * named by one of its last, whoever deletes it, and whenever its gateway died.
   */
  async #store(entry: ManifestEntry): Promise<string> {
    const reached = this.#reached;
    const isSaid = reached !== undefined && entry.kind !== 'Begin';
    this.#isAppending = true;
    try {
      const manifest = await this.#deps.recording.append(isSaid ? { ...entry, reached } : entry);
      this.#reached = undefined;
      return manifest;
    } finally {
      this.#isAppending = false;
    }
  }

  #tell(): void {
    this.#cancel = undefined;
    this.#isDue = this.#isAppending;
    if (this.#isAppending) return;
    this.#reached = this.#last.segments;
    this.#deps.ledger.tellLater({ ...this.#last, what: 'reached' });
  }

  async discard(): Promise<void> {
    this.#stop();
    // First the log: what is gone and not told of has been taken away by somebody.
    this.#deps.ledger.tellLater({ ...this.#last, what: 'discarded' });
    await this.#deps.recording.discard();
  }

  release(): void {
    this.#stop();
    this.#deps.recording.release();
  }

  #stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }
}
