// The head of an HTTP/1.1 answer (RFC 9112 §4, §5), parsed strictly: what is not exactly a head is refused, because the
// bytes after it become a body or a tunnel, and two readings of where it ends would be two of them.

import { HeaderLines } from '../core/headers.ts';
import { Fault } from '../core/fault.ts';

const MAX_HEAD_BYTES = 64 * 1024;
const MAX_LINES = 128;
/** Interim answers before the final one. */
const MAX_INTERIM = 8;

const BEGINNING = 'HTTP/1.1 ';
const STATUS_LINE = /^HTTP\/1\.1 ([1-5]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?$/;
/** One class after the colon and none beside it: two that share a character would be tried in every division. */
const FIELD_LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):([\t\x20-\x7e\x80-\xff]*)$/;

export interface AnswerHead {
  readonly code: number;
  readonly headers: HeaderLines;
}

export interface ParsedHead {
  readonly head: AnswerHead;
  /** What came after the head in the same bytes. */
  readonly rest: Buffer;
}

/**
 * The final head in `bytes`, which begin with the first byte of the answer; interim answers (RFC 9110 §15.2) are
 * skipped. Undefined when more bytes are needed. Throws BadGateway when it can be no valid head.
 */
export function parseAnswerHead(bytes: Buffer): ParsedHead | undefined {
  let from = 0;
  for (let interim = 0; interim <= MAX_INTERIM; interim++) {
    const end = bytes.indexOf('\r\n\r\n', from, 'latin1');
    if (end < 0) {
      if (!isBeginning(bytes, from)) throw invalidAnswer('it begins with another protocol');
      if (bytes.length > MAX_HEAD_BYTES) throw invalidAnswer('its head is too long');
      return undefined;
    }
    if (end > MAX_HEAD_BYTES) throw invalidAnswer('its head is too long');
    const head = parseLines(bytes.toString('latin1', from, end).split('\r\n'));
    from = end + 4;
    if (head.code >= 200 || head.code === 101) return { head, rest: bytes.subarray(from) };
  }
  throw invalidAnswer('too many interim answers');
}

/** Whether more bytes could make a status line of these. */
function isBeginning(bytes: Buffer, from: number): boolean {
  const length = Math.min(bytes.length - from, BEGINNING.length);
  return bytes.toString('latin1', from, from + length) === BEGINNING.slice(0, length);
}

function parseLines([statusLine = '', ...fields]: readonly string[]): AnswerHead {
  const code = STATUS_LINE.exec(statusLine)?.[1];
  if (code === undefined) throw invalidAnswer('bad status line');
  if (fields.length > MAX_LINES) throw invalidAnswer('too many header lines');
  const raw: string[] = [];
  for (const line of fields) {
    const [, name, value] = FIELD_LINE.exec(line) ?? [];
    if (name === undefined || value === undefined) throw invalidAnswer('bad header line');
    raw.push(name, trimWhitespace(value));
  }
  return { code: Number(code), headers: new HeaderLines(raw) };
}

/** `value` without the spaces and tabs around it (RFC 9110 §5.5). */
function trimWhitespace(value: string): string {
  let start = 0;
  let end = value.length;
  while (start < end && isWhitespace(value.charCodeAt(start))) start += 1;
  while (end > start && isWhitespace(value.charCodeAt(end - 1))) end -= 1;
  return value.slice(start, end);
}

const isWhitespace = (code: number): boolean => code === 0x20 || code === 0x09;

/** What a client is told of an answer that is not HTTP/1.1; `detail` is for the log. */
export const invalidAnswer = (detail: string): Fault =>
  new Fault('BadGateway', "the node's answer is not valid HTTP", { cause: new Error(detail) });
