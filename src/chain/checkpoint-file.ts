// A file of checkpoints, one compact JWS a line: the gateway's second sink, and what a signer has signed. What a crash
// left of a last line is cut off when the file is opened; it had been promised to nobody.

import { mkdir, open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';

export interface CheckpointFile {
  /** Settles when the line is in the file, and with `fsync` on the disk. Calls must not overlap. */
  append(jws: string): Promise<void>;
  close(): Promise<void>;
}

/** Larger than any line of it. */
const TAIL_BYTES = 16 * 1024;

/** Made if absent, mode 0600. Rejects when it cannot be opened, or does not look like such a file. */
export async function openCheckpointFile(
  path: string,
  { fsync }: { readonly fsync: boolean },
): Promise<CheckpointFile> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const handle = await open(path, 'a+', 0o600);
  try {
    await cutTornLine(handle);
  } catch (error) {
    await handle.close();
    throw error;
  }
  return {
    async append(jws) {
      const line = Buffer.from(`${jws}\n`);
      const { bytesWritten } = await handle.write(line);
      if (bytesWritten !== line.length) {
        await cutTornLine(handle);
        throw new Error('the checkpoint was written in part');
      }
      if (fsync) await handle.datasync();
    },
    close: () => handle.close(),
  };
}

async function cutTornLine(handle: FileHandle): Promise<void> {
  const status = await handle.stat();
  if (!status.isFile() || status.size === 0) return;
  const start = Math.max(0, status.size - TAIL_BYTES);
  const { buffer, bytesRead } = await handle.read({
    buffer: Buffer.alloc(status.size - start),
    position: start,
  });
  const end = buffer.subarray(0, bytesRead).lastIndexOf(0x0a);
  if (end < 0 && start > 0) throw new Error('the file holds something else than checkpoints');
  if (start + end + 1 < status.size) await handle.truncate(start + end + 1);
}
