// One kept-alive TLS connection to a node, which carries one request at a time. Promises: a byte that nobody asked for
// ends it, so that no answer is taken for that of another request; what is read is in memory of its own; and its user
// hears either the end of the answer or one Fault.

import type { OnReadOpts } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Dial } from '../outbound/dial.ts';
import type { AnswerHead } from '../wire/answer-head.ts';
import type { OutgoingBody } from './request-body.ts';
import { Fault, toFault } from '../core/fault.ts';
import { AnswerDecoder } from '../wire/answer-decoder.ts';
import { RequestBody } from './request-body.ts';

/** Who has a connection for one request. After `onEnd` or `onBroken` nothing follows. */
export interface ConnectionUser {
  onHead(head: AnswerHead): void;
  /** False: stop until `resume`. Some chunks may still come. The chunk is the user's own. */
  onData(chunk: Buffer): boolean;
  onEnd(): void;
  /** @param isStale the connection had served before, and not a byte of an answer came */
  onBroken(fault: Fault, isStale: boolean): void;
}

/** Whose the connection is between requests. */
export interface ConnectionOwner {
  /** It can carry another request, if it is still open when this turn of the event loop is over. */
  onAnswered(connection: Connection): void;
  /** It is closed, and was open before. */
  onGone(connection: Connection): void;
}

/** From this size on a chunk gets memory of its own, which can be given back, and no part of Node's pool. In bytes. */
const MIN_OWN_MEMORY = 4096;

export class Connection {
  readonly #owner: ConnectionOwner;
  readonly #decoder: AnswerDecoder;
  #socket: TLSSocket | undefined;
  #user: ConnectionUser | undefined;
  #body: RequestBody | undefined;
  #served = 0;
  #begun = false;
  #paused = false;
  /** Since when nobody has it, in milliseconds since the epoch. The owner's to set. */
  idleSince = 0;

  constructor(owner: ConnectionOwner) {
    this.#owner = owner;
    this.#decoder = new AnswerDecoder({
      onHead: (head) => this.#user?.onHead(head),
      onData: (chunk) => {
        if (this.#user?.onData(chunk) === false) this.#paused = true;
      },
      onEnd: () => this.#onAnswered(),
    });
  }

  /**
   * Rejects as `dial` does; the owner does not hear of it then.
   * @param readInto memory for what is read, which may be that of all connections: nothing stays in it
   */
  async open(dial: Dial, readInto: Uint8Array): Promise<void> {
    const onread: OnReadOpts = { buffer: readInto, callback: (length, bytes) => this.#onRead(length, bytes) };
    const socket = await dial(undefined, onread);
    this.#socket = socket;
    socket.on('end', this.#onEnded).on('close', this.#onClosed);
    // What a node says before it was asked, or that it will say nothing, makes no connection.
    if (!socket.destroyed && !socket.readableEnded && !this.#begun) return;
    socket.destroy();
    this.#socket = undefined;
    throw closedByNode();
  }

  get isOpen(): boolean {
    return this.#socket !== undefined;
  }

  /** Sends a request for which nobody else is waiting. @param head up to the empty line, in Latin-1 */
  send(head: string, body: OutgoingBody | undefined, user: ConnectionUser): void {
    this.#user = user;
    this.#begun = false;
    this.#decoder.begin();
    const socket = this.#socket;
    if (socket === undefined || !socket.writable) {
      this.#onClosed();
      return;
    }
    socket.write(head, 'latin1');
    if (body !== undefined) this.#body = new RequestBody(socket, body, this.#onBodyFailed);
  }

  /** No more until `resume`; some chunks may still come. */
  pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#socket?.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#socket?.resume();
  }

  /** Its user hears nothing more, and must not be waiting. */
  destroy(): void {
    this.#user = undefined;
    this.#close();
  }

  /** Its user is told why nothing more comes. */
  abandon(fault: Fault): void {
    const user = this.#user;
    this.#user = undefined;
    const isStale = this.#served > 0 && !this.#begun;
    this.#close();
    user?.onBroken(fault, isStale);
  }

  /** False: no more until `resume`. Whatever is thrown in here would end the process. */
  #onRead(length: number, bytes: Uint8Array): boolean {
    try {
      this.#begun = true;
      if (this.#user === undefined) this.#close();
      else {
        this.#decoder.push(toOwn(bytes, length));
        if (this.#decoder.isWhole) this.#release();
      }
    } catch (error) {
      this.abandon(toFault(error));
    }
    return !this.#paused;
  }

  #onAnswered(): void {
    const user = this.#user;
    this.#user = undefined;
    user?.onEnd();
  }

  /** After an answer. Who sends it again finds it reading. */
  #release(): void {
    this.#served += 1;
    const body = this.#body;
    this.#body = undefined;
    // A node that has answered before it had the whole request: what follows of it would be another request.
    if (!this.#decoder.persists || body?.isSent === false || this.#socket?.destroyed !== false) {
      body?.stop();
      this.#close();
      return;
    }
    this.resume();
    this.#owner.onAnswered(this);
  }

  /** The node says nothing more, which may be how its answer ends. */
  readonly #onEnded = (): void => {
    try {
      if (this.#user !== undefined && !this.#decoder.close()) this.abandon(closedByNode());
    } catch (error) {
      this.abandon(toFault(error));
    }
    this.#close();
  };

  /** An answer that ends with a failure of its connection has not ended. */
  readonly #onClosed = (): void => this.abandon(closedByNode());

  readonly #onBodyFailed = (): void => {
    this.abandon(new Fault('BadRequest', 'the body of the request is not whole'));
  };

  #close(): void {
    this.#body?.stop();
    this.#body = undefined;
    const socket = this.#socket;
    if (socket === undefined) return;
    this.#socket = undefined;
    socket.destroy();
    this.#owner.onGone(this);
  }
}

const closedByNode = (): Fault => new Fault('BadGateway', 'the node closed the connection');

/** A copy: by the time that somebody has looked at a part of it, other bytes may have been read into the same memory. */
function toOwn(bytes: Uint8Array, length: number): Buffer {
  const own = length < MIN_OWN_MEMORY ? Buffer.allocUnsafe(length) : Buffer.allocUnsafeSlow(length);
  own.set(length === bytes.length ? bytes : bytes.subarray(0, length));
  return own;
}
