// A store whose segments are encrypted before anything of them is written: each is a complete age file of its own, named
// with `.age`. Promises: no plaintext on the disk, at most one chunk of age (64 KiB) of a segment in memory, and only
// those fields of the manifest in the clear that recordings are found by.

import type { Encrypt } from '../../age/age.ts';
import type { ManifestEntry } from '../manifest.ts';
import type {
  BeginEntry,
  OpenRecording,
  OpenSegment,
  RecordingStore,
  StoredSegment,
} from './recording-store.ts';

/** What lists and filters show. Command, groups and addresses are in the first segment's header, encrypted. */
const CLEAR = ['auditId', 'user', 'node', 'action', 'namespace', 'pod', 'container'];

export const createEncryptedStore = ({
  store,
  encrypt,
}: {
  readonly store: RecordingStore;
  readonly encrypt: () => Promise<Encrypt>;
}): RecordingStore => ({
  async begin(id, entry) {
    // First what may fail: a recording that has begun is somebody's to end.
    const encryptWith = await encrypt();
    return toEncrypted(await store.begin(id, toClear(entry)), encryptWith);
  },
});

/** Of the last entry, numbers and these: names of files that were copied are in the segments. */
const CLEAR_END = ['kind', 'endedAt', 'state', 'reason', 'problem'];

const toClearEnd = (entry: Extract<ManifestEntry, { kind: 'End' }>): ManifestEntry => ({
  ...Object.fromEntries(
    Object.entries(entry).filter(([name, value]) => typeof value === 'number' || CLEAR_END.includes(name)),
  ),
  kind: 'End',
  endedAt: entry.endedAt,
  state: entry.state,
});

function toClear({ kubeletGateway, ...entry }: BeginEntry): BeginEntry {
  const all = typeof kubeletGateway === 'object' && kubeletGateway !== null ? kubeletGateway : {};
  const clear = Object.entries(all).filter(([name]) => CLEAR.includes(name));
  return { ...entry, encrypted: true, kubeletGateway: Object.fromEntries(clear) };
}

const toEncrypted = (recording: OpenRecording, encrypt: Encrypt): OpenRecording => ({
  beginning: recording.beginning,
  append: (entry) => recording.append(entry.kind === 'End' ? toClearEnd(entry) : entry),
  discard: () => recording.discard(),
  release: () => recording.release(),
  async createSegment(name, maxBytes) {
    const file = await recording.createSegment(`${name}.age`, maxBytes);
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    try {
      return new EncryptedSegment(file, writable.getWriter(), await encrypt(readable));
    } catch (error) {
      await file.abandon();
      throw error;
    }
  },
});

class EncryptedSegment implements OpenSegment {
  readonly #file: OpenSegment;
  readonly #plain: WritableStreamDefaultWriter<Uint8Array>;
  readonly #stored: Promise<void>;

  constructor(
    file: OpenSegment,
    plain: WritableStreamDefaultWriter<Uint8Array>,
    encrypted: ReadableStream<Uint8Array>,
  ) {
    this.#file = file;
    this.#plain = plain;
    this.#stored = this.#store(encrypted);
    // Told by append and close.
    this.#stored.catch(() => undefined);
    this.#plain.closed.catch(() => undefined);
  }

  async append(lines: readonly Buffer[]): Promise<void> {
    for (const line of lines) {
      // A copy: a stream may have taken it and not read it yet, and its memory is used again.
      const copy = Uint8Array.from(line);
      await Promise.race([this.#plain.write(copy), this.#stored.then(() => undefined)]);
    }
  }

  async close(): Promise<StoredSegment> {
    await Promise.all([this.#plain.close(), this.#stored]);
    return this.#file.close();
  }

  async abandon(): Promise<void> {
    await this.#plain.abort().catch(() => undefined);
    await this.#stored.catch(() => undefined);
    await this.#file.abandon();
  }

  async #store(encrypted: ReadableStream<Uint8Array>): Promise<void> {
    const reader = encrypted.getReader();
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        await this.#file.append([Buffer.from(value.buffer, value.byteOffset, value.byteLength)]);
      }
    } catch (error) {
      await this.#plain.abort(error).catch(() => undefined);
      throw error;
    }
  }
}
