// Recordings beside the logs: a gateway's log is told when each begins, how far it has come, when it ends and when it is
// deleted. Finds what is missing, was shortened, changed, or never told of. Memory grows with the number of recordings,
// not with their size.

import type { RecordingMark } from '../../core/recording-mark.ts';
import { readLink } from '../link.ts';
import { readMark } from '../mark-event.ts';
import type { Findings, Place } from './findings.ts';
import type { RecordedSource } from './recorded.ts';
import { createManifestReader } from './recorded-manifest.ts';
import type { FoundManifest, ManifestReader } from './recorded-manifest.ts';

export interface RecordingTotals {
  /** Of which the end is as a log says. */
  readonly proven: number;
  /** Told of, without an end: the session runs, or its gateway died and has not been started again. */
  readonly unfinished: number;
  /** Deleted, as a log says. */
  readonly pruned: number;
  /** Told of by the chain of a log that was not given, as they say themselves. */
  readonly foreign: number;
}

/** Of what is there of a chain. */
interface Beginning {
  /** Milliseconds since the epoch. NaN: it does not say. */
  readonly sinceMs: number;
  /** Its first line is there: nothing that it told of was pruned. */
  readonly isWhole: boolean;
}

interface Told {
  readonly place: Place;
  readonly begun: string | undefined;
  readonly last: RecordingMark;
}

const ID = /^\{"kind":"Event","apiVersion":"audit\.k8s\.io\/v1","level":"\w+","auditID":"([^"]{36})"/;
const HEAD_BYTES = 160;
const STAMP = /"stageTimestamp":"([^"]{20,40})"/;

export class RecordingsVerifier {
  readonly #source: RecordedSource;
  readonly #findings: Findings;
  readonly #reader: ManifestReader;
  /** What lies there, as long as no log has said that it was deleted. */
  readonly #there = new Set<string>();
  readonly #told = new Map<string, Told>();
  /** Sessions that a log tells of, and their recordings not (yet). */
  readonly #mentioned = new Set<string>();
  /** The empty one is of lines without a chain. */
  readonly #chains = new Map<string, Beginning>();
  readonly #totals = { proven: 0, unfinished: 0, pruned: 0, foreign: 0 };

  private constructor(source: RecordedSource, findings: Findings) {
    this.#source = source;
    this.#findings = findings;
    this.#reader = createManifestReader(source, findings);
  }

  /** Rejects when the source cannot be listed. */
  static async open(source: RecordedSource, findings: Findings): Promise<RecordingsVerifier> {
    const verifier = new RecordingsVerifier(source, findings);
    for await (const { name, isRecording } of source.names()) {
      if (isRecording) verifier.#there.add(name);
      else findings.notice({ file: source.nameOf(name) }, 'is no recording, and was not looked at');
    }
    return verifier;
  }

  /** A line of a log, which follows from those before it in its chain. */
  take(place: Place, line: Buffer, chain: string): void {
    if (!this.#chains.has(chain)) this.#chains.set(chain, toBeginning(line));
    const id = ID.exec(line.toString('latin1', 0, HEAD_BYTES))?.[1] ?? '';
    if (this.#there.has(id) && !this.#told.has(id)) this.#mentioned.add(id);
    const mark = readMark(line);
    if (mark !== undefined) this.#mark(place, mark);
  }

  async end(): Promise<RecordingTotals> {
    for (const [id, told] of this.#told) {
      this.#there.delete(id);
      await this.#checkTold(id, told);
    }
    for (const id of this.#there) await this.#checkUntold(id);
    return { ...this.#totals };
  }

  #mark(place: Place, mark: RecordingMark): void {
    const { id, what } = mark;
    const before = this.#told.get(id);
    if (what === 'deleted' || what === 'discarded') {
      if (what === 'deleted') this.#totals.pruned += 1;
      this.#told.delete(id);
      if (!this.#there.delete(id)) return;
      const message = `the log says that it was ${what}, and it is there: it was not looked at`;
      this.#findings.notice(this.#reader.placeOf(id), message);
      return;
    }
    const begun = what === 'begun' ? mark.manifest : before?.begun;
    this.#told.set(id, { place, begun, last: mark });
  }

  async #checkTold(id: string, { place, begun, last }: Told): Promise<void> {
    const found = await this.#reader.read(id, last);
    if (found === undefined) {
      await this.#tellMissing(place, id);
      return;
    }
    const at = this.#reader.placeOf(id);
    if (last.what === 'ended') {
      const isSame = found.last.manifest === last.manifest && found.last.segments === last.segments;
      if (isSame) this.#totals.proven += 1;
      else {
        const message = `is not what the log says: its manifest ends with ${found.last.manifest}, ${found.last.segments} segments`;
        this.#findings.tampered(at, message);
      }
      return;
    }
    this.#totals.unfinished += 1;
    if ((begun !== undefined && found.first !== begun) || !found.hasPoint) {
      this.#findings.tampered(
        at,
        `is not what the log says: ${last.segments} segments of it had been stored`,
      );
    } else if (found.hasEnd) {
      this.#findings.notice(at, 'has an end of which the log does not tell, and is not proven');
    }
  }

  /** Than what is there of the log that would tell of it. */
  #isOlder({ auditChain, startedAt }: FoundManifest): boolean {
    const chain = auditChain === undefined ? undefined : this.#chains.get(auditChain);
    if (chain?.isWhole === true) return false;
    const since = chain?.sinceMs ?? Math.min(...[...this.#chains.values()].map(({ sinceMs }) => sinceMs));
    return Date.parse(startedAt ?? '') < since;
  }

  async #tellMissing(place: Place, id: string): Promise<void> {
    const isBuried = await this.#source.hasTombstone(id);
    const words = isBuried
      ? '; a tombstone, which anybody may have written, says that it was deleted, and no log that was given does'
      : '';
    this.#findings.tampered(place, `its recording ${id} is missing${words}`);
  }

  async #checkUntold(id: string): Promise<void> {
    const at = this.#reader.placeOf(id);
    const found = await this.#reader.read(id);
    if (found === undefined) {
      this.#findings.tampered(at, 'is missing');
      return;
    }
    if (found.auditChain !== undefined && !this.#chains.has(found.auditChain)) {
      this.#totals.foreign += 1;
      return;
    }
    // The gateway died between the beginning and its mark, before a node was dialled.
    if (this.#mentioned.has(id) && isEmpty(found)) {
      this.#totals.unfinished += 1;
      return;
    }
    if (this.#isOlder(found)) this.#findings.notice(at, 'is older than the log');
    else this.#findings.tampered(at, 'is not mentioned in the log');
  }
}

const isEmpty = ({ first, last, hasEnd }: FoundManifest): boolean => first === last.manifest && !hasEnd;

const toBeginning = (line: Buffer): Beginning => ({
  sinceMs: Date.parse(STAMP.exec(line.toString('latin1'))?.[1] ?? ''),
  isWhole: readLink(line)?.sequence === 1,
});
