// What decoders of frames have in common: bytes go in as they come, frames or pieces of them come out as soon as they are
// complete, and after the first fault nothing does, because where the next frame begins is no longer known.

import { Fault } from '../core/fault.ts';
import { ByteQueue } from './byte-queue.ts';

/** Decodes one direction of a connection. `kind` of its state is `head` between two frames. */
export abstract class FrameDecoder<Piece> {
  protected readonly queue = new ByteQueue();
  protected abstract state: { readonly kind: string };
  #fault: Fault | undefined;

  /** Bytes that are held back until a frame, its head or an indivisible part of it is complete. */
  get buffered(): number {
    return this.queue.length;
  }

  /** All that was pushed is whole frames: another frame could be put here. */
  get atBoundary(): boolean {
    return this.#fault === undefined && this.state.kind === 'head' && this.queue.length === 0;
  }

  /** Bytes missing to the end of the frame, or of its head while that is not complete. 0 at a boundary. */
  get missing(): number {
    return this.#fault !== undefined || this.atBoundary ? 0 : this.needed() - this.queue.length;
  }

  /**
   * Delivers what these bytes complete, in order. A piece may be a view of `chunk`, which is its owner's again when this
   * returns: whoever keeps a piece copies it. Throws a Fault on a malformed, unknown or oversized frame, after what came
   * before it, and from then on always.
   */
  push(chunk: Buffer, deliver: (piece: Piece) => void): void {
    if (this.#fault !== undefined) throw this.#fault;
    this.queue.append(chunk);
    for (;;) {
      const before = this.state;
      const piece = this.#tryStep();
      if (piece !== undefined) deliver(piece);
      else if (this.state === before) break;
    }
    this.queue.letGo();
  }

  /** Consumes one head, or one part of a frame. Neither a piece nor a new state: more bytes are needed. */
  protected abstract step(): Piece | undefined;

  /** Bytes that the present state takes. */
  protected abstract needed(): number;

  /** For what `step` threw and did not mean to. */
  protected abstract undecodable(): Fault;

  #tryStep(): Piece | undefined {
    try {
      return this.step();
    } catch (error) {
      this.#fault = error instanceof Fault ? error : this.undecodable();
      throw this.#fault;
    }
  }
}
