// One recording as it lies there: its manifest's lines name each other, and each segment with its digest. What is wrong with
// it is told where it is found; what it comes to is compared with the log by who asked.

import { createHash } from 'node:crypto';
import type { RecordingPoint } from '../../core/recording-mark.ts';
import { NO_PREVIOUS, toDigest } from '../link.ts';
import { LineTooLong, splitLines } from '../read-lines.ts';
import type { Findings, Place } from './findings.ts';
import { Unreadable } from './recorded.ts';
import type { RecordedSource } from './recorded.ts';

export interface FoundManifest {
  readonly first: string;
  readonly last: RecordingPoint;
  /** Whether the point that was asked for is on the way. */
  readonly hasPoint: boolean;
  readonly startedAt: string | undefined;
  /** The chain of audit events that tells of it, as it says itself. */
  readonly auditChain: string | undefined;
  readonly hasEnd: boolean;
}

export interface ManifestReader {
  /** Reads all of it. Undefined: there is none, or nothing that can be read, which has been told. */
  read(id: string, point?: RecordingPoint): Promise<FoundManifest | undefined>;
  placeOf(id: string): Place;
}

const MANIFEST = 'manifest.jsonl';
/** A name that cannot lead elsewhere. */
const SEGMENT = /^\w[\w.-]*$/;

type Fields = Readonly<Record<string, unknown>>;

export function createManifestReader(source: RecordedSource, findings: Findings): ManifestReader {
  const at = (id: string, line?: number): Place => ({
    file: source.nameOf(id, MANIFEST),
    ...(line === undefined ? {} : { line }),
  });
  const checkSegment = async (id: string, line: number, entry: Fields): Promise<void> => {
    const file = toText(entry['file']) ?? '';
    if (!SEGMENT.test(file)) {
      findings.tampered(at(id, line), 'names a segment as none is named');
      return;
    }
    const place = { file: source.nameOf(id, file), line };
    await tellUnreadable(findings, place, async () => {
      const chunks = await source.open(id, file);
      const problem = chunks === undefined ? 'is missing' : await compare(chunks, entry);
      if (problem !== undefined) findings.tampered(place, problem);
    });
  };
  const follow = async (id: string, chunks: AsyncIterable<Uint8Array>, point: RecordingPoint | undefined) => {
    let first = NO_PREVIOUS;
    let last: RecordingPoint = { manifest: NO_PREVIOUS, segments: 0 };
    let hasPoint = false;
    let begin: Fields = {};
    let hasEnd = false;
    for await (const { bytes, number, isWhole } of splitLines(chunks)) {
      if (!isWhole) break;
      const entry = toEntry(bytes) ?? {};
      if (entry['previous'] !== last.manifest) {
        const message = 'does not follow from the line before, of which one was changed';
        findings.tampered(at(id, number), message);
      }
      last = {
        manifest: toDigest(bytes),
        segments: last.segments + Number(entry['kind'] === 'Segment'),
      };
      if (number === 1) [first, begin] = [last.manifest, entry];
      hasPoint ||= last.manifest === point?.manifest && last.segments === point.segments;
      if (entry['kind'] === 'End') hasEnd = true;
      if (entry['kind'] === 'Segment') await checkSegment(id, number, entry);
    }
    const startedAt = toText(begin['startedAt']);
    return { first, last, hasPoint, hasEnd, startedAt, auditChain: toText(begin['auditChain']) };
  };
  return {
    read: (id, point) =>
      tellUnreadable(findings, at(id), async () => {
        const chunks = await source.open(id, MANIFEST);
        return chunks && follow(id, chunks, point);
      }),
    placeOf: (id) => at(id),
  };
}

/** What is in the place of a file is told, and the next is looked at. */
async function tellUnreadable<Value>(
  findings: Findings,
  place: Place,
  work: () => Promise<Value>,
): Promise<Value | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Unreadable) && !(error instanceof LineTooLong)) throw error;
    findings.tampered(place, error.message);
    return undefined;
  }
}

/** What is wrong with a segment; undefined: nothing is. */
async function compare(chunks: AsyncIterable<Uint8Array>, entry: Fields): Promise<string | undefined> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of chunks) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  if (bytes !== entry['bytes']) return `has ${bytes} bytes, not ${String(entry['bytes'])}`;
  return hash.digest('hex') === entry['sha256'] ? undefined : 'has another digest than its manifest says';
}

function toEntry(bytes: Buffer): Fields | undefined {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

const toText = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
