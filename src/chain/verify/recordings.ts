// Recordings beside the log: each session's last audit event names the digest of its recording's manifest, whose lines
// name each other and the digest of every segment. Finds what is missing, was changed, or was never told of.

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { NO_PREVIOUS, toDigest } from '../link.ts';
import { readLines } from '../read-lines.ts';
import type { Findings, Place } from './findings.ts';

export interface RecordingTotals {
  /** As their audit events say. */
  readonly proven: number;
  /** Without an event of their end: the session runs, or its gateway died. Their manifests are consistent. */
  readonly unfinished: number;
  /** Told of by the log and pruned, as the tombstones say. */
  readonly pruned: number;
}

const MANIFEST = 'manifest.jsonl';
/** What says that a recording was deleted: a line of JSON with its `id`, or a file of its name in a folder of them. */
const TOMBSTONES = 'pruned.jsonl';
const TOMBSTONE_FOLDER = 'pruned';
/** An audit id, which a recording's folder is named after. */
const ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** Where an event has its id. Values cannot hold these quotes. */
const AUDIT_ID = /^\{"kind":"Event","apiVersion":"audit\.k8s\.io\/v1","level":"\w+","auditID":"([^"]{36})"/;
const HEAD_BYTES = 160;
const MARK = Buffer.from('"kubelet-gateway.io/recording":"');
const OUTCOME = /"kubelet-gateway\.io\/recording":"([^" ]+) (\w+)"/;
const DIGEST = /"kubelet-gateway\.io\/recording-manifest":"([0-9a-f]{64}) (\d+)"/;
const STAMP = /"stageTimestamp":"([^"]{20,40})"/;

interface Manifest {
  /** Digest of the last whole line. */
  readonly digest: string;
  readonly segments: number;
  readonly startedAt: string | undefined;
  readonly hasEnd: boolean;
}

export class RecordingsVerifier {
  readonly #folder: string;
  readonly #findings: Findings;
  /** Folders that no event has told of yet. */
  readonly #untold: Set<string>;
  /** Told of, without an end yet. */
  readonly #open = new Set<string>();
  readonly #pruned: ReadonlySet<string>;
  #proven = 0;
  #prunedCount = 0;
  #since: string | undefined;

  private constructor(
    folder: string,
    findings: Findings,
    names: readonly string[],
    pruned: ReadonlySet<string>,
  ) {
    this.#folder = folder;
    this.#findings = findings;
    this.#untold = new Set(names);
    this.#pruned = pruned;
  }

  /** Rejects when the folder cannot be read. Memory grows with the number of recordings, not with their size. */
  static async open(folder: string, findings: Findings): Promise<RecordingsVerifier> {
    const entries = await readdir(folder, { withFileTypes: true });
    const names = entries
      .filter((entry) => entry.isDirectory() && ID.test(entry.name))
      .map(({ name }) => name);
    return new RecordingsVerifier(folder, findings, names, await readTombstones(folder));
  }

  /** A line of the log. */
  async take(place: Place, line: Buffer): Promise<void> {
    this.#since ??= STAMP.exec(line.toString('latin1'))?.[1];
    const id = AUDIT_ID.exec(line.toString('latin1', 0, HEAD_BYTES))?.[1];
    if (id !== undefined && this.#untold.delete(id)) this.#open.add(id);
    if (!line.includes(MARK)) return;
    const text = line.toString('latin1');
    const [, told, state] = OUTCOME.exec(text) ?? [];
    if (told === undefined || state === undefined || told !== id) return;
    const [, digest, segments] = DIGEST.exec(text) ?? [];
    await this.#ended(place, told, state, digest, Number(segments));
  }

  async end(): Promise<RecordingTotals> {
    for (const id of this.#open) {
      const found = await this.#read(id);
      if (found?.hasEnd === true) {
        this.#findings.notice(this.#at(id), 'has an end of which the log does not tell, and is not proven');
      }
    }
    for (const id of this.#untold) {
      const found = await this.#read(id);
      // What was recorded before the log begins was told of in a file that is pruned.
      const isOlder =
        found?.startedAt !== undefined && Date.parse(found.startedAt) < Date.parse(this.#since ?? '');
      if (isOlder) this.#findings.notice(this.#at(id), 'is older than the log');
      else this.#findings.tampered(this.#at(id), 'is not mentioned in the log');
    }
    return { proven: this.#proven, unfinished: this.#open.size, pruned: this.#prunedCount };
  }

  async #ended(
    place: Place,
    id: string,
    state: string,
    digest: string | undefined,
    segments: number,
  ): Promise<void> {
    if (!this.#open.delete(id)) {
      if (this.#pruned.has(id)) this.#prunedCount += 1;
      else if (state !== 'failed') this.#findings.tampered(place, `its recording ${id} is missing`);
      return;
    }
    const found = await this.#read(id);
    if (found === undefined) return;
    if (digest === undefined) {
      this.#findings.notice(this.#at(id), 'has no digest in the log, and is not proven');
    } else if (found.digest !== digest || found.segments !== segments) {
      const message = `is not what the log says: its manifest ends with ${found.digest}, ${found.segments} segments`;
      this.#findings.tampered(this.#at(id), message);
    } else this.#proven += 1;
  }

  #at = (id: string, line?: number): Place => ({
    file: join(this.#folder, id, MANIFEST),
    ...(line === undefined ? {} : { line }),
  });

  /** Follows a manifest and reads its segments. Undefined: there is none. What is wrong with it is told. */
  async #read(id: string): Promise<Manifest | undefined> {
    let previous = NO_PREVIOUS;
    let segments = 0;
    let startedAt: string | undefined;
    let hasEnd = false;
    try {
      for await (const { bytes, number, isWhole } of readLines(join(this.#folder, id, MANIFEST))) {
        if (!isWhole) break;
        const entry = toEntry(bytes);
        if (entry?.['previous'] !== previous) {
          this.#findings.tampered(
            this.#at(id, number),
            'does not follow from the line before, of which one was changed',
          );
        }
        previous = toDigest(bytes);
        if (entry?.['kind'] === 'Begin') startedAt = toText(entry['startedAt']);
        if (entry?.['kind'] === 'End') hasEnd = true;
        if (entry?.['kind'] !== 'Segment') continue;
        segments += 1;
        await this.#checkSegment(id, number, entry);
      }
    } catch (error) {
      if (!isMissing(error)) throw error;
      this.#findings.tampered(this.#at(id), 'is missing');
      return undefined;
    }
    return { digest: previous, segments, startedAt, hasEnd };
  }

  async #checkSegment(id: string, line: number, entry: Readonly<Record<string, unknown>>): Promise<void> {
    const file = toText(entry['file']) ?? '';
    const place = { file: join(this.#folder, id, file), line };
    if (!/^[\w.-]+$/.test(file)) {
      this.#findings.tampered(this.#at(id, line), 'names a segment as none is named');
      return;
    }
    try {
      const { size } = await stat(place.file);
      if (size !== entry['bytes'])
        this.#findings.tampered(place, `has ${size} bytes, not ${String(entry['bytes'])}`);
      else if ((await digestOf(place.file)) !== entry['sha256']) {
        this.#findings.tampered(place, 'has another digest than its manifest says');
      }
    } catch (error) {
      if (!isMissing(error)) throw error;
      this.#findings.tampered(place, 'is missing');
    }
  }
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) hash.update(chunk);
  return hash.digest('hex');
}

async function readTombstones(folder: string): Promise<ReadonlySet<string>> {
  const ids = new Set<string>();
  try {
    for (const name of await readdir(join(folder, TOMBSTONE_FOLDER))) {
      if (name.endsWith('.json')) ids.add(name.slice(0, -'.json'.length));
    }
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  try {
    for await (const { bytes } of readLines(join(folder, TOMBSTONES))) {
      const id = toText(toEntry(bytes)?.['id']);
      if (id !== undefined) ids.add(id);
    }
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  return ids;
}

function toEntry(bytes: Buffer): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

const toText = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

const isMissing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'EISDIR');
