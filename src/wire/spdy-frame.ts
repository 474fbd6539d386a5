// SPDY/3 frames as Kubernetes' streaming protocols use them (SPDY draft 3 §2.2 and §2.6; moby/spdystream). The decoder
// takes bytes cut anywhere and holds at most one control frame; the payload of a DATA frame passes through in pieces.
//
//   control  |1| version:15 | type:16 | flags:8 | length:24 | payload
//   data     |0| stream id:31         | flags:8 | length:24 | payload

import { Fault } from '../core/fault.ts';
import { FrameDecoder } from './frame-decoder.ts';

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

export interface SpdySetting {
  readonly flags: number;
  readonly id: number;
  readonly value: number;
}

/** `headerBlock` is compressed: see spdy-headers.ts, and note that every block of a direction must be decoded. */
export type SpdyControlFrame =
  | {
      readonly kind: 'synStream';
      readonly streamId: number;
      readonly associatedId: number;
      /** 0 (highest) to 7. */
      readonly priority: number;
      readonly slot: number;
      readonly fin: boolean;
      readonly unidirectional: boolean;
      readonly headerBlock: Buffer;
    }
  | {
      readonly kind: 'synReply';
      readonly streamId: number;
      readonly fin: boolean;
      readonly headerBlock: Buffer;
    }
  | { readonly kind: 'rstStream'; readonly streamId: number; readonly status: number }
  | { readonly kind: 'settings'; readonly clear: boolean; readonly entries: readonly SpdySetting[] }
  | { readonly kind: 'ping'; readonly id: number }
  | { readonly kind: 'goAway'; readonly lastStreamId: number; readonly status: number }
  | {
      readonly kind: 'headers';
      readonly streamId: number;
      readonly fin: boolean;
      readonly headerBlock: Buffer;
    }
  | { readonly kind: 'windowUpdate'; readonly streamId: number; readonly delta: number };

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

const TYPES = {
  synStream: 1,
  synReply: 2,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  headers: 8,
  windowUpdate: 9,
} as const satisfies Record<SpdyControlFrame['kind'], number>;

const HEAD_BYTES = 8;
const FLAG_FIN = 0x01;
const FLAG_UNIDIRECTIONAL = 0x02;
const FLAG_CLEAR_SETTINGS = 0x01;
const MAX_ID = 0x7fffffff;
const MAX_PAYLOAD_BYTES = 0xffffff;

const malformed = (what: string): Fault => new Fault('BadRequest', `SPDY: ${what}`);

export interface SpdyDecoderOptions {
  /** Longest control frame payload, in bytes. Default 65536; the largest one kubectl sends has 64. */
  readonly maxControlBytes?: number;
}

interface Head {
  readonly type: number;
  readonly flags: number;
  readonly length: number;
}

type State =
  | { readonly kind: 'head' }
  | { readonly kind: 'control'; readonly head: Head }
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

const decodeControl = ({ type, flags, length }: Head, payload: Buffer): SpdyControlFrame => {
  const needs = (bytes: number): void => {
    if (length < bytes) throw malformed(`control frame type ${type} of ${length} bytes, needs ${bytes}`);
  };
  /**
   * moby/spdystream reads a frame of a fixed size without a look at its length: what a longer one hides from whoever believes
   * the length are frames to it.
   */
  const has = (bytes: number): void => {
    if (length !== bytes) throw malformed(`control frame type ${type} of ${length} bytes, not ${bytes}`);
  };
  /** It takes no reserved bit off either, and looks for another stream then. */
  const idAt = (offset: number): number => {
    const id = payload.readUInt32BE(offset);
    if (id > MAX_ID) throw malformed(`control frame type ${type} with a reserved bit before its stream id`);
    return id;
  };
  const fin = (flags & FLAG_FIN) !== 0;
  switch (type) {
    case TYPES.synStream:
      needs(10);
      return {
        kind: 'synStream',
        streamId: idAt(0),
        associatedId: payload.readUInt32BE(4) & MAX_ID,
        priority: payload.readUInt8(8) >>> 5,
        slot: payload.readUInt8(9),
        fin,
        unidirectional: (flags & FLAG_UNIDIRECTIONAL) !== 0,
        headerBlock: payload.subarray(10),
      };
    case TYPES.synReply:
      needs(4);
      return { kind: 'synReply', streamId: idAt(0), fin, headerBlock: payload.subarray(4) };
    case TYPES.headers:
      needs(4);
      return { kind: 'headers', streamId: idAt(0), fin, headerBlock: payload.subarray(4) };
    case TYPES.rstStream:
      has(8);
      return { kind: 'rstStream', streamId: idAt(0), status: payload.readUInt32BE(4) };
    case TYPES.settings:
      needs(4);
      return {
        kind: 'settings',
        clear: (flags & FLAG_CLEAR_SETTINGS) !== 0,
        entries: decodeSettings(payload),
      };
    case TYPES.ping:
      has(4);
      return { kind: 'ping', id: payload.readUInt32BE(0) };
    case TYPES.goAway:
      has(8);
      return { kind: 'goAway', lastStreamId: idAt(0), status: payload.readUInt32BE(4) };
    case TYPES.windowUpdate:
      has(8);
      return { kind: 'windowUpdate', streamId: idAt(0), delta: payload.readUInt32BE(4) & MAX_ID };
    default:
      throw malformed(`unknown control frame type ${type}`);
  }
};

const decodeSettings = (payload: Buffer): SpdySetting[] => {
  const count = payload.readUInt32BE(0);
  if (payload.length !== 4 + count * 8) {
    throw malformed(`SETTINGS frame of ${payload.length} bytes for ${count} entries`);
  }
  const entries: SpdySetting[] = [];
  for (let at = 4; at < payload.length; at += 8) {
    entries.push({
      flags: payload.readUInt8(at),
      id: payload.readUIntBE(at + 1, 3),
      value: payload.readUInt32BE(at + 4),
    });
  }
  return entries;
};

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
