// What was written down and is read back: recordings, and the files of the audit log.

import { dirname, join } from 'node:path';
import type { GatewayConfiguration } from '../core/configuration.ts';
import type { RecordingArchive } from '../core/recording-archive.ts';
import type { Foundation } from './foundation.ts';
import { createDirectoryArchive } from '../record/archive/directory-archive.ts';
import { listRotated } from '../observe/audit/rotation.ts';

/** Undefined: nothing is recorded here. */
export function composeArchive(
  { clock, sessions }: Pick<Foundation, 'clock' | 'sessions'>,
  { recording }: GatewayConfiguration,
): RecordingArchive | undefined {
  if (recording === undefined) return undefined;
  const archive = (): RecordingArchive =>
    createDirectoryArchive(
      { clock, running: new Set(Array.from(sessions.list(), (session) => session.info().id)) },
      recording.directory,
    );
  return {
    list: (...asked) => archive().list(...asked),
    summary: (...asked) => archive().summary(...asked),
    manifest: (...asked) => archive().manifest(...asked),
    files: (...asked) => archive().files(...asked),
    read: (...asked) => archive().read(...asked),
    delete: (...asked) => archive().delete(...asked),
  };
}

/** The log's files, the oldest first; undefined: it is not kept in files. */
export function composeAuditFiles({
  audit: { file },
}: GatewayConfiguration): (() => Promise<readonly string[]>) | undefined {
  if (file === undefined) return undefined;
  return async () => {
    const rotated = await listRotated(file.path);
    return [...rotated.map(({ name }) => join(dirname(file.path), name)).reverse(), file.path];
  };
}
