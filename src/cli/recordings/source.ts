// Where a command reads recordings from: a directory, what a configuration names, or the admin API of a gateway.

import type { Decrypt } from '../../age/age.ts';
import type { SessionFilter, SessionId } from '../../core/operation.ts';
import type { RecordingArchive, RecordingSummary } from '../../core/recording-archive.ts';
import type { StoredSegment } from '../../replay/segments.ts';

export interface RecordingSource {
  list(filter: SessionFilter): Promise<readonly RecordingSummary[]>;
  /** Undefined: there is none of this id. */
  summary(id: SessionId): Promise<RecordingSummary | undefined>;
  segments(id: SessionId): AsyncIterable<StoredSegment>;
  close(): void;
}

export interface Reading {
  readonly source: RecordingSource;
  /** Absent: encrypted recordings cannot be read. */
  readonly decrypt: Decrypt | undefined;
}

export const createArchiveSource = (archive: RecordingArchive): RecordingSource => ({
  list: (filter) => archive.list(filter),
  summary: (id) => archive.summary(id),
  async *segments(id) {
    const digests = toDigests((await archive.manifest(id)) ?? '');
    for (const file of await archive.files(id)) {
      yield { name: file.name, bytes: archive.read(id, file), sha256: digests.get(file.name) };
    }
  },
  close: () => undefined,
});

/** What a manifest says of its segments, by their names. */
export function toDigests(manifest: string): ReadonlyMap<string, string> {
  const digests = new Map<string, string>();
  for (const line of manifest.split('\n')) {
    if (!line.includes('"kind":"Segment"')) continue;
    const entry: unknown = JSON.parse(line);
    if (typeof entry !== 'object' || entry === null || !('file' in entry) || !('sha256' in entry)) continue;
    if (typeof entry.file === 'string' && typeof entry.sha256 === 'string')
      digests.set(entry.file, entry.sha256);
  }
  return digests;
}
