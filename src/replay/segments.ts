// The segments of a recording as plain bytes: decrypted where the reader has an identity, and compared with the manifest's
// digests on the way. What is wrong is told and not thrown: the rest can still be looked at.

import { createHash } from 'node:crypto';
import type { Decrypt } from '../age/age.ts';

/** A segment as it is stored. */
export interface StoredSegment {
  readonly name: string;
  readonly bytes: AsyncIterable<Uint8Array>;
  /** SHA-256 that the manifest names; undefined: it names none, the segment is the unproven tail. */
  readonly sha256: string | undefined;
  /** It was open when the gateway died, and was named afterwards: its end may be missing. */
  readonly isCut?: boolean;
  /** What is known to be wrong with it before it is read, as the end of a sentence about it. */
  readonly problem?: string | undefined;
  /** There is nothing to be read. */
  readonly isMissing?: boolean;
}

export interface PlainOptions {
  /** Absent: an encrypted segment is an error. */
  readonly decrypt?: Decrypt | undefined;
  readonly onProblem: (problem: string) => void;
}

/** Longer lines are no recording's. */
const MAX_LINE_BYTES = 32 * 2 ** 20;

/** The whole lines of all segments, without line ends. Throws where a segment is encrypted and cannot be decrypted. */
export async function* readLines(
  segments: AsyncIterable<StoredSegment>,
  { decrypt, onProblem }: PlainOptions,
): AsyncGenerator<Buffer> {
  for await (const segment of segments) {
    if (segment.problem !== undefined) onProblem(`${segment.name} ${segment.problem}`);
    if (segment.isMissing === true) continue;
    const checked = check(segment, onProblem);
    if (!segment.name.endsWith('.age')) {
      yield* toLines(checked, segment, onProblem);
      continue;
    }
    if (decrypt === undefined) throw new Error('the recording is encrypted, and --identity is missing');
    let plain: ReadableStream<Uint8Array>;
    try {
      plain = await decrypt(ReadableStream.from(checked));
    } catch (error) {
      // The open segment of a gateway that died is the beginning of an age file, or nothing; so is one that was cut since.
      if (isWhole(segment)) throw error;
      onProblem(`${segment.name} ${toCutWords(segment)} cannot be decrypted`);
      continue;
    }
    yield* toLines(untilCut(plain, segment, onProblem), segment, onProblem);
  }
}

/** As it was when it was closed, as far as its size tells. */
const isWhole = ({ sha256, isCut = false, problem }: StoredSegment): boolean =>
  sha256 !== undefined && !isCut && problem === undefined;

const toCutWords = ({ problem }: StoredSegment): string =>
  problem === undefined ? 'was not finished, and' : 'was changed, and';

async function* check(
  { bytes, sha256, name, problem }: StoredSegment,
  onProblem: (problem: string) => void,
): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  for await (const chunk of bytes) {
    hash.update(chunk);
    yield chunk;
  }
  if (sha256 === undefined) onProblem(`${name} is not named in the manifest: what is in it is not proven`);
  else if (problem === undefined && hash.digest('hex') !== sha256)
    onProblem(`${name} is not what the manifest says: it was changed`);
}

/** What can be decrypted of a file that was cut, where that is to be expected. */
async function* untilCut(
  plain: ReadableStream<Uint8Array>,
  segment: StoredSegment,
  onProblem: (problem: string) => void,
): AsyncGenerator<Uint8Array> {
  const { name } = segment;
  try {
    yield* plain;
  } catch (error) {
    if (isWhole(segment)) throw new Error(`${name} cannot be decrypted: it was changed`, { cause: error });
    onProblem(`${name} ${toCutWords(segment)} its end cannot be decrypted`);
  }
}

async function* toLines(
  chunks: AsyncIterable<Uint8Array>,
  { name }: StoredSegment,
  onProblem: (problem: string) => void,
): AsyncGenerator<Buffer> {
  let parts: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let from = 0;
    for (let at = bytes.indexOf(0x0a); at >= 0; at = bytes.indexOf(0x0a, from)) {
      yield Buffer.concat([...parts, bytes.subarray(from, at)]);
      parts = [];
      length = 0;
      from = at + 1;
    }
    if (from === bytes.length) continue;
    parts.push(Buffer.from(bytes.subarray(from)));
    length += bytes.length - from;
    if (length > MAX_LINE_BYTES) throw new Error(`${name} has a line that is too long`);
  }
  // Lines are never divided between segments: this one was being written when the gateway died.
  if (length > 0) onProblem(`${name} ends in the middle of a line, which is left out`);
}
