// SPDY/3 frames as Kubernetes' streaming protocols use them (SPDY draft 3 §2.2 and §2.6; moby/spdystream). The decoder
// takes bytes cut anywhere and holds at most one control frame; the payload of a DATA frame passes through in pieces.
//
//   control  |1| version:15 | type:16 | flags:8 | length:24 | payload
//   data     |0| stream id:31         | flags:8 | length:24 | payload

import type { Fault } from '../core/fault.ts';
import { FrameDecoder } from './frame-decoder.ts';
import {
  FLAG_CLEAR_SETTINGS,
  FLAG_FIN,
  FLAG_UNIDIRECTIONAL,
  TYPES,
  decodeControl,
  malformed,
} from './spdy-control.ts';
import type { ControlHead, SpdyControlFrame } from './spdy-control.ts';

export type { SpdyControlFrame } from './spdy-control.ts';

/** RST_STREAM status codes (SPDY draft 3 §2.6.3). */
export const RST_STATUS = {
  protocolError: 1,
  invalidStream: 2,
  refusedStream: 3,
  unsupportedVersion: 4,
  cancel: 5,
  internalError: 6,
  flowControlError: 7,
} as const;

export interface SpdyDataFrame {
  readonly kind: 'data';
  readonly streamId: number;
  readonly fin: boolean;
  readonly data: Buffer;
}

/** A part of a DATA frame. `fin` is set on the last part only; `last` says that the frame ends here. */
export interface SpdyDataPiece extends SpdyDataFrame {
  readonly last: boolean;
}

export type SpdyFrame = SpdyControlFrame | SpdyDataFrame;
export type SpdyEvent = SpdyControlFrame | SpdyDataPiece;

const HEAD_BYTES = 8;
const MAX_PAYLOAD_BYTES = 0xffffff;

export interface SpdyDecoderOptions {
  /** Longest control frame payload, in bytes. Default 65536; the largest one kubectl sends has 64. */
  readonly maxControlBytes?: number;
}

type State =
  | { readonly kind: 'head' }
  | { readonly kind: 'control'; readonly head: ControlHead }
  | { readonly kind: 'data'; readonly streamId: number; readonly fin: boolean; readonly remaining: number };

/** Decodes one direction of a connection. As in moby/spdystream, the version field is not looked at. */
export class SpdyDecoder extends FrameDecoder<SpdyEvent> {
  protected override state: State = { kind: 'head' };
  readonly #maxControlBytes: number;

  constructor(options: SpdyDecoderOptions = {}) {
    super();
    this.#maxControlBytes = options.maxControlBytes ?? 65_536;
  }

  protected override needed(): number {
    const { state } = this;
    switch (state.kind) {
      case 'head':
        return HEAD_BYTES;
      case 'control':
        return state.head.length;
      case 'data':
        return state.remaining;
    }
  }

  protected override undecodable(): Fault {
    return malformed('undecodable frame');
  }

  protected override step(): SpdyEvent | undefined {
    const { state } = this;
    switch (state.kind) {
      case 'head': {
        const head = this.queue.take(HEAD_BYTES);
        return head === undefined ? undefined : this.#begin(head);
      }
      case 'control': {
        const payload = this.queue.take(state.head.length);
        if (payload === undefined) return undefined;
        this.state = { kind: 'head' };
        return decodeControl(state.head, payload);
      }
      case 'data': {
        const data = this.queue.takeUpTo(state.remaining);
        return data.length === 0 ? undefined : this.#piece(state, data);
      }
    }
  }

  #begin(head: Buffer): SpdyEvent | undefined {
    const first = head.readUInt32BE(0);
    const flags = head.readUInt8(4);
    const length = head.readUIntBE(5, 3);
    if (first >>> 31 === 0) {
      if (first === 0) throw malformed('data on stream 0');
      const state = {
        kind: 'data',
        streamId: first,
        fin: (flags & FLAG_FIN) !== 0,
        remaining: length,
      } as const;
      if (length === 0) return this.#piece(state, Buffer.alloc(0));
      this.state = state;
      return undefined;
    }
    if (length > this.#maxControlBytes) {
      throw malformed(`control frame of ${length} bytes, at most ${this.#maxControlBytes} allowed`);
    }
    this.state = { kind: 'control', head: { type: first & 0xffff, flags, length } };
    return undefined;
  }

  #piece(state: Extract<State, { kind: 'data' }>, data: Buffer): SpdyDataPiece {
    const remaining = state.remaining - data.length;
    const last = remaining === 0;
    this.state = last ? { kind: 'head' } : { ...state, remaining };
    return { kind: 'data', streamId: state.streamId, fin: last && state.fin, data, last };
  }
}

const control = (type: number, flags: number, ...parts: readonly (number | Buffer)[]): Buffer => {
  const payload = Buffer.concat(parts.map((part) => (typeof part === 'number' ? uint32(part) : part)));
  return Buffer.concat([uint32((0x8003 << 16) | type), uint32((flags << 24) | payload.length), payload]);
};

const uint32 = (value: number): Buffer => {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
};

/** The bytes of one frame. Throws a Fault when the payload does not fit SPDY's 24-bit length. */
export const encodeSpdyFrame = (frame: SpdyFrame): Buffer => {
  switch (frame.kind) {
    case 'data': {
      if (frame.data.length > MAX_PAYLOAD_BYTES) throw malformed('DATA frame longer than 16777215 bytes');
      const flags = frame.fin ? FLAG_FIN : 0;
      return Buffer.concat([uint32(frame.streamId), uint32((flags << 24) | frame.data.length), frame.data]);
    }
    case 'synStream': {
      const flags = (frame.fin ? FLAG_FIN : 0) | (frame.unidirectional ? FLAG_UNIDIRECTIONAL : 0);
      const priority = Buffer.from([frame.priority << 5, frame.slot]);
      const { streamId, associatedId, headerBlock } = frame;
      return control(TYPES.synStream, flags, streamId, associatedId, priority, headerBlock);
    }
    case 'synReply':
    case 'headers':
      return control(TYPES[frame.kind], frame.fin ? FLAG_FIN : 0, frame.streamId, frame.headerBlock);
    case 'rstStream':
      return control(TYPES.rstStream, 0, frame.streamId, frame.status);
    case 'settings': {
      const entries = frame.entries.flatMap(({ flags, id, value }) => [(flags << 24) | id, value]);
      return control(TYPES.settings, frame.clear ? FLAG_CLEAR_SETTINGS : 0, frame.entries.length, ...entries);
    }
    case 'ping':
      return control(TYPES.ping, 0, frame.id);
    case 'goAway':
      return control(TYPES.goAway, 0, frame.lastStreamId, frame.status);
    case 'windowUpdate':
      return control(TYPES.windowUpdate, 0, frame.streamId, frame.delta);
  }
};
