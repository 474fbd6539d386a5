// Writes an answer to the client. What comes of it in one turn of the event loop goes out as one piece, head and all: an
// encryption and a system call for each record of a node (16 kB, RFC 8446 §5.1) would cost more than the bytes.

import type { HttpAnswer } from '../core/http-answer.ts';
import { MIN_SPENT_BYTES, writeSpent } from './spent-chunk.ts';

/** As much may wait for the end of the turn. A node that is faster than this in one turn is written in between. */
const MAX_HELD_BYTES = 64 * 1024;

export interface AnswerWriterOptions {
  /** Nobody else holds what is written: its memory is given back. */
  readonly isSpent: boolean;
  /** Told when the client is behind. */
  readonly onFull: () => void;
  /** Told when it has taken what was too much. */
  readonly onDrained: () => void;
}

export class AnswerWriter {
  readonly #response: HttpAnswer;
  readonly #options: AnswerWriterOptions;
  #held: Buffer[] = [];
  #heldBytes = 0;
  #flush: NodeJS.Immediate | undefined;
  #isFull = false;

  constructor(response: HttpAnswer, options: AnswerWriterOptions) {
    this.#response = response;
    this.#options = options;
  }

  /** The client is behind. */
  get isFull(): boolean {
    return this.#isFull;
  }

  /** The head goes out at the end of this turn, which for a followed log is long before its first line. */
  begin(code: number, headers: string[]): void {
    this.#response.writeHead(code, headers);
    this.#later();
  }

  /** False: no more until `onDrained`. */
  write(chunk: Buffer): boolean {
    this.#held.push(chunk);
    this.#heldBytes += chunk.length;
    if (this.#heldBytes >= MAX_HELD_BYTES) this.#writeHeld();
    else this.#later();
    return !this.#isFull;
  }

  end(): void {
    // A small answer is written and ended in one, as a string: Node joins it to the head, and writes one piece instead of three.
    const [only] = this.#held;
    const isSmall = this.#held.length === 1 && only !== undefined && only.length < MIN_SPENT_BYTES;
    if (!isSmall) this.#writeHeld();
    this.stop();
    if (isSmall) this.#response.end(only.toString('latin1'), 'latin1');
    else this.#response.end();
  }

  /** Cuts the client off behind what has come so far: that it was cut off is what it is to see. */
  cut(): void {
    if (this.#held.length === 0) this.#response.flushHeaders();
    else this.#writeHeld();
    this.stop();
    // What has just been written is corked until the tick is over, and would be gone with the connection.
    setImmediate(() => this.#response.destroy());
  }

  /** Nothing more is written. */
  stop(): void {
    clearImmediate(this.#flush);
    this.#flush = undefined;
    this.#held = [];
    this.#response.off('drain', this.#onDrain);
  }

  #later(): void {
    this.#flush ??= setImmediate(() => {
      this.#flush = undefined;
      if (this.#held.length === 0) this.#response.flushHeaders();
      else this.#writeHeld();
    });
  }

  #writeHeld(): void {
    const held = this.#held;
    if (held.length === 0) return;
    this.#held = [];
    this.#heldBytes = 0;
    let taken = true;
    for (const chunk of held) {
      taken = this.#options.isSpent ? writeSpent(this.#response, chunk) : this.#response.write(chunk);
    }
    if (taken || this.#isFull) return;
    this.#isFull = true;
    this.#response.once('drain', this.#onDrain);
    this.#options.onFull();
  }

  readonly #onDrain = (): void => {
    this.#isFull = false;
    this.#options.onDrained();
  };
}
