// The folder of one recording, and the few things that are done in it. Everything is the gateway's alone: folders 0700,
// files 0600, never a file that is there already.

import { constants } from 'node:fs';
import { mkdir, open, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';

/** A file that is being written. */
export interface OpenFile {
  /** Settles when all is with the operating system; rejects when any of it is not. */
  append(bytes: readonly Buffer[]): Promise<void>;
  /** Rejects when `sync` and the disk does not have it. */
  close(sync: boolean): Promise<void>;
}

export interface Disk {
  /** Makes a recording's folder, and those above it where they are missing. Rejects when it is there already. */
  createFolder(directory: string, name: string): Promise<string>;
  /** Rejects when the file is there already, or its folder is not. */
  create(folder: string, name: string): Promise<OpenFile>;
  /** Opens a file that is there, to add to it. */
  reopen(folder: string, name: string): Promise<OpenFile>;
  /** Waits until the names in the folder are on the disk. */
  syncFolder(folder: string): Promise<void>;
  removeFolder(folder: string): Promise<void>;
}

/** A file that is gone is not made again: that would hide its going. */
const APPEND = constants.O_WRONLY | constants.O_APPEND;

export const realDisk: Disk = {
  async createFolder(directory, name) {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const folder = join(directory, name);
    await mkdir(folder, { mode: 0o700 });
    return folder;
  },
  create: async (folder, name) => toOpenFile(await open(join(folder, name), 'ax', 0o600)),
  reopen: async (folder, name) => toOpenFile(await open(join(folder, name), APPEND)),
  async syncFolder(folder) {
    const handle = await open(folder, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  },
  removeFolder: (folder) => rm(folder, { recursive: true, force: true }),
};

const toOpenFile = (handle: FileHandle): OpenFile => ({
  async append(bytes) {
    const total = bytes.reduce((sum, { length }) => sum + length, 0);
    const { bytesWritten } = await handle.writev([...bytes]);
    // A disk that fills up takes a part before it says no.
    if (bytesWritten !== total) throw new Error(`${bytesWritten} of ${total} bytes were written`);
  },
  async close(sync) {
    try {
      if (sync) await handle.sync();
    } finally {
      await handle.close();
    }
  },
});
