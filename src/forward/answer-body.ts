// The length of an answer's body (RFC 9112 §6.3) and its chunked coding (§7.1), for the short error texts with which a
// node refuses an upgrade.

import type { AnswerHead } from '../wire/answer-head.ts';

/**
 * The body in `bytes`, which begin after the head, and whether it is whole. A body without a declared length is whole
 * only when the connection ends; so is one whose declaration is contradictory.
 */
export function parseAnswerBody(
  { code, headers }: AnswerHead,
  bytes: Buffer,
): { body: Buffer; whole: boolean } {
  if (code === 204 || code === 304) return { body: bytes.subarray(0, 0), whole: true };
  const codings = headers.all('transfer-encoding');
  const lengths = headers.all('content-length');
  if (codings.length === 1 && lengths.length === 0 && codings[0]?.toLowerCase() === 'chunked') {
    return parseChunks(bytes);
  }
  const [length] = lengths;
  if (codings.length === 0 && lengths.length === 1 && length !== undefined && /^\d{1,15}$/.test(length)) {
    const size = Number(length);
    return { body: bytes.subarray(0, size), whole: bytes.length >= size };
  }
  return { body: bytes, whole: false };
}

/** Reads as many chunks as there are; a malformed one ends the body, as the end of the connection would. */
function parseChunks(bytes: Buffer): { body: Buffer; whole: boolean } {
  const chunks: Buffer[] = [];
  let from = 0;
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', from, 'latin1');
    const line = lineEnd < 0 ? '' : bytes.toString('latin1', from, lineEnd);
    const digits = /^([0-9a-fA-F]{1,6})(?:[ \t]*;.*)?$/.exec(line)?.[1];
    if (digits === undefined) return { body: Buffer.concat(chunks), whole: lineEnd >= 0 };
    const size = Number.parseInt(digits, 16);
    if (size === 0) return { body: Buffer.concat(chunks), whole: true };
    const start = lineEnd + 2;
    chunks.push(bytes.subarray(start, start + size));
    from = start + size + 2;
    if (from > bytes.length) return { body: Buffer.concat(chunks), whole: false };
  }
}
