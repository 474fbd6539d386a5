// One plain request to a node over its pool (RFC 9112). Promises: the answer's body is passed on as it comes and stops
// while the reader is behind; interim answers and trailers are dropped; no request is sent twice, except a GET whose
// kept-alive connection died before any byte of the answer.

import type { HeaderLines } from '../core/headers.ts';
import type { AnswerHead } from '../wire/answer-head.ts';
import type { Connection, ConnectionUser } from './connection.ts';
import type { Waiting } from './connection-pool.ts';
import type { Upstream } from './pools.ts';
import type { OutgoingBody } from './request-body.ts';
import { Fault } from '../core/fault.ts';
import { isFieldValue } from '../wire/field-value.ts';

/** Who reads the answer. After `onEnd` or `onFault` nothing follows, and after `abort` nothing at all. */
export interface AnswerReader {
  onHead(code: number, headers: HeaderLines): void;
  /** False: stop until `resume`. Some chunks may still come. The chunk is the reader's own. */
  onData(chunk: Buffer): boolean;
  onEnd(): void;
  onFault(fault: Fault): void;
}

export interface OutgoingRequest {
  readonly method: 'GET' | 'POST';
  /** Path and query, without a space or a control character. */
  readonly target: string;
  /** Name, value, name, value …, without `Host` and what frames the body. */
  readonly headers: readonly string[];
  readonly body?: OutgoingBody | undefined;
}

const TARGET = /^\/[\x21-\x7e]*$/;

export class NodeRequest implements ConnectionUser, Waiting {
  readonly #upstream: Pick<Upstream, 'authority' | 'pool'>;
  readonly #outgoing: OutgoingRequest;
  readonly #reader: AnswerReader;
  readonly #head: string;
  #connection: Connection | undefined;
  #retried = false;
  #over = false;

  /** Throws InternalError when what is to be sent would be another request to the node's parser. */
  constructor(
    upstream: Pick<Upstream, 'authority' | 'pool'>,
    outgoing: OutgoingRequest,
    reader: AnswerReader,
  ) {
    this.#upstream = upstream;
    this.#outgoing = outgoing;
    this.#reader = reader;
    this.#head = toHead(upstream.authority, outgoing);
  }

  send(): void {
    this.#upstream.pool.acquire(this);
  }

  /** Gives the request up: its connection is closed, or never used when it still waits for one. */
  abort(): void {
    if (this.#over) return;
    this.#over = true;
    if (this.#connection === undefined) this.#upstream.pool.withdraw(this);
    else this.#connection.destroy();
  }

  pause(): void {
    if (!this.#over) this.#connection?.pause();
  }

  resume(): void {
    if (!this.#over) this.#connection?.resume();
  }

  onConnection(connection: Connection): void {
    this.#connection = connection;
    connection.send(this.#head, this.#outgoing.body, this);
  }

  onRefused(fault: Fault): void {
    this.#fail(fault);
  }

  onHead({ code, headers }: AnswerHead): void {
    if (!this.#over) this.#reader.onHead(code, headers);
  }

  onData(chunk: Buffer): boolean {
    return this.#over || this.#reader.onData(chunk);
  }

  onEnd(): void {
    if (this.#over) return;
    this.#over = true;
    this.#reader.onEnd();
  }

  onBroken(fault: Fault, isStale: boolean): void {
    if (this.#over) return;
    this.#connection = undefined;
    if (!isStale || this.#retried || this.#outgoing.method !== 'GET') {
      this.#fail(fault);
      return;
    }
    this.#retried = true;
    // Whatever ended this connection has likely ended those that were idle beside it.
    this.#upstream.pool.dropIdle();
    this.send();
  }

  #fail(fault: Fault): void {
    if (this.#over) return;
    this.#over = true;
    this.#reader.onFault(fault);
  }
}

function toHead(authority: string, { method, target, headers, body }: OutgoingRequest): string {
  if (!TARGET.test(target)) throw new Fault('InternalError', 'the path for the node cannot be sent');
  let head = `${method} ${target} HTTP/1.1\r\nhost: ${authority}\r\nconnection: keep-alive\r\n`;
  for (let i = 0; i < headers.length; i += 2) {
    const value = headers[i + 1] ?? '';
    if (!isFieldValue(value)) throw new Fault('InternalError', 'a header for the node cannot be sent');
    head += `${headers[i] ?? ''}: ${value}\r\n`;
  }
  if (body !== undefined) {
    head +=
      body.length === undefined ? 'transfer-encoding: chunked\r\n' : `content-length: ${body.length}\r\n`;
  }
  return `${head}\r\n`;
}
