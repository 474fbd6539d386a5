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

/** What is stored of a running session is told of after so long. */
const TELL_AFTER_MS = 30_000;

export const createToldStore = ({ clock, store, ledger }: ToldStoreDeps): RecordingStore => ({
  async begin(id, entry) {
    const recording = await store.begin(id, toMarked(entry, ledger.chain));
    const mark: RecordingMark = { what: 'begun', id, manifest: recording.beginning, segments: 0 };
    try {
      await ledger.tell(mark);
    } catch (error) {
      await recording.discard().catch(() => undefined);
      throw error;
    }
    return new ToldRecording({ clock, ledger, recording }, mark);
  },
});

/** Whose log tells of it is known to whoever finds the recording. */
const toMarked = (entry: BeginEntry, auditChain: string | undefined): BeginEntry =>
  auditChain === undefined ? entry : { ...entry, auditChain };

interface ToldDeps {
  readonly clock: Clock;
  readonly ledger: RecordingLedger;
  readonly recording: OpenRecording;
}

class ToldRecording implements OpenRecording {
  readonly #deps: ToldDeps;
  readonly beginning: string;
  #last: RecordingMark;
  #cancel: (() => void) | undefined;

  constructor(deps: ToldDeps, begun: RecordingMark) {
    this.#deps = deps;
    this.beginning = begun.manifest;
    this.#last = begun;
  }

  createSegment(name: string, maxBytes: number): Promise<OpenSegment> {
    return this.#deps.recording.createSegment(name, maxBytes);
  }

  async append(entry: ManifestEntry): Promise<string> {
    const { clock, ledger, recording } = this.#deps;
    const manifest = await recording.append(entry);
    const segments = this.#last.segments + Number(entry.kind === 'Segment');
    this.#last = { ...this.#last, manifest, segments };
    if (entry.kind === 'End') {
      this.#stop();
      ledger.tellLater({ ...this.#last, what: 'ended' });
      return manifest;
    }
    this.#cancel ??= clock.after(TELL_AFTER_MS, () => {
      this.#cancel = undefined;
      ledger.tellLater({ ...this.#last, what: 'reached' });
    });
    return manifest;
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
