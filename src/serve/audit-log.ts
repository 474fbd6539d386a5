// The resource audits: the lines of the audit log's files as they are at this moment, the oldest first. What is written
// while they are sent, the reading itself included, is not waited for.

import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { SessionFilter } from '../core/operation.ts';
import { Fault } from '../core/fault.ts';

/** No event is longer; what is has been damaged, and is passed on in pieces without being looked at. */
const MAX_LINE_BYTES = 8 * 1024 * 1024;

/** `files`: the paths of the log's files, the oldest first; undefined: the log is not written to a file. */
export async function* readAuditLog(
  files: (() => Promise<readonly string[]>) | undefined,
  { sinceMs, untilMs }: Pick<SessionFilter, 'sinceMs' | 'untilMs'>,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  if (files === undefined) throw new Fault('NotFound', 'the audit log is not kept in a file here');
  const isWanted = toFilter(sinceMs, untilMs);
  for (const path of await files()) {
    const bytes = await stat(path).then(
      ({ size }) => size,
      // Rotated away in this moment.
      () => 0,
    );
    if (bytes === 0) continue;
    const chunks: AsyncIterable<Buffer> = createReadStream(path, { end: bytes - 1, signal });
    yield* isWanted === undefined ? chunks : filterLines(chunks, isWanted);
  }
}

function toFilter(
  sinceMs: number | undefined,
  untilMs: number | undefined,
): ((line: Buffer) => boolean) | undefined {
  if (sinceMs === undefined && untilMs === undefined) return undefined;
  return (line) => {
    // The last one: an earlier one could be in a text that a client made up.
    const stamps = line.toString('latin1').match(/"stageTimestamp":"([^"\\]{20,40})"/g);
    const at = Date.parse(stamps?.at(-1)?.slice('"stageTimestamp":"'.length, -1) ?? '');
    // A line without a time (a checkpoint of the chain, a damaged one) is nobody's to hide.
    if (Number.isNaN(at)) return true;
    return (sinceMs === undefined || at >= sinceMs) && (untilMs === undefined || at < untilMs);
  };
}

async function* filterLines(
  chunks: AsyncIterable<Buffer>,
  isWanted: (line: Buffer) => boolean,
): AsyncGenerator<Buffer> {
  let rest: Buffer[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    let from = 0;
    const wanted: Buffer[] = [];
    for (let at = chunk.indexOf(0x0a); at >= 0; at = chunk.indexOf(0x0a, from)) {
      const line = Buffer.concat([...rest, chunk.subarray(from, at + 1)]);
      rest = [];
      length = 0;
      from = at + 1;
      if (isWanted(line)) wanted.push(line);
    }
    if (from < chunk.length) rest.push(chunk.subarray(from));
    length += chunk.length - from;
    if (length > MAX_LINE_BYTES) {
      wanted.push(...rest);
      rest = [];
      length = 0;
    }
    if (wanted.length > 0) yield Buffer.concat(wanted);
  }
  if (length > 0) yield Buffer.concat(rest);
}
