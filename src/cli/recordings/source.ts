// Where a command reads recordings from: a directory, what a configuration names, or the admin API of a gateway.

import type { Decrypt } from '../../age/age.ts';
import type { SessionFilter, SessionId } from '../../core/operation.ts';
import type { RecordingArchive, RecordingSummary, StoredFile } from '../../core/recording-archive.ts';
import type { NamedFile } from '../../record/archive/summary.ts';
import type { StoredSegment } from '../../replay/segments.ts';
import { toFiles, toManifestProblems } from '../../record/archive/summary.ts';

export interface RecordingSource {
  list(filter: SessionFilter): Promise<readonly RecordingSummary[]>;
  /** Undefined: there is none of this id. */
  summary(id: SessionId): Promise<RecordingSummary | undefined>;
  /** `onProblem` is told what its manifest shows of what was done to it. */
  segments(id: SessionId, onProblem: (problem: string) => void): AsyncIterable<StoredSegment>;
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
  async *segments(id, onProblem) {
    const manifest = (await archive.manifest(id)) ?? '';
    for (const problem of toManifestProblems(manifest)) onProblem(problem);
    const named = toNamed(manifest);
    for (const file of await archive.files(id)) yield toStored(file, named, archive.read(id, file));
  },
  close: () => undefined,
});

/** What a manifest says of its segments, by their names. */
export const toNamed = (manifest: string): ReadonlyMap<string, NamedFile> =>
  new Map(toFiles(manifest).map((file) => [file.name, file]));

/** A segment as it lies there, with what its manifest says of it. */
export function toStored(
  { name, problem, isMissing }: StoredFile,
  named: ReadonlyMap<string, NamedFile>,
  bytes: AsyncIterable<Uint8Array>,
): StoredSegment {
  const { sha256, isCut = false } = named.get(name) ?? {};
  return { name, bytes, sha256, isCut, problem, isMissing: isMissing === true };
}
