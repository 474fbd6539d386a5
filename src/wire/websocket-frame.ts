// WebSocket frames (RFC 6455 §5), as the receiver of one direction sees them. The decoder takes bytes cut anywhere and
// unmasks; payloads of data frames pass through in pieces, control frames come whole. It joins no fragments: Kubernetes'
// servers treat every frame as a message of its own, and who would know what a container is sent must do the same.

import { createHash } from 'node:crypto';
import { Fault } from '../core/fault.ts';
import { FrameDecoder } from './frame-decoder.ts';
import { letMaskedGo, mask, maskByte, masked, readMask } from './mask.ts';
import type { Mask } from './mask.ts';

/** RFC 6455 §11.8. */
export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;
export type Opcode = (typeof OPCODE)[keyof typeof OPCODE];

/** RFC 6455 §7.4.1. */
export const CLOSE_CODE = { normal: 1000, protocolError: 1002, tooLarge: 1009, internalError: 1011 } as const;

export interface WebSocketPiece {
  readonly opcode: Opcode;
  /** FIN of the frame that this piece belongs to. */
  readonly fin: boolean;
  /** The frame begins, or ends, with this piece. A whole frame has both. */
  readonly first: boolean;
  readonly last: boolean;
  readonly payload: Buffer;
}

export interface WebSocketDecoderOptions {
  /** Whose frames these are: a client's must be masked, a server's must not (RFC 6455 §5.1). */
  readonly from: 'client' | 'server';
  /** Longest data frame, in bytes. Default 32 MiB, the limit of Kubernetes' servers (golang.org/x/net/websocket). */
  readonly maxPayloadBytes?: number;
  /** `refuse`: a message in several frames is a Fault. `frames`: each comes as it is. Default `frames`. */
  readonly fragments?: 'refuse' | 'frames';
  /**
   * Given the first byte of a data frame's payload: true, and its pieces come empty, since nobody wants to see them.
   * Unmasking is a copy: measured a third of the CPU of a session that carries a file into a container.
   */
  readonly passOver?: (first: number) => boolean;
}

const NOTHING = Buffer.alloc(0);
/** Flags, opcode, and a length or what kind of length follows. */
const HEAD_BYTES = 2;
const MAX_CONTROL_BYTES = 125;
const KNOWN_OPCODES: ReadonlySet<number> = new Set(Object.values(OPCODE));
const isOpcode = (value: number): value is Opcode => KNOWN_OPCODES.has(value);
export const isControlOpcode = (opcode: Opcode): boolean => opcode >= OPCODE.close;

const violation = (what: string): Fault => new Fault('BadRequest', `WebSocket: ${what}`);

/** The close code that tells the peer what the decoder found. */
export const toCloseCode = (fault: Fault): number =>
  fault.reason === 'RequestEntityTooLarge' ? CLOSE_CODE.tooLarge : CLOSE_CODE.protocolError;

interface Head {
  readonly opcode: Opcode;
  readonly fin: boolean;
  /** Bytes of extended length and mask that follow the first two. */
  readonly lengthBytes: 0 | 2 | 8;
  readonly shortLength: number;
}

interface Payload {
  readonly opcode: Opcode;
  readonly fin: boolean;
  readonly length: number;
  readonly remaining: number;
  readonly key: Mask | undefined;
  readonly passedOver: boolean;
}

type State =
  | { readonly kind: 'head' }
  | { readonly kind: 'length'; readonly head: Head }
  | { readonly kind: 'payload'; readonly payload: Payload };

/**
 * Decodes one direction of a connection, from the first byte after the handshake. toCloseCode says how to tell the peer of
 * a Fault.
 */
export class WebSocketDecoder extends FrameDecoder<WebSocketPiece> {
  protected override state: State = { kind: 'head' };
  readonly #masked: boolean;
  readonly #maxPayloadBytes: number;
  readonly #refuseFragments: boolean;
  readonly #passOver: ((first: number) => boolean) | undefined;

  constructor(options: WebSocketDecoderOptions) {
    super();
    this.#masked = options.from === 'client';
    this.#maxPayloadBytes = options.maxPayloadBytes ?? 32 * 1024 * 1024;
    this.#refuseFragments = options.fragments === 'refuse';
    this.#passOver = options.passOver;
  }

  /** As `FrameDecoder.push`, but unmasked pieces are good until the next push of any decoder. */
  override push(chunk: Buffer, deliver: (piece: WebSocketPiece) => void): void {
    if (this.#masked) letMaskedGo();
    super.push(chunk, deliver);
  }

  protected override needed(): number {
    const { state } = this;
    switch (state.kind) {
      case 'head':
        return HEAD_BYTES;
      case 'length':
        return this.#toLengthBytes(state.head);
      case 'payload':
        return state.payload.remaining;
    }
  }

  protected override undecodable(): Fault {
    return violation('undecodable frame');
  }

  protected override step(): WebSocketPiece | undefined {
    const { state } = this;
    switch (state.kind) {
      case 'head': {
        const bytes = this.queue.take(HEAD_BYTES);
        if (bytes !== undefined) this.state = { kind: 'length', head: this.#parseHead(bytes) };
        return undefined;
      }
      case 'length': {
        const { head } = state;
        const bytes = this.queue.take(this.#toLengthBytes(head));
        return bytes === undefined ? undefined : this.#begin(head, bytes);
      }
      case 'payload':
        return this.#takePiece(state.payload);
    }
  }

  /** Of the longer length and the mask. */
  #toLengthBytes({ lengthBytes }: Head): number {
    return lengthBytes + (this.#masked ? 4 : 0);
  }

  #parseHead(bytes: Buffer): Head {
    const first = bytes.readUInt8(0);
    const second = bytes.readUInt8(1);
    const fin = (first & 0x80) !== 0;
    const opcode = first & 0x0f;
    const shortLength = second & 0x7f;
    if ((first & 0x70) !== 0) throw violation('a reserved bit is set and no extension was negotiated');
    if (!isOpcode(opcode)) throw violation(`unknown opcode ${opcode}`);
    if (((second & 0x80) !== 0) !== this.#masked) {
      throw violation(this.#masked ? 'a client frame without mask' : 'a server frame with mask');
    }
    if (isControlOpcode(opcode)) {
      if (!fin) throw violation('a control frame in fragments');
      if (shortLength > MAX_CONTROL_BYTES) throw violation('a control frame longer than 125 bytes');
    } else if (this.#refuseFragments && (!fin || opcode === OPCODE.continuation)) {
      throw violation('messages in several frames are not accepted');
    }
    return { opcode, fin, shortLength, lengthBytes: shortLength === 126 ? 2 : shortLength === 127 ? 8 : 0 };
  }

  #begin(head: Head, bytes: Buffer): WebSocketPiece | undefined {
    const length = readLength(head, bytes);
    if (length > BigInt(this.#maxPayloadBytes)) {
      throw new Fault(
        'RequestEntityTooLarge',
        `WebSocket: a frame longer than ${this.#maxPayloadBytes} bytes`,
      );
    }
    const { opcode, fin } = head;
    const key = this.#masked ? readMask(bytes, head.lengthBytes) : undefined;
    const all = Number(length);
    const payload: Payload = { opcode, fin, length: all, remaining: all, key, passedOver: false };
    this.state = { kind: 'payload', payload };
    return length === 0n ? this.#takePiece(payload) : undefined;
  }

  #takePiece(payload: Payload): WebSocketPiece | undefined {
    const { opcode, fin, length, key } = payload;
    const whole = isControlOpcode(opcode) || payload.remaining === 0;
    const bytes = whole ? this.queue.take(payload.remaining) : this.queue.takeUpTo(payload.remaining);
    if (bytes === undefined || (bytes.length === 0 && length > 0)) return undefined;
    const offset = length - payload.remaining;
    const remaining = payload.remaining - bytes.length;
    const last = remaining === 0;
    const passedOver = offset === 0 ? this.#isPassedOver(payload, bytes) : payload.passedOver;
    this.state = last
      ? { kind: 'head' }
      : { kind: 'payload', payload: { ...payload, remaining, passedOver } };
    const piece = { opcode, fin, first: offset === 0, last };
    if (passedOver) return { ...piece, payload: NOTHING };
    return { ...piece, payload: key === undefined ? bytes : masked(bytes, key, offset) };
  }

  #isPassedOver({ opcode, key }: Payload, bytes: Buffer): boolean {
    const first = bytes[0];
    if (this.#passOver === undefined || first === undefined || isControlOpcode(opcode)) return false;
    return this.#passOver(key === undefined ? first : first ^ maskByte(key, 0));
  }
}

/** As a bigint: a hostile length has 64 bits. The shortest form is not insisted on, nor do Go's servers. */
const readLength = (head: Head, bytes: Buffer): bigint => {
  if (head.lengthBytes === 0) return BigInt(head.shortLength);
  return head.lengthBytes === 2 ? BigInt(bytes.readUInt16BE(0)) : bytes.readBigUInt64BE(0);
};

export interface WebSocketFrame {
  readonly opcode: Opcode;
  readonly payload: Buffer;
  /** Default true. */
  readonly fin?: boolean;
  /** Four unpredictable bytes; a client's frame must have them, a server's must not. */
  readonly mask?: Buffer;
}

/** The bytes of one frame, its length in the shortest form. */
export const encodeWebSocketFrame = (frame: WebSocketFrame): Buffer => {
  const { opcode, payload, fin = true, mask: key } = frame;
  const { length } = payload;
  const lengthBytes = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const head = Buffer.alloc(2 + lengthBytes);
  head.writeUInt8((fin ? 0x80 : 0) | opcode, 0);
  const shortLength = lengthBytes === 0 ? length : lengthBytes === 2 ? 126 : 127;
  head.writeUInt8((key === undefined ? 0 : 0x80) | shortLength, 1);
  if (lengthBytes === 2) head.writeUInt16BE(length, 2);
  if (lengthBytes === 8) head.writeBigUInt64BE(BigInt(length), 2);
  if (key === undefined) return Buffer.concat([head, payload]);
  const bytes = Buffer.from(payload);
  mask(bytes, readMask(key, 0), 0);
  return Buffer.concat([head, key, bytes]);
};

/** The payload of a close frame (§5.5.1). `reason` has at most 123 bytes. */
export const encodeClosePayload = (code: number, reason = ''): Buffer => {
  const payload = Buffer.alloc(2 + Buffer.byteLength(reason));
  payload.writeUInt16BE(code, 0);
  payload.write(reason, 2);
  return payload;
};

/** `Sec-WebSocket-Accept` for a `Sec-WebSocket-Key` (§4.2.2). */
export const toWebSocketAccept = (key: string): string =>
  createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
