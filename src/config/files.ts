// Reads the files that a configuration names, and remembers which they were, so that a change of any can be noticed.

import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { isAbsolute, resolve } from 'node:path';
import type { Findings, Path, Place } from './problem.ts';

/** Where files come from. Rejects with an error that has a `code`, as node:fs does. */
export interface Files {
  /** `latin1` keeps every byte as one character. Default utf8. */
  read(path: string, encoding?: 'utf8' | 'latin1'): Promise<string>;
}

/** Larger than any configuration file that makes sense, and small enough for a mistaken path to do no harm. */
const MAX_FILE_BYTES = 8 * 1024 * 1024;

export const realFiles: Files = {
  async read(path, encoding = 'utf8') {
    // Without waiting: opening a named pipe for reading would block until somebody writes to it.
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stat = await handle.stat();
      if (!stat.isFile()) throw Object.assign(new Error('not a file'), { code: 'EISDIR' });
      if (stat.size > MAX_FILE_BYTES) throw Object.assign(new Error('too large'), { code: 'EFBIG' });
      return await handle.readFile(encoding);
    } finally {
      await handle.close();
    }
  },
};

export interface FileReader {
  /** All files that were asked for, readable or not. */
  readonly seen: ReadonlySet<string>;
  /** The file's text; undefined when it cannot be read, which has been told as a problem of the key at `path`. */
  read(file: string, place: Place, path: Path): Promise<string | undefined>;
  /** The same of a file that need not be text. */
  readBytes(file: string, place: Place, path: Path): Promise<Uint8Array | undefined>;
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EISDIR: 'it is not a file',
  EFBIG: `it is larger than ${MAX_FILE_BYTES} bytes`,
};

export function createFileReader(files: Files, findings: Findings): FileReader {
  const seen = new Set<string>();
  const read = async (
    file: string,
    place: Place,
    path: Path,
    encoding: 'utf8' | 'latin1',
  ): Promise<string | undefined> => {
    seen.add(file);
    try {
      return await files.read(file, encoding);
    } catch (error) {
      findings.problem(place, path, `cannot read ${file}: ${toReason(error)}`);
      return undefined;
    }
  };
  return {
    seen,
    read: (file, place, path) => read(file, place, path, 'utf8'),
    async readBytes(file, place, path) {
      const text = await read(file, place, path, 'latin1');
      return text === undefined ? undefined : Buffer.from(text, 'latin1');
    },
  };
}

const toReason = (error: unknown): string => {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return REASONS[code] ?? `the system says ${code === '' ? 'no' : code}`;
};

/** A file name of the configuration, relative to the folder of the file that names it. */
export const resolveFile = (folder: string, name: string): string =>
  isAbsolute(name) ? name : resolve(folder, name);
