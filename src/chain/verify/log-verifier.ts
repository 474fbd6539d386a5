// Follows the chain of an audit log line by line, in constant memory: numbers without a gap, each line naming the digest
// of the one before, and checkpoints that vouch for what is there. Says of everything else what it is and where.

import type { Checkpoint } from '../checkpoint.ts';
import {
  MAX_CHECKPOINT_DISTANCE,
  isCheckpointLine,
  looksLikeCheckpoint,
  readCheckpointJws,
} from '../checkpoint.ts';
import { readUnverified } from '../jws.ts';
import type { CheckpointVerifier } from '../jws.ts';
import type { ChainPoint, Link } from '../link.ts';
import { NO_PREVIOUS, readLink, toDigest } from '../link.ts';
import type { FileLine } from '../read-lines.ts';
import type { Findings, Place } from './findings.ts';
import type { LogFile } from './log-files.ts';
import type { SecondSink } from './second-sink.ts';

/** One chain of the log, as far as it was read. */
interface Chain {
  readonly id: string;
  /** The file that it begins in. */
  readonly file: string;
  /** The number of the first line that is there. */
  readonly first: number;
  last: ChainPoint;
  /** Digests of the last lines, by number. */
  readonly recent: Map<number, string>;
  /** A checkpoint vouches for what is up to here. */
  proven: Checkpoint | undefined;
  /** Numbers of the lines behind that which are events of verified checkpoints: their signatures speak for them. */
  signed: number[];
  /** A checkpoint names the first line as the beginning of a file. */
  isBeginningNamed: boolean;
}

export interface LogTotals {
  readonly chains: number;
  readonly lines: number;
  readonly unchained: number;
  readonly checkpoints: number;
  /** Chains that a signature is about. */
  readonly signedChains: number;
  /** Lines of the chains before the last that no signature is about: none will come for them any more. */
  readonly unsignedLines: number;
  /** Of the last chain. */
  readonly proven?: Checkpoint;
  readonly tailLines: number;
  /** Of the last line. */
  readonly lastStamp?: string;
}

export class LogVerifier {
  readonly #findings: Findings;
  readonly #verify: CheckpointVerifier | undefined;
  readonly #second: SecondSink | undefined;
  #chain: Chain | undefined;
  #chains = 0;
  #lines = 0;
  #unchained = 0;
  #checkpoints = 0;
  #signedChains = 0;
  #unsignedLines = 0;
  /** Chains that no signature is about. There are no more of them than files. */
  readonly #unsigned: Chain[] = [];
  #lastLine: Buffer | undefined;

  constructor(findings: Findings, verify: CheckpointVerifier | undefined, second: SecondSink | undefined) {
    this.#findings = findings;
    this.#verify = verify;
    this.#second = second;
  }

  /**
   * A line of a file; files and lines in their order. Resolves to its chain, empty before there is one; undefined: it is
   * not a line of the log.
   */
  async take(file: LogFile, { bytes, number, isWhole }: FileLine): Promise<string | undefined> {
    const place = { file: file.path, line: number };
    if (!isWhole) {
      this.#endWithin(file, place, bytes.length);
      return undefined;
    }
    this.#lines += 1;
    const link = readLink(bytes);
    if (link === undefined) return this.#stranger(place);
    this.#lastLine = bytes;
    const at = { ...place, sequence: link.sequence };
    const chain = await this.#follow(at, link, toDigest(bytes));
    if (chain === undefined) return undefined;
    const seen = await this.#second?.take(chain.last);
    if (seen !== undefined) this.#prove(chain, seen);
    await this.#checkpoint(chain, at, bytes, link);
    return chain.id;
  }

  async end(): Promise<LogTotals> {
    this.#endChain();
    await this.#second?.end();
    if (this.#signedChains > 0) this.#unsigned.forEach((each) => this.#tellUnsigned(each));
    const chain = this.#chain;
    const stamp = /"stageTimestamp":"([^"]{20,40})"/.exec(this.#lastLine?.toString('latin1') ?? '')?.[1];
    return {
      chains: this.#chains,
      lines: this.#lines,
      unchained: this.#unchained,
      checkpoints: this.#checkpoints,
      signedChains: this.#signedChains,
      unsignedLines: this.#unsignedLines,
      ...(chain?.proven && { proven: chain.proven }),
      tailLines: chain === undefined ? 0 : toTail(chain),
      ...(stamp === undefined ? {} : { lastStamp: stamp }),
    };
  }

  #endWithin(file: LogFile, place: Place, bytes: number): void {
    const message = `ends within a line, of which ${bytes} bytes are there`;
    if (this.#chain === undefined) this.#findings.notice(place, message);
    else if (file.isCurrent) this.#findings.notice(place, `${message}: a crash, or a write that goes on`);
    else this.#findings.tampered(place, message);
  }

  #stranger(place: Place): '' | undefined {
    if (this.#chain !== undefined) {
      this.#findings.tampered(place, 'is not of the chain: it was put in, or its end was changed');
      return undefined;
    }
    this.#unchained += 1;
    return '';
  }

  /** Undefined: the line is not a part of the chain that goes on. */
  async #follow(place: Place, link: Link, hash: string): Promise<Chain | undefined> {
    const chain = this.#chain;
    if (chain?.id !== link.chain) return this.#begin(place, link, hash);
    const expected = chain.last.sequence + 1;
    let { sequence } = link;
    if (sequence < expected) {
      this.#findings.tampered(
        place,
        `stands after line ${chain.last.sequence}: it was moved, repeated or put in`,
      );
      return undefined;
    }
    const isLinked = link.previous === chain.last.hash;
    if (sequence > expected && isLinked) {
      this.#findings.tampered(place, `has another number than ${expected}: it was changed`);
      sequence = expected;
    } else if (sequence > expected) {
      const lost =
        sequence - 1 === expected ? `line ${expected} is` : `lines ${expected} to ${sequence - 1} are`;
      this.#findings.tampered(place, `${lost} missing before it`);
    } else if (!isLinked) {
      this.#findings.tampered(
        place,
        'does not follow from the line before, of which one was changed or put in',
      );
    }
    chain.last = { chain: chain.id, sequence, hash };
    remember(chain, sequence, hash);
    return chain;
  }

  async #begin(
    place: Place,
    { chain: id, sequence, previous }: Link,
    hash: string,
  ): Promise<Chain | undefined> {
    const isStart = sequence === 1 && previous === NO_PREVIOUS;
    if (this.#chain !== undefined) {
      if (!isStart || place.line !== 1) {
        this.#findings.tampered(place, `is of another chain (${id})`);
        return undefined;
      }
      this.#endChain();
      const lines = toTail(this.#chain);
      this.#unsignedLines += lines;
      const tail = lines === 0 ? '' : `; ${lines} lines at the end of the one before are not proven`;
      this.#findings.notice(place, `a new chain begins (${id})${tail}`);
    } else if (sequence === 1 && !isStart) {
      this.#findings.tampered(place, 'is the first line and names one before it');
    }
    const last = { chain: id, sequence, hash };
    const chain: Chain = {
      id,
      file: place.file,
      first: sequence,
      last,
      // The digest of the line before is in this one: a checkpoint may be about it.
      recent: new Map([[sequence - 1, previous]]),
      proven: undefined,
      signed: [],
      isBeginningNamed: sequence === 1,
    };
    remember(chain, sequence, hash);
    this.#chain = chain;
    this.#chains += 1;
    await this.#second?.begin(id, sequence);
    return chain;
  }

  async #checkpoint(chain: Chain, place: Place, line: Buffer, link: Link): Promise<void> {
    if (!looksLikeCheckpoint(line)) return;
    try {
      const jws = readCheckpointJws(line);
      if (jws === undefined) throw new Error('cannot be read');
      const checkpoint = this.#verify === undefined ? readUnverified(jws) : await this.#verify(jws);
      if (!isCheckpointLine(line, checkpoint, jws))
        throw new Error('is not the whole of its event, which was changed');
      checkPlace(chain, checkpoint, link);
      this.#checkpoints += 1;
      if (this.#verify === undefined) return;
      chain.signed.push(link.sequence);
      this.#prove(chain, checkpoint);
    } catch (error) {
      const message = error instanceof Error ? error.message : 'cannot be read';
      this.#findings.tampered(place, `the checkpoint in it ${message}`);
    }
  }

  #prove(chain: Chain, checkpoint: Checkpoint): void {
    const { sequence, begins } = checkpoint;
    if (sequence >= chain.first) {
      if (begins === chain.first) chain.isBeginningNamed = true;
      if (begins < chain.first && !chain.isBeginningNamed) {
        chain.isBeginningNamed = true;
        const message = `the file that held it began at line ${begins}; lines up to ${chain.first - 1} were cut off`;
        this.#findings.tampered({ file: checkpoint.file, sequence }, message);
      }
    }
    if (sequence <= (chain.proven?.sequence ?? 0)) return;
    chain.proven = checkpoint;
    chain.signed = chain.signed.filter((line) => line > sequence);
  }

  /** A gateway without a key, or one that ended before its first checkpoint, leaves the like; so does whoever puts a file there. */
  #tellUnsigned({ id, file, first, last }: Chain): void {
    const lines = last.sequence - first + 1;
    const message = `no checkpoint that verifies is about chain ${id}: anybody may have written its ${lines} lines`;
    this.#findings.notice({ file, sequence: first }, message);
  }

  #endChain(): void {
    const chain = this.#chain;
    if (chain === undefined) return;
    if (chain.proven === undefined) this.#unsigned.push(chain);
    else this.#signedChains += 1;
    if (chain.isBeginningNamed) return;
    const place = { file: '(the first file)', sequence: chain.first };
    const message = `what was before line ${chain.first} is missing`;
    if (chain.proven === undefined) this.#findings.notice(place, message);
    else this.#findings.tampered(place, `${message}, and no checkpoint names it as the beginning of a file`);
  }
}

/** How many lines no signature is about. */
const toTail = ({ first, last, proven, signed }: Chain): number =>
  last.sequence - Math.max(first - 1, proven?.sequence ?? 0) - signed.length;

function checkPlace(chain: Chain, { chain: id, sequence, hash }: Checkpoint, link: Link): void {
  if (id !== link.chain) throw new Error(`is of another chain (${id})`);
  if (sequence >= link.sequence) throw new Error(`is about line ${sequence}, which comes after it`);
  const found = chain.recent.get(sequence);
  // What was pruned cannot be compared.
  if (found === undefined && sequence < chain.first) return;
  if (found === undefined) throw new Error(`is about line ${sequence}, which is too far away or missing`);
  if (found !== hash) throw new Error(`is about another line ${sequence} than the one that is there`);
}

function remember(chain: Chain, sequence: number, hash: string): void {
  chain.recent.set(sequence, hash);
  chain.recent.delete(sequence - MAX_CHECKPOINT_DISTANCE);
}
