// Notices changes of files by looking at them at intervals. A look sees what watching a folder would miss or see too
// early: atomic renames, Kubernetes' swap of a ConfigMap's symlink in another folder, network file systems. A change is
// reported when the files have been quiet for one interval.

import { stat } from 'node:fs/promises';
import type { Clock, Log } from '../core/ports.ts';

export interface Watch {
  close(): void;
}

export interface WatchOptions {
  /** How often the files are looked at. Default 1,000. */
  readonly intervalMs?: number;
}

const INTERVAL_MS = 1000;

/**
 * Calls `onChange` with the number of files after any of those that `list` names has changed, appeared or gone. Whether
 * the new content is any good is for the caller to find out.
 */
export function watchFiles(
  list: () => Promise<readonly string[]>,
  onChange: (files: number) => void,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
  { intervalMs = INTERVAL_MS }: WatchOptions = {},
): Watch {
  let closed = false;
  let cancel = (): void => undefined;
  /** Which state of the files the caller knows, and which one the last look found. */
  let known: string | undefined;
  let found: string | undefined;
  let files: readonly string[] = [];

  const look = async (): Promise<void> => {
    if (known === undefined) files = await list();
    const before = found;
    found = await describe(files);
    known ??= found;
    if (closed || found === known || found !== before) return;
    // The files have changed and are quiet; from now on those are looked at that the new content names.
    files = await list();
    known = found = await describe(files);
    if (!isClosed()) onChange(files.length);
  };
  const isClosed = (): boolean => closed;
  const again = (): void => {
    if (closed) return;
    cancel = clock.after(intervalMs, () => void turn());
  };
  const turn = (): Promise<void> =>
    look()
      .catch((error: unknown) => log.error({ err: error }, 'cannot look at the configuration files'))
      .finally(again);
  void turn();
  return {
    close() {
      closed = true;
      cancel();
    },
  };
}

/** A text that differs whenever one of the files does. `stat` follows symlinks, so that a swapped one counts. */
async function describe(files: readonly string[]): Promise<string> {
  const states = await Promise.all(
    files.map(async (file) => {
      try {
        const { dev, ino, size, mtimeMs, ctimeMs } = await stat(file);
        return [file, dev, ino, size, mtimeMs, ctimeMs];
      } catch {
        return [file];
      }
    }),
  );
  return JSON.stringify(states);
}
