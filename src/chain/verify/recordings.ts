// Recordings beside the log: each session's last audit event names the digest of its recording's manifest, whose lines
// name each other and the digest of every segment. Finds what is missing, was changed, or was never told of.

import { createHash } from 'node:crypto';
import { NO_PREVIOUS, toDigest } from '../link.ts';
import { LineTooLong, splitLines } from '../read-lines.ts';
import type { Findings, Place } from './findings.ts';
import { Unreadable } from './recorded.ts';
import type { RecordedSource } from './recorded.ts';

export interface RecordingTotals {
  /** As their audit events say. */
  readonly proven: number;
  /** Without an event of their end: the session runs, or its gateway died. Their manifests are consistent. */
  readonly unfinished: number;
  /** Told of by the log and pruned, as the tombstones say. */
  readonly pruned: number;
}

const MANIFEST = 'manifest.jsonl';
/** Where an event has its id. Values cannot hold these quotes. */
const AUDIT_ID = /^\{"kind":"Event","apiVersion":"audit\.k8s\.io\/v1","level":"\w+","auditID":"([^"]{36})"/;
/** A name that cannot lead elsewhere. */
const SEGMENT = /^\w[\w.-]*$/;
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
  readonly #source: RecordedSource;
  readonly #findings: Findings;
  /** Folders that no event has told of yet. */
  readonly #untold = new Set<string>();
  /** Told of, without an end yet. */
  readonly #open = new Set<string>();
  #proven = 0;
  #prunedCount = 0;
  #since: string | undefined;

  private constructor(source: RecordedSource, findings: Findings) {
    this.#source = source;
    this.#findings = findings;
  }

  /** Rejects when the source cannot be listed. Memory grows with the number of recordings, not with their size. */
  static async open(source: RecordedSource, findings: Findings): Promise<RecordingsVerifier> {
    const verifier = new RecordingsVerifier(source, findings);
    for await (const { name, isRecording } of source.names()) {
      if (isRecording) verifier.#untold.add(name);
      else findings.notice({ file: source.nameOf(name) }, 'is no recording, and was not looked at');
    }
    return verifier;
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
      if (await this.#source.hasTombstone(id)) this.#prunedCount += 1;
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
    file: this.#source.nameOf(id, MANIFEST),
    ...(line === undefined ? {} : { line }),
  });

  /** Follows a manifest and reads its segments. Undefined: there is none. What is wrong with it is told. */
  async #read(id: string): Promise<Manifest | undefined> {
    return this.#tellUnreadable(this.#at(id), async () => {
      const chunks = await this.#source.open(id, MANIFEST);
      if (chunks !== undefined) return this.#follow(id, chunks);
      this.#findings.tampered(this.#at(id), 'is missing');
      return undefined;
    });
  }

  async #follow(id: string, chunks: AsyncIterable<Uint8Array>): Promise<Manifest> {
    let digest = NO_PREVIOUS;
    let segments = 0;
    let startedAt: string | undefined;
    let hasEnd = false;
    for await (const { bytes, number, isWhole } of splitLines(chunks)) {
      if (!isWhole) break;
      const entry = toEntry(bytes);
      if (entry?.['previous'] !== digest) {
        const message = 'does not follow from the line before, of which one was changed';
        this.#findings.tampered(this.#at(id, number), message);
      }
      digest = toDigest(bytes);
      if (entry?.['kind'] === 'Begin') startedAt = toText(entry['startedAt']);
      if (entry?.['kind'] === 'End') hasEnd = true;
      if (entry?.['kind'] !== 'Segment') continue;
      segments += 1;
      await this.#checkSegment(id, number, entry);
    }
    return { digest, segments, startedAt, hasEnd };
  }

  async #checkSegment(id: string, line: number, entry: Readonly<Record<string, unknown>>): Promise<void> {
    const file = toText(entry['file']) ?? '';
    if (!SEGMENT.test(file)) {
      this.#findings.tampered(this.#at(id, line), 'names a segment as none is named');
      return;
    }
    const place = { file: this.#source.nameOf(id, file), line };
    await this.#tellUnreadable(place, async () => {
      const chunks = await this.#source.open(id, file);
      if (chunks === undefined) {
        this.#findings.tampered(place, 'is missing');
        return;
      }
      const { bytes, sha256 } = await digestOf(chunks);
      if (bytes !== entry['bytes']) {
        this.#findings.tampered(place, `has ${bytes} bytes, not ${String(entry['bytes'])}`);
      } else if (sha256 !== entry['sha256']) {
        this.#findings.tampered(place, 'has another digest than its manifest says');
      }
    });
  }

  /** What is in the place of a file is told, and the next is looked at. */
  async #tellUnreadable<Value>(place: Place, work: () => Promise<Value>): Promise<Value | undefined> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Unreadable) && !(error instanceof LineTooLong)) throw error;
      this.#findings.tampered(place, error.message);
      return undefined;
    }
  }
}

async function digestOf(chunks: AsyncIterable<Uint8Array>) {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of chunks) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return { bytes, sha256: hash.digest('hex') };
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
