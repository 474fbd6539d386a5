// Recordings beside the logs: a gateway's log is told when each begins, how far it has come, when it ends and when it is
// deleted. Finds what is missing, was shortened, changed, or never told of. Memory grows with the number of recordings,
// not with their size.

import { readLink } from '../link.ts';
import { readMark } from '../mark-event.ts';
import type { Findings, Place } from './findings.ts';
import type { RecordedSource } from './recorded.ts';
import { createManifestReader } from './recorded-manifest.ts';
import type { FoundManifest, ManifestReader } from './recorded-manifest.ts';
import { Told, toWords } from './told.ts';

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

const ID = /^\{"kind":"Event","apiVersion":"audit\.k8s\.io\/v1","level":"\w+","auditID":"([^"]{36})"/;
const HEAD_BYTES = 160;
const STAMP = /"stageTimestamp":"([^"]{20,40})"/;

export class RecordingsVerifier {
  readonly #source: RecordedSource;
  readonly #findings: Findings;
  readonly #reader: ManifestReader;
  readonly #there = new Set<string>();
  readonly #told = new Map<string, Told>();
  /** Sessions that a log tells of and of which something lies there. */
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
    if (this.#there.has(id)) this.#mentioned.add(id);
    const mark = readMark(line);
    if (mark === undefined) return;
    const told = this.#told.get(mark.id) ?? new Told(place);
    told.add(place, mark, this.#findings);
    this.#told.set(mark.id, told);
  }

  /** What is told of one recording may be in several logs: nothing is judged before all of them were read. */
  async end(): Promise<RecordingTotals> {
    for (const [id, told] of this.#told) {
      const isThere = this.#there.delete(id);
      if (told.isGone) this.#countGone(id, told, isThere);
      else await this.#checkTold(id, told);
    }
    for (const id of this.#there) await this.#checkUntold(id);
    return { ...this.#totals };
  }

  #countGone(id: string, { isDiscarded }: Told, isThere: boolean): void {
    if (!isDiscarded) this.#totals.pruned += 1;
    if (!isThere) return;
    const message = `the log says that it was ${isDiscarded ? 'discarded' : 'deleted'}, and it is there: it was not looked at`;
    this.#findings.notice(this.#reader.placeOf(id), message);
  }

  async #checkTold(id: string, told: Told): Promise<void> {
    const found = await this.#reader.read(id, told.reached);
    if (found === undefined) {
      await this.#tellMissing(id, told);
      return;
    }
    const at = this.#reader.placeOf(id);
    const problem = told.compare(found);
    if (problem !== undefined) {
      this.#totals.unfinished += Number(told.end === undefined);
      this.#findings.tampered(at, `is not what the log says: ${problem}`);
    } else if (told.isOnlyRecovered) this.#checkUnbegun(id, found);
    else if (told.begun === undefined && this.#isToldWhole(found)) {
      this.#findings.tampered(at, 'began without a word of it in the log');
    } else if (told.end !== undefined) this.#totals.proven += 1;
    else {
      this.#totals.unfinished += 1;
      const message = 'has an end of which the log does not tell, and is not proven';
      if (found.hasEnd) this.#findings.notice(at, message);
    }
  }

  /** Nothing that it told of was pruned from the chain that should tell of it. */
  #isToldWhole({ auditChain }: FoundManifest): boolean {
    return auditChain !== undefined && this.#chains.get(auditChain)?.isWhole === true;
  }

  /** Than what is there of the log that would tell of it. */
  #isOlder({ auditChain, startedAt }: FoundManifest): boolean {
    const chain = auditChain === undefined ? undefined : this.#chains.get(auditChain);
    if (chain?.isWhole === true) return false;
    const since = chain?.sinceMs ?? Math.min(...[...this.#chains.values()].map(({ sinceMs }) => sinceMs));
    return Date.parse(startedAt ?? '') < since;
  }

  async #tellMissing(id: string, { place, deleted: [deleted] }: Told): Promise<void> {
    if (deleted !== undefined) {
      const message = `its recording ${id} was not what the log says when it was deleted: ${toWords(deleted)}`;
      this.#findings.tampered(place, message);
      return;
    }
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
    this.#checkUnbegun(id, found);
  }

  /** What no log saw begin. */
  #checkUnbegun(id: string, found: FoundManifest): void {
    const at = this.#reader.placeOf(id);
    if (found.auditChain !== undefined && !this.#chains.has(found.auditChain)) {
      this.#totals.foreign += 1;
      return;
    }
    // The gateway died between the beginning and its mark, before a node was dialled. A recovery may have given it an end.
    if (this.#mentioned.has(id) && found.last.segments === 0) {
      this.#totals.unfinished += 1;
      return;
    }
    if (this.#isOlder(found)) this.#findings.notice(at, 'is older than the log');
    else this.#findings.tampered(at, 'is not mentioned in the log');
  }
}

const toBeginning = (line: Buffer): Beginning => ({
  sinceMs: Date.parse(STAMP.exec(line.toString('latin1'))?.[1] ?? ''),
  isWhole: readLink(line)?.sequence === 1,
});
