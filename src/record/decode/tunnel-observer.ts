// A SPDY connection within a WebSocket (`SPDY/3.1+portforward.k8s.io`, KEP-4006): the payloads of its data frames, one
// after the other, are the inner bytes; where a message ends means nothing.

import {
  CLOSE_CODE,
  OPCODE,
  WebSocketDecoder,
  encodeClosePayload,
  encodeWebSocketFrame,
  isControlOpcode,
} from '../../wire/websocket-frame.ts';
import type { WebSocketPiece } from '../../wire/websocket-frame.ts';
import { ambiguous } from './ambiguous.ts';
import type { SessionDecoder } from './session-decoder.ts';

export class TunnelObserver implements SessionDecoder {
  readonly #inner: SessionDecoder;
  readonly #strict: boolean;
  readonly #client: WebSocketDecoder;
  readonly #node: WebSocketDecoder;
  #clientClosed = false;
  #nodeClosed = false;

  constructor(inner: SessionDecoder, { strict }: { readonly strict: boolean }) {
    this.#inner = inner;
    this.#strict = strict;
    const fragments = strict ? 'refuse' : 'frames';
    this.#client = new WebSocketDecoder({ from: 'client', fragments });
    this.#node = new WebSocketDecoder({ from: 'server', fragments });
  }

  get buffered(): number {
    return this.#client.buffered + this.#node.buffered + this.#inner.buffered;
  }

  get unfinished(): number {
    return this.#nodeClosed ? 0 : this.#node.missing;
  }

  fromClient(chunk: Buffer): void {
    this.#client.push(chunk, (piece) => {
      if (this.#clientClosed) {
        if (this.#strict) throw ambiguous('WebSocket: a frame after the close frame');
        return;
      }
      if (isControlOpcode(piece.opcode)) this.#clientClosed = piece.opcode === OPCODE.close;
      else this.#inner.fromClient(toPayload(piece));
    });
  }

  fromNode(chunk: Buffer): void {
    this.#node.push(chunk, (piece) => {
      if (this.#nodeClosed) return;
      if (isControlOpcode(piece.opcode)) this.#nodeClosed = piece.opcode === OPCODE.close;
      else this.#inner.fromNode(toPayload(piece));
    });
  }

  end(): void {
    this.#inner.end();
  }

  farewell(message: string): Buffer | undefined {
    if (this.#nodeClosed || !this.#node.atBoundary) return undefined;
    const inner = this.#inner.farewell(message);
    const close = encodeWebSocketFrame({
      opcode: OPCODE.close,
      payload: encodeClosePayload(CLOSE_CODE.normal),
    });
    return inner === undefined
      ? close
      : Buffer.concat([encodeWebSocketFrame({ opcode: OPCODE.binary, payload: inner }), close]);
  }
}

/** Both ends of a tunnel take a text message for an error and close: what would follow is not known. */
function toPayload({ opcode, payload }: WebSocketPiece): Buffer {
  if (opcode === OPCODE.text) throw ambiguous('WebSocket: a text frame in a tunnel');
  return payload;
}
