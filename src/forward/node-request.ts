// One plain request to a node over its pool, as undici dispatches it (RFC 9112). Promises: the answer's body is passed
// on as it comes and stops while the reader is behind; interim answers and trailers are dropped; no request is sent
// twice, except a GET whose kept-alive connection died before any byte of the answer.

import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import type { Upstream } from './pools.ts';
import { Fault } from '../core/fault.ts';
import { toErrorCode } from '../outbound/dial-faults.ts';

/** Header fields of a node's answer: names in lower case, repeated fields as an array. */
export type AnswerHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** Who reads the answer. After `onEnd` or `onFault` nothing follows, and after `abort` nothing at all. */
export interface AnswerReader {
  onHead(code: number, headers: AnswerHeaders): void;
  /** False: stop until `resume`. A chunk or two may still come. */
  onData(chunk: Buffer): boolean;
  onEnd(): void;
  onFault(fault: Fault): void;
}

export interface OutgoingRequest {
  readonly method: 'GET' | 'POST';
  /** Path and query. */
  readonly target: string;
  /** Name, value, name, value … */
  readonly headers: string[];
  readonly body?: Readable | undefined;
}

/** Errors of a connection that the node had closed while it was idle. */
const STALE = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE']);

/** Errors of an answer that is not HTTP/1.1, beside the parser's own. */
const INVALID = new Set(['UND_ERR_HEADERS_OVERFLOW', 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH']);

export class NodeRequest implements Dispatcher.DispatchHandler {
  readonly #upstream: Upstream;
  readonly #outgoing: OutgoingRequest;
  readonly #reader: AnswerReader;
  #controller: Dispatcher.DispatchController | undefined;
  #begun = false;
  #retried = false;
  #over = false;

  constructor(upstream: Upstream, outgoing: OutgoingRequest, reader: AnswerReader) {
    this.#upstream = upstream;
    this.#outgoing = outgoing;
    this.#reader = reader;
  }

  send(): void {
    const { method, target, headers, body } = this.#outgoing;
    this.#upstream.pool.dispatch({ method, path: target, headers, body: body ?? null }, this);
  }

  /** Gives the request up: its connection is closed, or never used when it still waits for one. */
  abort(): void {
    if (this.#over) return;
    this.#over = true;
    this.#controller?.abort(new Error('given up'));
  }

  resume(): void {
    this.#controller?.resume();
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#over) controller.abort(new Error('given up'));
  }

  onResponseStarted(): void {
    this.#begun = true;
  }

  onResponseStart(_controller: Dispatcher.DispatchController, code: number, headers: AnswerHeaders): void {
    if (code >= 200 && !this.#over) this.#reader.onHead(code, headers);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.#over && !this.#reader.onData(chunk)) controller.pause();
  }

  onResponseEnd(): void {
    if (this.#over) return;
    this.#over = true;
    this.#reader.onEnd();
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    if (this.#over) return;
    if (this.#mayRetry(error)) {
      this.#retried = true;
      this.#controller = undefined;
      this.send();
      return;
    }
    this.#over = true;
    this.#reader.onFault(toRequestFault(error));
  }

  #mayRetry(error: Error): boolean {
    return this.#outgoing.method === 'GET' && !this.#begun && !this.#retried && STALE.has(toErrorCode(error));
  }
}

function toRequestFault(error: Error): Fault {
  if (error instanceof Fault) return error;
  const code = toErrorCode(error);
  if (code === 'UND_ERR_CLOSED' || code === 'UND_ERR_DESTROYED') {
    return new Fault('ServiceUnavailable', 'the gateway is shutting down', { cause: error });
  }
  const valid = error.name !== 'HTTPParserError' && !INVALID.has(code);
  const message = valid ? 'the node closed the connection' : "the node's answer is not valid HTTP";
  return new Fault('BadGateway', message, { cause: error });
}
