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
    const named = toNamed((await archive.manifest(id)) ?? '');
    for (const file of await archive.files(id)) {
      yield { ...(named.get(file.name) ?? UNNAMED), name: file.name, bytes: archive.read(id, file) };
    }
  },
  close: () => undefined,
});

export type Named = Pick<StoredSegment, 'sha256' | 'isCut'>;

/** What is known of a segment that no manifest names. */
export const UNNAMED: Named = { sha256: undefined };

/** What a manifest says of its segments, by their names. */
export function toNamed(manifest: string): ReadonlyMap<string, Named> {
  const named = new Map<string, Named>();
  for (const line of manifest.split('\n')) {
    if (!line.includes('"kind":"Segment"')) continue;
    const entry: unknown = JSON.parse(line);
    if (typeof entry !== 'object' || entry === null || !('file' in entry) || !('sha256' in entry)) continue;
    const { file, sha256 } = entry;
    const isCut = 'cut' in entry && entry.cut === true;
    if (typeof file === 'string' && typeof sha256 === 'string') named.set(file, { sha256, isCut });
  }
  return named;
}
