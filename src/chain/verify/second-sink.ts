// Compares checkpoints that were kept apart (a second sink, or a signer's journal) with the log, in step: both go in the
// order of the chain, and neither is held in memory. Finds a log that was set back, cut, or made anew.

import type { Checkpoint } from '../checkpoint.ts';
import { isJws } from '../checkpoint.ts';
import type { CheckpointVerifier } from '../jws.ts';
import type { ChainPoint } from '../link.ts';
import { NO_PREVIOUS, toDigest } from '../link.ts';
import { readLines } from '../read-lines.ts';
import type { Findings, Place } from './findings.ts';
import type { LogFile } from './log-files.ts';

interface Entry {
  readonly checkpoint: Checkpoint;
  readonly line: number;
}

/** What a gateway writes to standard output instead of a bare JWS; other JSON there is its log. */
const FROM_STDOUT = /^\{"kind":"AuditCheckpoint","jws":"([\w.-]+)"\}$/;

export class SecondSink {
  readonly #path: string;
  readonly #verify: CheckpointVerifier;
  readonly #findings: Findings;
  readonly #entries: AsyncIterator<Entry, undefined>;
  #next: Entry | undefined;
  #hasBegun = false;
  /** A chain of the log was found here. */
  #hasMet = false;
  /** Chains that files of the log begin with, and that have not begun yet. */
  readonly #toCome: Set<string>;

  constructor(path: string, verify: CheckpointVerifier, findings: Findings, files: readonly LogFile[]) {
    this.#path = path;
    this.#verify = verify;
    this.#findings = findings;
    this.#toCome = new Set(files.flatMap(({ chain }) => (chain === undefined ? [] : [chain])));
    this.#entries = this.#read();
  }

  /** A chain begins in the log, at this number: what is before was pruned, or is missing, which is told elsewhere. */
  async begin(chain: string, first: number): Promise<void> {
    if (!this.#hasBegun) await this.#advance();
    this.#hasBegun = true;
    this.#toCome.delete(chain);
    const lost = await this.#passOver((next) => next.chain !== chain && !this.#toCome.has(next.chain));
    // It is not known here, and what is here is about a chain that comes after it.
    const isFirst = !this.#hasMet;
    this.#hasMet ||= this.#next?.checkpoint.chain === chain;
    for (const entry of lost) {
      // Older chains may have been pruned as a whole, as long as the log goes on with one that is known here.
      if (isFirst && this.#next !== undefined) {
        this.#findings.notice(
          this.#placeOf(entry),
          `chain ${entry.checkpoint.chain} is not in the log any more`,
        );
      } else this.#lose(entry);
    }
    while (this.#next?.checkpoint.chain === chain && this.#next.checkpoint.sequence < first)
      await this.#advance();
  }

  /** A line of the log. Resolves to the checkpoint that vouches for it, if there is one. */
  async take(point: ChainPoint): Promise<Checkpoint | undefined> {
    let vouches: Checkpoint | undefined;
    for (;;) {
      const next = this.#next;
      if (next === undefined || next.checkpoint.chain !== point.chain) return vouches;
      const { sequence, hash } = next.checkpoint;
      if (sequence > point.sequence) return vouches;
      await this.#advance();
      if (sequence < point.sequence) {
        this.#tampered(next, `the log has no line ${sequence} in its place`);
      } else if (hash === point.hash) {
        // Not the last one yet: who was killed between a checkpoint and its event signs the same line again.
        vouches = next.checkpoint;
      } else {
        this.#tampered(next, `the log has another line ${sequence} than the one that was signed`);
      }
    }
  }

  /** The log ends: whatever is left here was signed and is not there. */
  async end(): Promise<void> {
    if (!this.#hasBegun) await this.#advance();
    for (const entry of await this.#passOver(() => true)) this.#lose(entry);
  }

  /** The last entry of each chain that was passed over. */
  async #passOver(isPassed: (checkpoint: Checkpoint) => boolean): Promise<readonly Entry[]> {
    const passed = new Map<string, Entry>();
    while (this.#next !== undefined && isPassed(this.#next.checkpoint)) {
      passed.set(this.#next.checkpoint.chain, this.#next);
      await this.#advance();
    }
    return [...passed.values()];
  }

  async #advance(): Promise<void> {
    const { value } = await this.#entries.next();
    this.#next = value;
  }

  #lose(entry: Entry): void {
    const { chain, sequence, time } = entry.checkpoint;
    this.#tampered(
      entry,
      `lines up to ${sequence} of chain ${chain} were signed by ${time}, and the log ends before`,
    );
  }

  #placeOf = ({ line, checkpoint }: Entry): Place => ({
    file: this.#path,
    line,
    sequence: checkpoint.sequence,
  });

  #tampered(entry: Entry, message: string): void {
    this.#findings.tampered(this.#placeOf(entry), message);
  }

  async *#read(): AsyncGenerator<Entry, undefined, undefined> {
    let before: { readonly checkpoint: Checkpoint; readonly digest: string } | undefined;
    for await (const { bytes, number: line, isWhole } of readLines(this.#path)) {
      if (!isWhole) break;
      const text = bytes.toString('utf8');
      const jws = FROM_STDOUT.exec(text)?.[1] ?? text;
      if (jws === text && text.startsWith('{')) continue;
      const checkpoint = await this.#check(jws, line);
      if (checkpoint === undefined) continue;
      const place = { file: this.#path, line, sequence: checkpoint.sequence };
      if (before?.checkpoint.chain === checkpoint.chain) {
        if (checkpoint.sequence < before.checkpoint.sequence) {
          this.#findings.tampered(
            place,
            'checkpoints are out of their order, or the log was set back and went on',
          );
          continue;
        }
        if (checkpoint.previous !== before.digest && checkpoint.previous !== NO_PREVIOUS) {
          this.#findings.notice(place, 'checkpoints before it are missing here');
        }
      }
      before = { checkpoint, digest: toDigest(jws) };
      yield { checkpoint, line };
    }
    return undefined;
  }

  async #check(jws: string, line: number): Promise<Checkpoint | undefined> {
    try {
      if (!isJws(jws)) throw new Error('is no checkpoint');
      return await this.#verify(jws);
    } catch (error) {
      const message = error instanceof Error ? error.message : 'cannot be read';
      this.#findings.tampered({ file: this.#path, line }, `the checkpoint ${message}`);
      return undefined;
    }
  }
}
