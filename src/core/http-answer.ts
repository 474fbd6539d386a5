// An HTTP answer to a client, as far as the stages write one: Node's ServerResponse is one, and so is what listen writes
// to a connection that it reads by itself (listen/plain-answer.ts).

import type { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';

/** Names and values: in turn, or as an object. */
export type HttpHeaders = string[] | Record<string, string>;

/** Emits `close` once, when it is over or its connection is gone, and `drain` after a `write` that said false. */
export interface HttpAnswer extends EventEmitter {
  /** Its connection; null while that is another answer's: before it is this one's turn, and when it is over. */
  readonly socket: Socket | null;
  readonly headersSent: boolean;
  /** `end` was called. */
  readonly writableEnded: boolean;
  /** All of it has been handed to the operating system. */
  readonly writableFinished: boolean;
  /** The client has yet to take what was written. */
  readonly writableNeedDrain: boolean;
  /** It was given up, or its connection is gone. */
  readonly destroyed: boolean;
  /** `close` was emitted. */
  readonly closed: boolean;
  /** Throws a TypeError when a name or a value cannot stand in a header line. */
  writeHead(code: number, headers: HttpHeaders): unknown;
  /** A further line of the head, which was not written yet; about anything but the connection and the body. */
  appendHeader(name: string, value: string): unknown;
  /** Sends the head before any of the body. */
  flushHeaders(): void;
  /** False: the client is behind. `onWritten` is called when the chunk is with the operating system. */
  write(chunk: Uint8Array | string, onWritten?: () => void): boolean;
  /** `text` in UTF-8. */
  end(text?: string | Uint8Array): unknown;
  end(text: string, encoding: 'utf8' | 'latin1'): unknown;
  /** Closes the connection. */
  destroy(): unknown;
}
