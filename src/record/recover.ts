// What a gateway that died left without an end is given one at the next start: the torn line of its manifest is cut off,
// the segments that it does not name are named as they are, and the audit log is told what that came to. From then on
// nothing of it can be taken away unseen. What somebody did to it before is not judged here: the mark is one of its own
// kind, and a verification compares what was told of it while it ran.

import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock, Log } from '../core/ports.ts';
import type { RecordingLedger } from '../core/recording-mark.ts';
import { isSessionId } from '../core/operation.ts';
import type { ManifestEntry } from './manifest.ts';
import { MANIFEST_NAME, ManifestChain, digestOf } from './manifest.ts';
import { isSegmentName } from './segment-name.ts';

export interface RecoverDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly ledger: RecordingLedger;
  /** Recordings that this process writes. */
  readonly running: ReadonlySet<string>;
}

export interface RecoverOptions {
  readonly directory: string;
  /** The directory is this gateway's alone. Otherwise only what began in the chain of its own audit log is its to end. */
  readonly isOwn: boolean;
}

const PROBLEM = 'the gateway ended before the session';
const NO_LINKS = constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** How many recordings were given an end. Rejects when the directory cannot be read. */
export async function recoverRecordings(deps: RecoverDeps, options: RecoverOptions): Promise<number> {
  const { log, running } = deps;
  let recovered = 0;
  for (const name of await listFolder(options.directory)) {
    if (!isSessionId(name) || running.has(name)) continue;
    try {
      if (await recover(deps, options, name)) recovered += 1;
    } catch (error) {
      if (!isAbsent(error))
        log.error({ error, recording: name }, 'a recording without an end stays as it is');
    }
  }
  if (recovered > 0) log.warn({ recordings: recovered }, 'recordings of an earlier run were given an end');
  return recovered;
}

async function recover(
  { clock, ledger }: RecoverDeps,
  { directory, isOwn }: RecoverOptions,
  id: string,
): Promise<boolean> {
  const folder = join(directory, id);
  const manifest = await open(join(folder, MANIFEST_NAME), constants.O_RDWR | NO_LINKS);
  try {
    const bytes = await manifest.readFile();
    const wholeBytes = bytes.lastIndexOf(0x0a) + 1;
    const lines = bytes.toString('utf8', 0, wholeBytes).split('\n').slice(0, -1);
    const entries = lines.map(toEntry);
    const [begin] = entries;
    if (begin?.['kind'] !== 'Begin' || entries.some((entry) => entry['kind'] === 'End')) return false;
    if (!isOwn && (ledger.chain === undefined || begin['auditChain'] !== ledger.chain)) return false;
    await manifest.truncate(wholeBytes);
    const left = await readLeft(folder, new Set(entries.map((entry) => entry['file'])));
    const writer = new ManifestWriter(manifest, wholeBytes, digestOf(lines.at(-1) ?? ''));
    const named = entries.filter((entry) => entry['kind'] === 'Segment').length;
    // The log may have been told of what was there: no line of the gateway's that died could say so any more.
    const [next, ...others] = left.map(({ entry }) => entry);
    if (next !== undefined) await writer.add({ ...next, reached: named });
    for (const entry of others) await writer.add(entry);
    const segments = named + left.length;
    const lastMs = Math.max((await manifest.stat()).mtimeMs, ...left.map(({ atMs }) => atMs));
    const sha256 = await writer.add({
      kind: 'End',
      endedAt: new Date(lastMs).toISOString(),
      state: 'incomplete',
      problem: PROBLEM,
      segments,
      ...(next === undefined ? { reached: named } : {}),
      recoveredAt: new Date(clock.now()).toISOString(),
    });
    await manifest.sync();
    await ledger.tell({ what: 'recovered', id, manifest: sha256, segments, why: PROBLEM });
    return true;
  } finally {
    await manifest.close();
  }
}

interface Left {
  readonly entry: ManifestEntry;
  /** When it was last written to, in milliseconds since the epoch. */
  readonly atMs: number;
}

/** The segments that the manifest does not name, in their order. */
async function readLeft(folder: string, named: ReadonlySet<unknown>): Promise<readonly Left[]> {
  const names = (await readdir(folder)).filter((name) => isSegmentName(name) && !named.has(name)).sort();
  const left: Left[] = [];
  for (const name of names) {
    const file = await open(join(folder, name), constants.O_RDONLY | NO_LINKS);
    try {
      const { mtimeMs } = await file.stat();
      const hash = createHash('sha256');
      let bytes = 0;
      for await (const chunk of file.readableWebStream({ autoClose: false }) as AsyncIterable<Uint8Array>) {
        hash.update(chunk);
        bytes += chunk.length;
      }
      const closedAt = new Date(mtimeMs).toISOString();
      // `cut`: its last line, or the last chunk of an age file, need not be whole.
      const entry = {
        kind: 'Segment',
        file: name,
        bytes,
        sha256: hash.digest('hex'),
        closedAt,
        cut: true,
      } as const;
      left.push({ entry, atMs: mtimeMs });
    } finally {
      await file.close();
    }
  }
  return left;
}

class ManifestWriter {
  readonly #file: FileHandle;
  readonly #chain: ManifestChain;
  #position: number;

  constructor(file: FileHandle, position: number, previous: string) {
    this.#file = file;
    this.#position = position;
    this.#chain = new ManifestChain(previous);
  }

  /** Resolves to the digest of the line. */
  add(entry: ManifestEntry): Promise<string> {
    return this.#chain.add(entry, async (line) => {
      const bytes = Buffer.from(`${line}\n`);
      await this.#file.write(bytes, 0, bytes.length, this.#position);
      this.#position += bytes.length;
    });
  }
}

function toEntry(line: string): Readonly<Record<string, unknown>> {
  const value: unknown = JSON.parse(line);
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

async function listFolder(directory: string): Promise<readonly string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (isAbsent(error)) return [];
    throw error;
  }
}

const isAbsent = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
