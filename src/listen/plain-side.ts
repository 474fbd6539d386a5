// The plain side of a listener: reads the requests of a connection by itself as long as each is a plain one
// (wire/plain-head.ts), which comes whole and when the one before has been answered. The first that is anything else goes
// to the HTTP side, with the connection, for good: Node's parser is the only one that reads it.

import type { TLSSocket } from 'node:tls';
import type { Clock } from '../core/ports.ts';
import type { PlainHead } from '../wire/plain-head.ts';
import { readPlainHead } from '../wire/plain-head.ts';
import { PlainAnswer } from './plain-answer.ts';
import type { PlainAnswerOptions } from './plain-answer.ts';

/** So much of what a client says before it was answered is kept until then. */
const MAX_EARLY_BYTES = 64 * 1024;
/** A piece of one byte takes as much memory. */
const MIN_PIECE_BYTES = 512;

/** A connection, as far as its requests are read (connection.ts). */
export interface ReadConnection {
  readonly socket: TLSSocket;
  readonly closing: boolean;
  unread(): void;
  handedToNode(): void;
}

export interface PlainSidePorts<Read extends ReadConnection> {
  readonly clock: Clock;
  /** Takes a plain request. */
  readonly request: (connection: Read, head: PlainHead, answer: PlainAnswer) => void;
  /** Takes the connection over. What it brought is in its socket, to be read again. */
  readonly leave: (connection: Read) => void;
}

/** @param idleMs what clients are told of how long a connection may be idle */
export function createPlainSide<Read extends ReadConnection>(
  ports: PlainSidePorts<Read>,
  idleMs: number,
): (connection: Read) => void {
  const keepAlive = `Connection: keep-alive\r\nKeep-Alive: timeout=${Math.floor(idleMs / 1000)}\r\n`;
  const date = createDate(ports.clock);
  return (connection) => {
    new PlainConnection(ports, connection, { keepAlive, date });
  };
}

export class PlainConnection<Read extends ReadConnection> {
  readonly #ports: PlainSidePorts<Read>;
  readonly #connection: Read;
  readonly #options: PlainAnswerOptions;
  #answer: PlainAnswer | undefined;
  /** What came before the answer had ended. */
  #early: Buffer[] = [];
  #earlyBytes = 0;

  constructor(
    ports: PlainSidePorts<Read>,
    connection: Read,
    options: Pick<PlainAnswerOptions, 'keepAlive' | 'date'>,
  ) {
    this.#ports = ports;
    this.#connection = connection;
    this.#options = {
      ...options,
      isLast: () => connection.closing,
      onFinished: ({ closes }) => this.#onFinished(closes),
    };
    connection.socket.on('data', this.#onData).on('drain', this.#onDrain).on('close', this.#onClose);
  }

  readonly #onData = (bytes: Buffer): void => {
    if (this.#answer === undefined) {
      this.#take(bytes);
      return;
    }
    // What follows the last answer of a connection is not read as a request.
    if (this.#connection.closing) return;
    this.#early.push(bytes);
    this.#earlyBytes += Math.max(bytes.length, MIN_PIECE_BYTES);
    // Of a connection that is not read nobody hears that it was closed, so that it is read as long as can be.
    if (this.#earlyBytes <= MAX_EARLY_BYTES) return;
    this.#connection.socket.pause();
    this.#connection.unread();
  };

  #take(bytes: Buffer): void {
    const { socket, closing } = this.#connection;
    // RFC 9112 §9.6, as above; and nobody answers a client that has gone meanwhile.
    if (closing || !socket.writable) return;
    const head = readPlainHead(bytes);
    if (head === undefined) {
      this.#leave(bytes);
      return;
    }
    const answer = new PlainAnswer(socket, this.#options);
    this.#answer = answer;
    this.#ports.request(this.#connection, head, answer);
  }

  #leave(bytes: Buffer): void {
    const { socket } = this.#connection;
    socket.off('data', this.#onData).off('drain', this.#onDrain).off('close', this.#onClose);
    socket.pause();
    socket.unshift(bytes);
    this.#connection.handedToNode();
    this.#ports.leave(this.#connection);
    socket.resume();
  }

  #onFinished(closes: boolean): void {
    const { socket } = this.#connection;
    this.#answer = undefined;
    if (closes) socket.destroySoon();
    if (this.#early.length === 0) return;
    const early = Buffer.concat(this.#early);
    this.#early = [];
    this.#earlyBytes = 0;
    socket.resume();
    this.#take(early);
  }

  readonly #onDrain = (): void => this.#answer?.drained();

  readonly #onClose = (): void => this.#answer?.close();
}

/** The text of `Date`, made once a second. */
function createDate(clock: Clock): () => string {
  let second = NaN;
  let text = '';
  return () => {
    const now = Math.floor(clock.now() / 1000);
    if (now !== second) {
      second = now;
      text = new Date(now * 1000).toUTCString();
    }
    return text;
  };
}
