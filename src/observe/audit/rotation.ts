// The names and the lives of rotated audit files: `audit-2026-11-23T18-00-00.000.log` beside `audit.log`, the time
// (UTC) being that of the rotation, as kube-apiserver's log files (lumberjack) have it.

import { access, readdir, rm } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';

const STAMP = /^(\d{4}-\d\d-\d\dT)(\d\d)-(\d\d)-(\d\d\.\d{3})$/;

const toRotatedPath = (path: string, atMs: number): string => {
  const ending = extname(path);
  const stamp = new Date(atMs).toISOString().slice(0, -1).replaceAll(':', '-');
  return join(dirname(path), `${basename(path, ending)}-${stamp}${ending}`);
};

/** A rotated name that is not taken: two rotations may fall into one millisecond. */
export async function findFreePath(path: string, atMs: number): Promise<string> {
  for (let at = atMs; ; at += 1) {
    const candidate = toRotatedPath(path, at);
    try {
      await access(candidate);
    } catch {
      return candidate;
    }
  }
}

export interface RotationLimits {
  /** How old a rotated file may become, in milliseconds; 0: any age. */
  readonly maxAgeMs: number;
  /** How many rotated files are kept; 0: all. */
  readonly maxFiles: number;
}

/** Removes rotated files of `path` that are too old or too many. Other files in the directory are not touched. */
export async function pruneRotated(
  path: string,
  { maxAgeMs, maxFiles }: RotationLimits,
  nowMs: number,
): Promise<void> {
  const folder = dirname(path);
  const rotated = await listRotated(path);
  const doomed = rotated.filter(
    ({ at }, place) => (maxFiles > 0 && place >= maxFiles) || (maxAgeMs > 0 && nowMs - at > maxAgeMs),
  );
  for (const { name } of doomed) await rm(join(folder, name), { force: true });
}

export interface RotatedFile {
  /** Without its folder. */
  readonly name: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** The rotated files of `path`, the newest first. */
export async function listRotated(path: string): Promise<readonly RotatedFile[]> {
  return (await readdir(dirname(path)))
    .map((name) => ({ name, at: toRotationTime(path, name) }))
    .filter((file): file is RotatedFile => file.at !== undefined)
    .sort((a, b) => b.at - a.at);
}

/** When a file of this name was rotated, if it is a rotated file of `path`. */
function toRotationTime(path: string, name: string): number | undefined {
  const ending = extname(path);
  const start = `${basename(path, ending)}-`;
  if (!name.startsWith(start) || !name.endsWith(ending)) return undefined;
  const stamp = STAMP.exec(name.slice(start.length, name.length - ending.length));
  if (stamp === null) return undefined;
  const [, date = '', hours = '', minutes = '', seconds = ''] = stamp;
  const at = Date.parse(`${date}${hours}:${minutes}:${seconds}Z`);
  return Number.isNaN(at) ? undefined : at;
}
