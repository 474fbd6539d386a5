// A folder as the kubelet mounts a Secret or ConfigMap (pkg/volume/util/atomic_writer.go): the files are symlinks into
// `..data`, which is itself a symlink to a folder of one version, and is replaced by a rename.

import { mkdir, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface MountedSecret {
  readonly folder: string;
  /** Another version: all files at once. */
  swap(files: Readonly<Record<string, string>>): Promise<void>;
}

export async function mountSecret(
  folder: string,
  files: Readonly<Record<string, string>>,
): Promise<MountedSecret> {
  let version = 0;
  const swap = async (next: Readonly<Record<string, string>>): Promise<void> => {
    version += 1;
    const name = `..2026_01_01_00_00_00.${version}`;
    await mkdir(join(folder, name), { recursive: true });
    for (const [file, text] of Object.entries(next)) {
      await writeFile(join(folder, name, file), text, { mode: 0o600 });
    }
    const before = await readlink(join(folder, '..data')).catch(() => undefined);
    await symlink(name, join(folder, '..data_tmp'));
    await rename(join(folder, '..data_tmp'), join(folder, '..data'));
    if (before !== undefined) await rm(join(folder, before), { recursive: true });
  };
  await swap(files);
  for (const file of Object.keys(files)) await symlink(join('..data', file), join(folder, file));
  return { folder, swap };
}
