// The server's end of a WebSocket (RFC 6455) with the habits of golang.org/x/net/websocket: every frame is a message,
// pings are answered, a violation is answered with its close code, and it never pings.

import type { Duplex } from 'node:stream';
import { Fault } from '../../../src/core/fault.ts';
import {
  CLOSE_CODE,
  OPCODE,
  WebSocketDecoder,
  encodeClosePayload,
  encodeWebSocketFrame,
  isControlOpcode,
  toCloseCode,
} from '../../../src/wire/websocket-frame.ts';
import type { Opcode, WebSocketPiece } from '../../../src/wire/websocket-frame.ts';

export class WebSocketConnection {
  /** Settles when the transport is closed. */
  readonly closed: Promise<void>;
  readonly #transport: Duplex;
  readonly #decoder = new WebSocketDecoder({ from: 'client' });
  #closing = false;

  /** `onPiece` hears of data frames; a Fault that it throws ends the connection with close 1000, as a kubelet does. */
  constructor(transport: Duplex, onPiece: (piece: WebSocketPiece) => void) {
    this.#transport = transport;
    this.closed = new Promise((resolve) => {
      transport.once('close', () => resolve());
    });
    transport.on('error', () => transport.destroy());
    transport.on('end', () => transport.destroy());
    transport.on('data', (chunk: Buffer) => this.#receive(chunk, onPiece));
  }

  /** Calls back when the frame has gone out, or cannot. */
  send(opcode: Opcode, payload: Buffer, done?: () => void): void {
    if (this.#closing || !this.#transport.writable) done?.();
    else this.#transport.write(encodeWebSocketFrame({ opcode, payload }), () => done?.());
  }

  /** Sends a close frame, then closes the transport. */
  close(code: number): void {
    if (this.#closing) return;
    this.send(OPCODE.close, encodeClosePayload(code));
    this.#closing = true;
    this.#transport.end();
    this.#transport.resume();
    setTimeout(() => this.#transport.destroy(), 1000).unref();
  }

  pause(): void {
    this.#transport.pause();
  }

  resume(): void {
    this.#transport.resume();
  }

  #receive(chunk: Buffer, onPiece: (piece: WebSocketPiece) => void): void {
    if (this.#closing) return;
    let code: number = CLOSE_CODE.internalError;
    try {
      this.#decoder.push(chunk, (piece) => {
        if (this.#closing) return;
        if (isControlOpcode(piece.opcode)) this.#control(piece);
        else {
          code = CLOSE_CODE.normal;
          // It is written to a process or a connection, which takes its time: until then the bytes are not the decoder's.
          onPiece({ ...piece, payload: Buffer.from(piece.payload) });
          code = CLOSE_CODE.internalError;
        }
      });
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      this.close(code === CLOSE_CODE.normal ? code : toCloseCode(error));
    }
  }

  #control({ opcode, payload }: WebSocketPiece): void {
    if (opcode === OPCODE.ping) this.send(OPCODE.pong, payload);
    if (opcode === OPCODE.close) this.close(CLOSE_CODE.normal);
  }
}
