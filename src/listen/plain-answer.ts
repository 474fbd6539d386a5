// An answer to a plain request, written to its connection as HTTP/1.1 (RFC 9112 §6). Promises: what may not stand in a
// head is refused as Node refuses it; head and body of a small answer are one write; an answer whose length nobody said
// is chunked; nothing is written after the end.

import { EventEmitter } from 'node:events';
import { STATUS_CODES } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { HttpAnswer, HttpHeaders } from '../core/http-answer.ts';
import { isFieldValue } from '../wire/field-value.ts';

export interface PlainAnswerOptions {
  /** What the head says of the connection, where it is not closed after the answer. */
  readonly keepAlive: string;
  /** Whether no request is taken after this one. */
  readonly isLast: () => boolean;
  /** The time of the answer, as `Date` has it (RFC 9110 §6.6.1). */
  readonly date: () => string;
  /** Told once, when all of it was written and nobody holds on to it any more. */
  readonly onFinished: (answer: PlainAnswer) => void;
}

/** RFC 9110 §5.6.2. */
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

export class PlainAnswer extends EventEmitter implements HttpAnswer {
  readonly #socket: TLSSocket;
  readonly #options: PlainAnswerOptions;
  /** What is to be written before anything else. */
  #head = '';
  #state: 'new' | 'made' | 'sent' | 'ended' | 'finished' = 'new';
  #isChunked = false;
  #hasBody = true;
  #closes = false;
  #needsDrain = false;
  #isDestroyed = false;
  #isClosed = false;

  constructor(socket: TLSSocket, options: PlainAnswerOptions) {
    super();
    this.#socket = socket;
    this.#options = options;
  }

  get socket(): TLSSocket | null {
    return this.#isClosed ? null : this.#socket;
  }

  get headersSent(): boolean {
    return this.#state !== 'new';
  }

  get writableEnded(): boolean {
    return this.#state === 'ended' || this.#state === 'finished';
  }

  get writableFinished(): boolean {
    return this.#state === 'finished';
  }

  get writableNeedDrain(): boolean {
    return this.#needsDrain;
  }

  get destroyed(): boolean {
    return this.#isDestroyed;
  }

  get closed(): boolean {
    return this.#isClosed;
  }

  /** Whether the connection is to be closed after it. */
  get closes(): boolean {
    return this.#closes;
  }

  writeHead(code: number, headers: HttpHeaders): void {
    if (this.#state !== 'new') throw new Error('the head has been written already');
    this.#hasBody = code !== 204 && code !== 304;
    const fields = this.#head + this.#toFields(headers);
    this.#closes ||= this.#options.isLast();
    const connection = this.#closes ? 'Connection: close\r\n' : this.#options.keepAlive;
    const coding = this.#isChunked ? 'Transfer-Encoding: chunked\r\n' : '';
    this.#head = `HTTP/1.1 ${code} ${STATUS_CODES[code] ?? 'unknown'}\r\n${fields}${connection}${coding}\r\n`;
    this.#state = 'made';
  }

  appendHeader(name: string, value: string): void {
    if (this.#state !== 'new') throw new Error('the head has been written already');
    this.#head += toLine(name, value);
  }

  flushHeaders(): void {
    if (this.#state === 'new') this.writeHead(200, []);
    if (this.#state === 'made') this.#send(this.#takeHead(), 'latin1');
  }

  write(chunk: Uint8Array | string, onWritten?: () => void): boolean {
    // Where Node's answers emit an error: whoever is late has nobody to catch what is thrown.
    if (this.writableEnded) return false;
    // What is written in one turn leaves in one piece.
    if (this.#socket.writableCorked === 0) {
      this.#socket.cork();
      process.nextTick(uncork, this.#socket);
    }
    this.flushHeaders();
    if (chunk.length === 0 || !this.#hasBody) {
      if (onWritten !== undefined) process.nextTick(onWritten);
      return !this.#needsDrain;
    }
    if (!this.#isChunked) return this.#send(chunk, 'utf8', onWritten);
    this.#send(`${Buffer.byteLength(chunk).toString(16)}\r\n`, 'latin1');
    this.#send(chunk, 'utf8', onWritten);
    return this.#send('\r\n', 'latin1');
  }

  end(text: string | Uint8Array = '', encoding: 'utf8' | 'latin1' = 'utf8'): void {
    if (this.writableEnded) return;
    if (this.#state === 'new') this.writeHead(200, []);
    // Latin-1 is what a head is written in: the two are one string then.
    const isLatin1 = typeof text === 'string' && encoding === 'latin1';
    if (!isLatin1 && text.length > 0) this.write(text);
    const head = this.#state === 'made' ? this.#takeHead() : '';
    const body = isLatin1 && this.#hasBody ? text : '';
    const last = this.#isChunked ? `${toChunk(body)}0\r\n\r\n` : body;
    this.#state = 'ended';
    this.#socket.write(head + last, 'latin1', this.#onWritten);
  }

  destroy(): void {
    // The connection is not its own any more.
    if (this.#isClosed) return;
    this.#isDestroyed = true;
    this.#socket.destroy();
  }

  /** The client has taken what was written. */
  drained(): void {
    if (!this.#needsDrain) return;
    this.#needsDrain = false;
    this.emit('drain');
  }

  /** It is over, or its connection is. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#isDestroyed = true;
    this.emit('close');
  }

  readonly #onWritten = (error?: Error | null): void => {
    // The connection is gone, which `close` tells.
    if (error !== undefined && error !== null) return;
    this.#state = 'finished';
    this.close();
    this.#options.onFinished(this);
  };

  #takeHead(): string {
    const head = this.#head;
    this.#head = '';
    this.#state = 'sent';
    return head;
  }

  #send(data: Uint8Array | string, encoding: BufferEncoding, onWritten?: () => void): boolean {
    const isTaken = this.#socket.write(data, encoding, onWritten);
    if (!isTaken) this.#needsDrain = true;
    return isTaken;
  }

  /** The lines of the answer's own; what they say of its length and of the connection is taken down. */
  #toFields(headers: HttpHeaders): string {
    const lines = Array.isArray(headers) ? headers : Object.entries(headers).flat();
    this.#closes = false;
    this.#isChunked = this.#hasBody;
    let [fields, date] = ['', ''];
    for (let i = 0; i < lines.length; i += 2) {
      const [name = '', value = ''] = [lines[i], lines[i + 1]];
      const line = toLine(name, value);
      const known = name.toLowerCase();
      if (known === 'connection') this.#closes = value.toLowerCase() === 'close';
      else if (known === 'date') date = line;
      else if (known !== 'transfer-encoding') fields += line;
      if (known === 'content-length') this.#isChunked = false;
    }
    return fields + (date === '' ? `Date: ${this.#options.date()}\r\n` : date);
  }
}

function toLine(name: string, value: string): string {
  if (!NAME.test(name)) throw new TypeError('a header of the answer has a name that cannot be sent');
  if (!isFieldValue(value)) throw new TypeError('a header of the answer has a value that cannot be sent');
  return `${name}: ${value}\r\n`;
}

const toChunk = (text: string): string => (text === '' ? '' : `${text.length.toString(16)}\r\n${text}\r\n`);

function uncork(socket: TLSSocket): void {
  socket.uncork();
}
