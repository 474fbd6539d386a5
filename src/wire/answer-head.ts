// The head of an HTTP/1.1 answer (RFC 9112 §4, §5), parsed strictly: what is not exactly a head is refused, because the
// bytes after it become a body or a tunnel, and two readings of where it ends would be two of them.

import { HeaderLines } from '../core/headers.ts';
import { Fault } from '../core/fault.ts';
import { valueEnd, valueStart } from './field-value.ts';

const MAX_HEAD_BYTES = 64 * 1024;
const MAX_LINES = 128;
/** Interim answers before the final one. */
const MAX_INTERIM = 8;

const BEGINNING = 'HTTP/1.1 ';
const END = '\r\n\r\n';
const NOTHING: Buffer = Buffer.alloc(0);
/**
 * All lines of a head, without the last line end. Tried in one way only: no two parts that follow each other share a
 * character.
 */
const HEAD =
  /^HTTP\/1\.1 [1-5]\d\d(?: [\t\x20-\x7e\x80-\xff]*)?(?:\r\n[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*)*$/;
const STATUS_LINE = /^HTTP\/1\.1 [1-5]\d\d(?: |\r|$)/;
const LINE_END = '\r\n';

export interface AnswerHead {
  readonly code: number;
  readonly headers: HeaderLines;
}

export interface ParsedHead {
  readonly head: AnswerHead;
  /** What came after the head in the same bytes. */
  readonly rest: Buffer;
}

/** Finds the final head in bytes that come in pieces; each byte is looked at once, however small the pieces are. */
export class AnswerHeadReader {
  /** The beginning of a head; as much of it as `#length` says. */
  #held: Buffer = NOTHING;
  #length = 0;
  #interim = 0;

  /**
   * The final head, once it is whole; interim answers (RFC 9110 §15.2) are dropped. Undefined when more bytes are needed.
   * Throws BadGateway when it can be no valid head.
   */
  push(bytes: Buffer): ParsedHead | undefined {
    let rest = bytes;
    while (rest.length > 0) {
      const before = this.#length;
      const end = before === 0 ? rest.indexOf(END, 0, 'latin1') : this.#hold(rest);
      if (end < 0) {
        if (before === 0) this.#hold(rest);
        this.#checkBeginning();
        return undefined;
      }
      if (end > MAX_HEAD_BYTES) throw invalidAnswer('its head is too long');
      const head = parseHead((before === 0 ? rest : this.#held).toString('latin1', 0, end));
      rest = rest.subarray(end + END.length - before);
      this.#length = 0;
      if (head.code >= 200 || head.code === 101) {
        this.#held = NOTHING;
        this.#interim = 0;
        return { head, rest };
      }
      this.#interim += 1;
      if (this.#interim > MAX_INTERIM) throw invalidAnswer('too many interim answers');
    }
    return undefined;
  }

  /** Adds to what is held; returns where the head in it ends, or -1. */
  #hold(bytes: Buffer): number {
    const before = this.#length;
    const length = before + bytes.length;
    if (length > this.#held.length) {
      const grown = Buffer.allocUnsafe(Math.max(length, 2 * this.#held.length));
      this.#held.copy(grown, 0, 0, before);
      this.#held = grown;
    }
    bytes.copy(this.#held, before);
    this.#length = length;
    return this.#held.subarray(0, length).indexOf(END, Math.max(0, before - END.length + 1), 'latin1');
  }

  #checkBeginning(): void {
    const length = Math.min(this.#length, BEGINNING.length);
    if (this.#held.toString('latin1', 0, length) !== BEGINNING.slice(0, length)) {
      throw invalidAnswer('it begins with another protocol');
    }
    if (this.#length > MAX_HEAD_BYTES) throw invalidAnswer('its head is too long');
  }
}

function parseHead(text: string): AnswerHead {
  if (!HEAD.test(text)) throw invalidAnswer(STATUS_LINE.test(text) ? 'bad header line' : 'bad status line');
  const raw: string[] = [];
  for (let end = text.indexOf(LINE_END); end >= 0;) {
    const start = end + LINE_END.length;
    end = text.indexOf(LINE_END, start);
    const colon = text.indexOf(':', start);
    const lineEnd = end < 0 ? text.length : end;
    const valueAt = valueStart(text, colon + 1, lineEnd);
    raw.push(text.slice(start, colon), text.slice(valueAt, valueEnd(text, valueAt, lineEnd)));
  }
  if (raw.length > 2 * MAX_LINES) throw invalidAnswer('too many header lines');
  return { code: Number(text.slice(BEGINNING.length, BEGINNING.length + 3)), headers: new HeaderLines(raw) };
}

/** What a client is told of an answer that is not HTTP/1.1; `detail` is for the log. */
export const invalidAnswer = (detail: string): Fault =>
  new Fault('BadGateway', "the node's answer is not valid HTTP", { cause: new Error(detail) });
