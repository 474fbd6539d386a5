// Lines of an asciicast v3 (docs.asciinema.org/manual/asciicast/v3) that hold the bytes of a stream: as text where they
// are text, as base64 where they are not, and never so that a byte could not be got back.

import { isUtf8 } from 'node:buffer';
import { MAX_TEXT_BYTES } from './json-text.ts';
import type { WriteJsonText } from './json-text.ts';
import type { WriteLines } from './transcript.ts';

/** `code` with text: `o` or `i`. The same in capitals: base64. */
export type ByteCode = 'o' | 'i';

/** A line of control characters is six times as long as they are: what grows so much is no text to anybody. */
const MAX_GROWTH = 3;
/** Up to this length it may, so that every key that is typed is shown as itself. */
const ALWAYS_TEXT_BYTES = 1024;
/** What is not text is looked at in blocks of this size. */
const BLOCK_BYTES = 4096;
/** With more than this share of blocks that are no text, and more than one, there is nothing to read in it: an archive. */
const MAX_ODD_SHARE = 1 / 4;

export const MAX_BYTES = MAX_TEXT_BYTES;
/** Of what stands around the data of a line, and before it. */
const MAX_PREFIX_BYTES = 128;

export interface ByteLines {
  readonly code: ByteCode;
  /** Standard error: an `e` line goes before each line. */
  readonly isError: boolean;
  /** Seconds since the line before, as text. Zero for all lines but the first. */
  readonly elapsed: string;
  /** At most MAX_BYTES, and no character is cut at the end. */
  readonly bytes: Buffer;
}

export function createByteLines(writeText: WriteJsonText): (lines: ByteLines, write: WriteLines) => void {
  const encoded = Buffer.allocUnsafeSlow(MAX_PREFIX_BYTES + Math.ceil(MAX_BYTES / 3) * 4);
  const toPrefix = (elapsed: string, code: string, isError: boolean): string =>
    isError ? `[${elapsed},"e",""]\n[0,"${code}","` : `[${elapsed},"${code}","`;
  return ({ code, isError, elapsed, bytes }, write) => {
    let next = elapsed;
    const prefix = (of: string): string => {
      const text = toPrefix(next, of, isError);
      next = '0';
      return text;
    };
    const writeEncoded = (all: Buffer): void => {
      // As Latin-1: all of it is ASCII, and its length is known without a look.
      let end = encoded.write(prefix(code.toUpperCase()), 0, 'latin1');
      end += encoded.write(all.toString('base64'), end, 'latin1');
      end += encoded.write('"]\n', end, 'latin1');
      write(encoded.subarray(0, end));
    };
    const writeValid = (valid: Buffer): void => {
      const before = next;
      const line = writeText(prefix(code), valid, '"]\n');
      if (valid.length <= ALWAYS_TEXT_BYTES || line.length <= valid.length * MAX_GROWTH) {
        write(line);
        return;
      }
      next = before;
      writeEncoded(valid);
    };
    const runs = toRuns(bytes);
    if (runs === undefined) {
      writeEncoded(bytes);
      return;
    }
    for (const { isText, run } of runs) {
      if (isText) {
        writeValid(run);
        continue;
      }
      // The text beside them is for the eye: U+FFFD stands where no character is.
      const shown = Buffer.from(run.toString('utf8'));
      write(`[${next},"b","${run.toString('base64')}"]\n`);
      next = '0';
      write(writeText(prefix(code), shown, '"]\n'));
    }
  };
}

interface Run {
  readonly isText: boolean;
  readonly run: Buffer;
}

/** Blocks of text joined to runs, and those between them; undefined when there is too little text in it. */
function toRuns(bytes: Buffer): readonly Run[] | undefined {
  if (isUtf8(bytes)) return [{ isText: true, run: bytes }];
  const runs: Run[] = [];
  const maxOdd = Math.max(1, Math.ceil(bytes.length / BLOCK_BYTES) * MAX_ODD_SHARE);
  let odd = 0;
  let textAt = 0;
  for (let at = 0; at < bytes.length;) {
    const end = toCut(bytes, at + BLOCK_BYTES);
    if (!isUtf8(bytes.subarray(at, end))) {
      odd += 1;
      if (odd > maxOdd) return undefined;
      if (at > textAt) runs.push({ isText: true, run: bytes.subarray(textAt, at) });
      runs.push({ isText: false, run: bytes.subarray(at, end) });
      textAt = end;
    }
    at = end;
  }
  if (bytes.length > textAt) runs.push({ isText: true, run: bytes.subarray(textAt) });
  return runs;
}

/** The place at or before `at` where no character is cut. */
function toCut(bytes: Buffer, at: number): number {
  if (at >= bytes.length) return bytes.length;
  for (let cut = at; cut > at - 4; cut--) if (((bytes[cut] ?? 0) & 0xc0) !== 0x80) return cut;
  return at;
}
