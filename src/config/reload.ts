// Notices changes of a configuration file and of every file that it names.

import type { Clock, Log } from '../core/ports.ts';
import type { Watch, WatchOptions } from './watch-files.ts';
import { loadConfiguration } from './load.ts';
import { watchFiles } from './watch-files.ts';

export type { Watch };

/**
 * Calls `onChange` after any of the files has changed, appeared or gone. Whether the new content is any good is for
 * the caller to find out.
 */
export const watchConfiguration = (
  file: string,
  onChange: () => void,
  deps: { readonly clock: Clock; readonly log: Log },
  options: WatchOptions = {},
): Watch =>
  watchFiles(
    async () => (await loadConfiguration(file)).files,
    (files) => {
      deps.log.info({ files }, 'the configuration has changed');
      onChange();
    },
    deps,
    options,
  );
