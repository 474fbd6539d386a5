// Reads how an audit file begins and ends: which line the chain goes on from, what a crash left behind it, and which
// checkpoint came last. Reads a bounded part of the file.

import type { FileHandle } from 'node:fs/promises';
import { readCheckpointJws } from '../../../chain/checkpoint.ts';
import type { ChainPoint, Link } from '../../../chain/link.ts';
import { MAX_LINE_BYTES, readLink, toDigest } from '../../../chain/link.ts';

export interface LogEnd {
  /** Length of the file up to its last line end. */
  readonly wholeBytes: number;
  /** What stands behind the last line end. */
  readonly torn?: { readonly bytes: number; readonly sha256: string };
  /** The last line that belongs to a chain. */
  readonly last?: ChainPoint;
  /** Whether whole lines that belong to none stand behind it. */
  readonly hasStrangers: boolean;
  /** The last checkpoint that was found; how far the search goes is bounded. */
  readonly checkpoint?: string;
  /** Lines of the chain behind that checkpoint, or all that were looked at. */
  readonly unsigned: number;
}

const LINE_END = 0x0a;
/** Most logs have a checkpoint so near to their end; the second number is how far back is looked. */
const WINDOWS = [1 << 20, 16 << 20] as const;

export async function readLogEnd(handle: FileHandle, size: number): Promise<LogEnd> {
  for (const window of WINDOWS) {
    const start = Math.max(0, size - window);
    const end = toEnd(await readAt(handle, start, size - start), start);
    const isEnough = end.last !== undefined && end.checkpoint !== undefined;
    if (isEnough || start === 0 || window === WINDOWS.at(-1)) return end;
  }
  throw new Error('unreachable');
}

/** The link of the first line; undefined when it has none. */
export async function readFirstLink(handle: FileHandle, size: number): Promise<Link | undefined> {
  for (const window of [1 << 16, MAX_LINE_BYTES]) {
    const bytes = await readAt(handle, 0, Math.min(window, size));
    const end = bytes.indexOf(LINE_END);
    if (end >= 0) return readLink(bytes.subarray(0, end));
  }
  return undefined;
}

async function readAt(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await handle.read(buffer, done, length - done, position + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return buffer.subarray(0, done);
}

function toEnd(bytes: Buffer, start: number): LogEnd {
  const whole = bytes.lastIndexOf(LINE_END) + 1;
  const rest = bytes.subarray(whole);
  const torn = rest.length === 0 ? {} : { torn: { bytes: rest.length, sha256: toDigest(rest) } };
  let last: ChainPoint | undefined;
  let hasStrangers = false;
  let unsigned = 0;
  for (let end = whole - 1; end >= 0;) {
    const before = end === 0 ? -1 : bytes.lastIndexOf(LINE_END, end - 1);
    // The window may begin within a line.
    if (before < 0 && start > 0) break;
    const line = bytes.subarray(before + 1, end);
    const link = readLink(line);
    if (link === undefined) hasStrangers ||= last === undefined;
    else last ??= { chain: link.chain, sequence: link.sequence, hash: toDigest(line) };
    const checkpoint = link?.chain === last?.chain ? readCheckpointJws(line) : undefined;
    if (last !== undefined && checkpoint !== undefined) {
      return { wholeBytes: start + whole, ...torn, last, hasStrangers, checkpoint, unsigned };
    }
    if (link !== undefined) unsigned += 1;
    end = before;
  }
  return { wholeBytes: start + whole, ...torn, ...(last && { last }), hasStrangers, unsigned };
}
