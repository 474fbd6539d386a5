// The files of an audit log in the order of its chain: those that the gateway rotated (`audit-<time>.log`), those of a
// logrotate (`audit.log.1`), and the one that is written to. Names only say which files there are; the order is the chain's.

import { readdir } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { readLink } from '../link.ts';
import { readLines } from '../read-lines.ts';

export interface LogFile {
  readonly path: string;
  /** Without its folder. */
  readonly name: string;
  /** The file that the gateway writes to. */
  readonly isCurrent: boolean;
  /** The chain that it begins with. */
  readonly chain?: string;
}

const STAMP = /^-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}$/;

/** Rejects when the folder cannot be read. */
export async function listLogFiles(path: string): Promise<readonly LogFile[]> {
  const folder = dirname(path);
  const names = (await readdir(folder)).filter((name) => isOfLog(basename(path), name)).sort();
  const read = await Promise.all(
    names.map(async (name) => {
      const file = join(folder, name);
      const first = await readFirst(file);
      const isCurrent = name === basename(path);
      return { file: { path: file, name, isCurrent, ...(first && { chain: first.chain }) }, first };
    }),
  );
  // Files without a chain, which are older than any with one; then chain by chain, the current one last.
  const current = read.find(({ file }) => file.isCurrent)?.first?.chain;
  const rank = (chain: string | undefined): string =>
    chain === undefined ? '0' : chain === current ? '2' : `1${chain}`;
  return read
    .toSorted(
      (a, b) =>
        rank(a.first?.chain).localeCompare(rank(b.first?.chain)) ||
        (a.first?.sequence ?? 0) - (b.first?.sequence ?? 0) ||
        Number(a.file.isCurrent) - Number(b.file.isCurrent),
    )
    .map(({ file }) => file);
}

function isOfLog(current: string, name: string): boolean {
  if (name === current) return true;
  if (name.startsWith(`${current}.`) && /^\d+$/.test(name.slice(current.length + 1))) return true;
  const ending = extname(current);
  const stem = basename(current, ending);
  return (
    name.startsWith(stem) &&
    name.endsWith(ending) &&
    STAMP.test(name.slice(stem.length, name.length - ending.length))
  );
}

/** The first link among the first lines: a damaged first line must not move a file to another place. */
async function readFirst(path: string): Promise<ReturnType<typeof readLink>> {
  for await (const { bytes, number } of readLines(path)) {
    const link = readLink(bytes);
    if (link !== undefined) return link;
    if (number >= 100) return undefined;
  }
  return undefined;
}
