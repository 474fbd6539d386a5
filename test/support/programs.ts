// Programs of the machine that tests start.

import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

export const isExecutable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

/** The first of these names in the folders of `PATH`, folder by folder. */
export const findInPath = (
  env: Readonly<Record<string, string | undefined>>,
  names: readonly string[],
): string | undefined =>
  (env['PATH'] ?? '')
    .split(delimiter)
    .flatMap((folder) => (folder === '' ? [] : names.map((name) => join(folder, name))))
    .find(isExecutable);
