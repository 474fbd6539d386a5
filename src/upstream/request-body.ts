// The body of a request to a node, written as it comes: as long as it was declared, or in chunks (RFC 9112 §7.1).

import type { Readable, Writable } from 'node:stream';

export interface OutgoingBody {
  readonly stream: Readable;
  /** In bytes; undefined: sent in chunks. */
  readonly length: number | undefined;
}

export class RequestBody {
  readonly #to: Writable;
  readonly #from: Readable;
  readonly #onFailed: () => void;
  /** Bytes that are still to come; undefined: nobody said how many. */
  #left: number | undefined;
  #isSent = false;

  /** @param onFailed the body ended early, went on too long or failed: what was sent is no whole request */
  constructor(to: Writable, { stream: from, length }: OutgoingBody, onFailed: () => void) {
    this.#to = to;
    this.#from = from;
    this.#left = length;
    this.#onFailed = onFailed;
    from.on('data', this.#onData).on('end', this.#onEnd).on('error', onFailed).on('close', this.#onClosed);
    to.on('drain', this.#onDrain);
  }

  /** The node has been sent all of it. */
  get isSent(): boolean {
    return this.#isSent;
  }

  /** Nothing more is written. */
  stop(): void {
    this.#from
      .off('data', this.#onData)
      .off('end', this.#onEnd)
      .off('close', this.#onClosed)
      .off('error', this.#onFailed)
      .on('error', () => undefined);
    this.#to.off('drain', this.#onDrain);
  }

  readonly #onData = (chunk: Buffer): void => {
    if (chunk.length === 0) return;
    if (this.#left !== undefined) {
      this.#left -= chunk.length;
      if (this.#left < 0) {
        this.#fail();
        return;
      }
      if (!this.#to.write(chunk)) this.#from.pause();
      return;
    }
    this.#to.write(`${chunk.length.toString(16)}\r\n`, 'latin1');
    this.#to.write(chunk);
    if (!this.#to.write('\r\n', 'latin1')) this.#from.pause();
  };

  readonly #onDrain = (): void => {
    this.#from.resume();
  };

  readonly #onEnd = (): void => {
    if (this.#left !== undefined && this.#left > 0) {
      this.#fail();
      return;
    }
    if (this.#left === undefined) this.#to.write('0\r\n\r\n', 'latin1');
    this.#isSent = true;
    this.stop();
  };

  readonly #onClosed = (): void => {
    if (!this.#isSent) this.#fail();
  };

  #fail(): void {
    this.stop();
    this.#onFailed();
  }
}
