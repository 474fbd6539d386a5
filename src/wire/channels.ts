// Kubernetes' channel protocols over WebSocket (k8s.io/streaming wsstream; KEP-4006 for v5): the first byte of each
// frame names a channel, the rest is its data. The base64 ones carry the channel as a digit and the data as base64.

import { Fault } from '../core/fault.ts';
import { OPCODE } from './websocket-frame.ts';
import type { Opcode, WebSocketPiece } from './websocket-frame.ts';

/** Channels of exec and attach. */
export const CHANNEL = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4 } as const;
/** v5: a message on this channel half-closes the channel that its one byte of data names. */
const CLOSE_CHANNEL = 255;

export interface ChannelProtocol {
  readonly subprotocol: string;
  readonly encoding: 'binary' | 'base64';
  /** 1: no status on success, text on failure. 4: JSON status. 5: as 4, and channels can be half-closed. */
  readonly version: 1 | 4 | 5;
}

/** The protocols by name, the newest first. The empty name stands for a client that offers none. */
export const CHANNEL_PROTOCOLS: readonly ChannelProtocol[] = [
  { subprotocol: 'v5.channel.k8s.io', encoding: 'binary', version: 5 },
  { subprotocol: 'v4.channel.k8s.io', encoding: 'binary', version: 4 },
  { subprotocol: 'v4.base64.channel.k8s.io', encoding: 'base64', version: 4 },
  { subprotocol: 'channel.k8s.io', encoding: 'binary', version: 1 },
  { subprotocol: 'base64.channel.k8s.io', encoding: 'base64', version: 1 },
  { subprotocol: '', encoding: 'binary', version: 1 },
];

export const parseChannelProtocol = (subprotocol: string): ChannelProtocol | undefined =>
  CHANNEL_PROTOCOLS.find((protocol) => protocol.subprotocol === subprotocol);

export type ChannelEvent =
  /** `last`: the message ends here. A long message comes in several parts. */
  | { readonly kind: 'data'; readonly channel: number; readonly data: Buffer; readonly last: boolean }
  | { readonly kind: 'close'; readonly channel: number };

interface Message {
  readonly channel: number;
  /** Characters of an unfinished base64 group, or the bytes so far of a CLOSE message. */
  readonly held: Buffer;
}

const toChannel = ({ encoding }: ChannelProtocol, first: number): number =>
  encoding === 'base64' ? (first - 0x30) & 0xff : first;

/** A message that begins with this byte is one of this channel. */
export const isChannel = (protocol: ChannelProtocol, first: number, channel: number): boolean =>
  toChannel(protocol, first) === channel;

const BASE64_TEXT = /^[A-Za-z0-9+/]*={0,2}$/;
const malformed = (what: string): Fault => new Fault('BadRequest', `channel protocol: ${what}`);

/**
 * Turns the pieces of data frames into channel events. Binary and text frames are read alike and each frame is a
 * message of its own, continuation frames too: that is what a kubelet and a container runtime do with them.
 */
export class ChannelDecoder {
  readonly #protocol: ChannelProtocol;
  #message: Message | undefined;

  constructor(protocol: ChannelProtocol) {
    this.#protocol = protocol;
  }

  /** Throws a Fault for undecodable base64 and for a malformed CLOSE, which end a session at the kubelet too. */
  push(piece: WebSocketPiece): ChannelEvent | undefined {
    let rest = piece.payload;
    if (piece.first) {
      const channel = rest[0];
      // An empty message has no channel; servers and clients send them and all ignore them.
      if (channel === undefined) return undefined;
      rest = rest.subarray(1);
      this.#message = { channel: toChannel(this.#protocol, channel), held: Buffer.alloc(0) };
    }
    const message = this.#message;
    if (message === undefined) return undefined;
    if (piece.last) this.#message = undefined;
    if (this.#protocol.version === 5 && message.channel === CLOSE_CHANNEL) {
      return this.#close(message, rest, piece.last);
    }
    const data = this.#protocol.encoding === 'base64' ? this.#decodeBase64(message, rest, piece.last) : rest;
    return { kind: 'data', channel: message.channel, data, last: piece.last };
  }

  #close(message: Message, rest: Buffer, last: boolean): ChannelEvent | undefined {
    const held = Buffer.concat([message.held, rest]);
    const channel = held[0];
    if (held.length > 1 || (last && channel === undefined)) throw malformed('CLOSE must name one channel');
    if (!last) {
      this.#message = { ...message, held };
      return undefined;
    }
    if (channel === undefined || channel > CHANNEL.resize) throw malformed('CLOSE of an unknown channel');
    return { kind: 'close', channel };
  }

  /** Decodes whole groups of four characters and keeps the rest for the next piece. */
  #decodeBase64(message: Message, rest: Buffer, last: boolean): Buffer {
    const text = Buffer.concat([message.held, rest]);
    const usable = text.length - (text.length % 4);
    if (last && usable !== text.length) throw malformed('base64 cut short');
    const ready = text.toString('latin1', 0, usable);
    if (!BASE64_TEXT.test(ready) || (!last && ready.includes('='))) throw malformed('not base64');
    if (!last) this.#message = { ...message, held: text.subarray(usable) };
    return Buffer.from(ready, 'base64');
  }
}

/** A message on a channel, ready to be framed. */
export const encodeChannelMessage = (
  protocol: ChannelProtocol,
  channel: number,
  data: Buffer,
): { readonly opcode: Opcode; readonly payload: Buffer } =>
  protocol.encoding === 'base64'
    ? { opcode: OPCODE.text, payload: Buffer.from(`${channel}${data.toString('base64')}`, 'latin1') }
    : { opcode: OPCODE.binary, payload: Buffer.concat([Buffer.from([channel]), data]) };

/** v5's half close of a channel. */
export const encodeChannelClose = (
  channel: number,
): { readonly opcode: Opcode; readonly payload: Buffer } => ({
  opcode: OPCODE.binary,
  payload: Buffer.from([CLOSE_CHANNEL, channel]),
});
