// The payloads of SPDY/3 control frames (SPDY draft 3 §2.6), read as moby/spdystream reads them (spdy/read.go): what ends
// the reading of a connection there is a Fault here, and so is what it would read otherwise than its length says.

import { Fault } from '../core/fault.ts';

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

export const TYPES = {
  synStream: 1,
  synReply: 2,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  headers: 8,
  windowUpdate: 9,
} as const satisfies Record<SpdyControlFrame['kind'], number>;

export const FLAG_FIN = 0x01;
export const FLAG_UNIDIRECTIONAL = 0x02;
export const FLAG_CLEAR_SETTINGS = 0x01;
const MAX_ID = 0x7fffffff;

export const malformed = (what: string): Fault => new Fault('BadRequest', `SPDY: ${what}`);

export interface ControlHead {
  readonly type: number;
  readonly flags: number;
  readonly length: number;
}

class Payload {
  readonly #head: ControlHead;
  readonly #bytes: Buffer;

  constructor(head: ControlHead, bytes: Buffer) {
    this.#head = head;
    this.#bytes = bytes;
  }

  needs(bytes: number): void {
    const { type, length } = this.#head;
    if (length < bytes) throw malformed(`control frame type ${type} of ${length} bytes, needs ${bytes}`);
  }

  /**
   * moby/spdystream reads a frame of a fixed size without a look at its length: what a longer one hides from whoever believes
   * the length are frames to it.
   */
  has(bytes: number): void {
    const { type, length } = this.#head;
    if (length !== bytes) throw malformed(`control frame type ${type} of ${length} bytes, not ${bytes}`);
  }

  hasNoFlags(): void {
    const { type, flags } = this.#head;
    if (flags !== 0) throw malformed(`control frame type ${type} with flags`);
  }

  /** It takes no reserved bit off, and looks for another stream then. */
  idAt(offset: number): number {
    const id = this.#bytes.readUInt32BE(offset);
    if (id <= MAX_ID) return id;
    throw malformed(`control frame type ${this.#head.type} with a reserved bit before its stream id`);
  }

  streamAt(offset: number): number {
    const id = this.idAt(offset);
    if (id === 0) throw malformed(`control frame type ${this.#head.type} for stream 0`);
    return id;
  }
}

/** One frame, whole. Throws a Fault. */
export function decodeControl(head: ControlHead, payload: Buffer): SpdyControlFrame {
  const { type, flags } = head;
  const of = new Payload(head, payload);
  const fin = (flags & FLAG_FIN) !== 0;
  switch (type) {
    case TYPES.synStream:
      of.needs(10);
      return {
        kind: 'synStream',
        streamId: of.streamAt(0),
        associatedId: payload.readUInt32BE(4) & MAX_ID,
        priority: payload.readUInt8(8) >>> 5,
        slot: payload.readUInt8(9),
        fin,
        unidirectional: (flags & FLAG_UNIDIRECTIONAL) !== 0,
        headerBlock: payload.subarray(10),
      };
    case TYPES.synReply:
      of.needs(4);
      return { kind: 'synReply', streamId: of.streamAt(0), fin, headerBlock: payload.subarray(4) };
    case TYPES.headers:
      of.needs(4);
      return { kind: 'headers', streamId: of.streamAt(0), fin, headerBlock: payload.subarray(4) };
    case TYPES.rstStream:
      of.has(8);
      if (payload.readUInt32BE(4) === 0) throw malformed('RST_STREAM with status 0');
      return { kind: 'rstStream', streamId: of.streamAt(0), status: payload.readUInt32BE(4) };
    case TYPES.settings:
      of.needs(4);
      return {
        kind: 'settings',
        clear: (flags & FLAG_CLEAR_SETTINGS) !== 0,
        entries: decodeSettings(payload),
      };
    case TYPES.ping:
      of.has(4);
      of.hasNoFlags();
      if (payload.readUInt32BE(0) === 0) throw malformed('PING 0');
      return { kind: 'ping', id: payload.readUInt32BE(0) };
    case TYPES.goAway:
      of.has(8);
      of.hasNoFlags();
      return { kind: 'goAway', lastStreamId: of.idAt(0), status: payload.readUInt32BE(4) };
    case TYPES.windowUpdate:
      of.has(8);
      of.hasNoFlags();
      return { kind: 'windowUpdate', streamId: of.idAt(0), delta: payload.readUInt32BE(4) & MAX_ID };
    default:
      throw malformed(`unknown control frame type ${type}`);
  }
}

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
