// What was written down and is read back: recordings, and the files of the audit log.

import { dirname, join } from 'node:path';
import type { GatewayConfiguration } from '../core/configuration.ts';
import type { RecordingArchive } from '../core/recording-archive.ts';
import type { Foundation } from './foundation.ts';
import { listRotated } from '../observe/audit/rotation.ts';

/** Undefined: nothing is recorded here. */
export const composeArchive = (
  { recordings }: Pick<Foundation, 'recordings'>,
  { recording }: GatewayConfiguration,
): RecordingArchive | undefined => (recording === undefined ? undefined : recordings.use(recording).archive);

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
