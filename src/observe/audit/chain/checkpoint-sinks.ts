// Where checkpoints go besides the audit log, so that a log that was set back is found out: a file, which may be on
// another volume, and standard output, which is often carried off the host.

import type { Writable } from 'node:stream';
import { openCheckpointFile } from '../../../chain/checkpoint-file.ts';
import type { CheckpointSink } from './checkpointer.ts';

/** Rejects when the file cannot be opened. */
export async function openFileSink(
  path: string,
  options: { readonly fsync: boolean },
): Promise<CheckpointSink> {
  return { name: 'file', ...(await openCheckpointFile(path, options)) };
}

/** A line of JSON for each, among the log's: `{"kind":"AuditCheckpoint","jws":"…"}`. */
export const createStdoutSink = (stream: Writable): CheckpointSink => ({
  name: 'stdout',
  append: (jws) =>
    new Promise((resolve, reject) => {
      stream.write(`{"kind":"AuditCheckpoint","jws":"${jws}"}\n`, (error) => {
        if (error === null || error === undefined) resolve();
        else reject(error);
      });
    }),
  close: () => Promise.resolve(),
});
