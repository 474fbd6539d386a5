// Cuts the bytes of one kept-alive connection into answers (RFC 9112 §6, §7). A pure state machine: it holds no more than
// an unfinished head or line, and throws BadGateway at the first byte that two readers could understand differently (two
// lengths, a length and a coding, another coding than `chunked`, a bare line feed).

import type { AnswerHead } from './answer-head.ts';
import { AnswerHeadReader, invalidAnswer } from './answer-head.ts';

/** Who is told of an answer's parts. Nothing follows `onEnd` until the next answer is begun. */
export interface AnswerHandler {
  /** The final head. Interim answers are dropped. */
  onHead(head: AnswerHead): void;
  /** A part of the body, in the memory that was pushed: one for each push, however many chunks came in it. */
  onData(chunk: Buffer): void;
  /** The answer is whole. Trailers are dropped. */
  onEnd(): void;
}

/** What comes next. */
type State = 'head' | 'body' | 'chunkSize' | 'chunk' | 'chunkEnd' | 'trailer' | 'untilClose' | 'whole';

/** A chunk's size with its extensions, or a line of trailers. */
const MAX_LINE_BYTES = 1024;
const MAX_TRAILERS = 64;
/** A length, and what a chunk's size may be at most: 2^52. */
const LENGTH = /^\d{1,15}$/;
const CHUNK_SIZE = /^([0-9a-fA-F]{1,13})(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?$/;
const TRAILER = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*$/;

const NOTHING: Buffer = Buffer.alloc(0);
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

export class AnswerDecoder {
  readonly #handler: AnswerHandler;
  #state: State = 'whole';
  readonly #head = new AnswerHeadReader();
  /** The beginning of a line. */
  #held = NOTHING;
  #pushed = NOTHING;
  /** Where in it the part of the body is that has not been handed on. */
  #from = 0;
  #to = 0;
  /** Bytes of the body, or of the chunk, that are still to come. */
  #left = 0;
  #trailers = 0;
  #persists = false;

  constructor(handler: AnswerHandler) {
    this.#handler = handler;
  }

  /** No answer has begun, or the last one is whole. */
  get isWhole(): boolean {
    return this.#state === 'whole';
  }

  /** The connection can carry another answer after this one (RFC 9112 §9.3). */
  get persists(): boolean {
    return this.#persists && this.#state === 'whole';
  }

  /** What is pushed from here on is the answer to another request; its body, where the head has been read elsewhere. */
  begin(head?: AnswerHead): void {
    this.#state = 'head';
    this.#held = NOTHING;
    this.#persists = true;
    if (head === undefined) return;
    this.#frame(head);
    this.#endIfEmpty();
  }

  /**
   * Throws BadGateway when `bytes` do not go on as an answer can, and when they go on after its end.
   * @param bytes nobody else's: chunks are moved together in them. Thousands of a byte are one part of the body.
   */
  push(bytes: Buffer): void {
    this.#pushed = bytes;
    this.#from = this.#to = 0;
    let rest = bytes;
    try {
      while (rest.length > 0) rest = this.#take(rest);
    } finally {
      // What came before the byte that is wrong was the body.
      this.#handOn();
      this.#pushed = NOTHING;
    }
  }

  /** The connection has ended. True: and with it the answer, as it should. */
  close(): boolean {
    this.#persists = false;
    if (this.#state !== 'untilClose') return this.#state === 'whole';
    this.#end();
    return true;
  }

  /** Takes as much as is of one kind; returns what is left. */
  #take(bytes: Buffer): Buffer {
    switch (this.#state) {
      case 'head':
        return this.#takeHead(bytes);
      case 'body':
      case 'chunk':
      case 'untilClose':
        return this.#takeBody(bytes);
      case 'chunkSize':
      case 'chunkEnd':
      case 'trailer':
        return this.#takeLine(bytes);
      case 'whole':
        this.#persists = false;
        throw invalidAnswer('bytes after the end of the answer');
    }
  }

  #takeHead(bytes: Buffer): Buffer {
    const parsed = this.#head.push(bytes);
    if (parsed === undefined) return NOTHING;
    this.#frame(parsed.head);
    this.#handler.onHead(parsed.head);
    this.#endIfEmpty();
    return parsed.rest;
  }

  /** How the body ends (RFC 9112 §6.3). */
  #frame({ code, headers }: AnswerHead): void {
    if (code === 101) throw invalidAnswer('it switches protocols unasked');
    const codings = headers.all('transfer-encoding');
    const lengths = headers.all('content-length');
    this.#persists = !headers
      .all('connection')
      .some((value) => /(?:^|,)[ \t]*close[ \t]*(?:,|$)/i.test(value));
    this.#left = 0;
    if (codings.length > 0) {
      if (codings.length > 1 || lengths.length > 0) throw invalidAnswer('its length is ambiguous');
      if (codings[0]?.toLowerCase() !== 'chunked') throw invalidAnswer('its transfer coding is unknown');
      this.#state = 'chunkSize';
    } else if (lengths.length > 0) {
      const [length = ''] = lengths;
      if (lengths.length > 1 || !LENGTH.test(length)) throw invalidAnswer('its length is ambiguous');
      this.#left = Number(length);
      this.#state = 'body';
    } else {
      this.#persists = false;
      this.#left = Infinity;
      this.#state = 'untilClose';
    }
    // Without a body whatever the fields say.
    if (code !== 204 && code !== 304) return;
    this.#persists &&= this.#state !== 'chunkSize';
    this.#left = 0;
    this.#state = 'body';
  }

  #endIfEmpty(): void {
    if (this.#left === 0 && this.#state === 'body') this.#end();
  }

  #takeBody(bytes: Buffer): Buffer {
    const length = Math.min(bytes.length, this.#left);
    const start = this.#pushed.length - bytes.length;
    if (this.#from === this.#to) this.#from = this.#to = start;
    else if (this.#to < start) this.#pushed.copyWithin(this.#to, start, start + length);
    this.#to += length;
    this.#left -= length;
    if (this.#left === 0) {
      if (this.#state === 'body') this.#end();
      else this.#state = 'chunkEnd';
    }
    return length === bytes.length ? NOTHING : bytes.subarray(length);
  }

  #handOn(): void {
    const [from, to] = [this.#from, this.#to];
    if (from === to) return;
    this.#from = this.#to = 0;
    const all = this.#pushed;
    this.#handler.onData(from === 0 && to === all.length ? all : all.subarray(from, to));
  }

  #takeLine(bytes: Buffer): Buffer {
    const at = bytes.indexOf(LINE_FEED);
    const part = at < 0 ? bytes : bytes.subarray(0, at);
    if (this.#held.length + part.length > MAX_LINE_BYTES)
      throw invalidAnswer('a line of its coding is too long');
    const line = this.#held.length === 0 ? part : Buffer.concat([this.#held, part]);
    if (at < 0) {
      this.#held = line;
      return NOTHING;
    }
    this.#held = NOTHING;
    const last = line.length - 1;
    if (line[last] !== CARRIAGE_RETURN) throw invalidAnswer('a line of its coding ends without CR');
    this.#onLine(line.toString('latin1', 0, last));
    return bytes.subarray(at + 1);
  }

  #onLine(line: string): void {
    if (this.#state === 'chunkEnd') {
      if (line !== '') throw invalidAnswer('a chunk is longer than it says');
      this.#state = 'chunkSize';
    } else if (this.#state === 'chunkSize') {
      const digits = CHUNK_SIZE.exec(line)?.[1];
      if (digits === undefined) throw invalidAnswer('bad size of a chunk');
      this.#left = Number.parseInt(digits, 16);
      this.#trailers = 0;
      this.#state = this.#left === 0 ? 'trailer' : 'chunk';
    } else if (line === '') {
      this.#end();
    } else {
      this.#trailers += 1;
      if (this.#trailers > MAX_TRAILERS) throw invalidAnswer('too many trailers');
      if (!TRAILER.test(line)) throw invalidAnswer('bad trailer');
    }
  }

  #end(): void {
    this.#handOn();
    this.#state = 'whole';
    this.#handler.onEnd();
  }
}
