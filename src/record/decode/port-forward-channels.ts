// Port-forward over a WebSocket with a channel protocol (cri-streaming portforward/websocket.go): the port at place i
// of the URL has the channels 2i for data and 2i+1 for errors, and on each the node first sends the port, little endian.

import { ChannelDecoder, encodeChannelMessage } from '../../wire/channels.ts';
import type { ChannelProtocol } from '../../wire/channels.ts';
import {
  CLOSE_CODE,
  OPCODE,
  WebSocketDecoder,
  encodeClosePayload,
  encodeWebSocketFrame,
  isControlOpcode,
} from '../../wire/websocket-frame.ts';
import { ambiguous, checkOpcode } from './ambiguous.ts';
import type { SessionDecoder } from './session-decoder.ts';
import type { Emit } from './session-event.ts';

const PORT_BYTES = 2;
const MAX_MESSAGE = 4096;

export interface PortForwardChannelOptions {
  readonly ports: readonly number[];
  readonly protocol: ChannelProtocol;
  readonly strict: boolean;
}

export class PortForwardChannels implements SessionDecoder {
  readonly #options: PortForwardChannelOptions;
  readonly #emit: Emit;
  readonly #client: WebSocketDecoder;
  readonly #clientChannels: ChannelDecoder;
  readonly #node = new WebSocketDecoder({ from: 'server', fragments: 'refuse' });
  readonly #nodeChannels: ChannelDecoder;
  /** How many bytes of the port have come, by channel. */
  readonly #portBytes = new Map<number, number>();
  #begun = false;
  #clientClosed = false;
  #nodeClosed = false;

  constructor(options: PortForwardChannelOptions, emit: Emit) {
    this.#options = options;
    this.#emit = emit;
    this.#client = new WebSocketDecoder({ from: 'client', fragments: options.strict ? 'refuse' : 'frames' });
    this.#clientChannels = new ChannelDecoder(options.protocol);
    this.#nodeChannels = new ChannelDecoder(options.protocol);
  }

  get buffered(): number {
    return this.#client.buffered + this.#node.buffered;
  }

  get unfinished(): number {
    return this.#nodeClosed ? 0 : this.#node.missing;
  }

  fromClient(chunk: Buffer): void {
    this.#begin();
    const { strict, protocol, ports } = this.#options;
    this.#client.push(chunk, (piece) => {
      if (this.#clientClosed) {
        if (strict) throw ambiguous('WebSocket: a frame after the close frame');
        return;
      }
      if (isControlOpcode(piece.opcode)) {
        this.#clientClosed = piece.opcode === OPCODE.close;
        return;
      }
      if (strict && piece.first) checkOpcode(piece, protocol);
      const event = this.#clientChannels.push(piece);
      if (event?.kind !== 'data') return;
      const { channel, data } = event;
      if (channel % 2 === 0 && channel / 2 < ports.length) this.#pass(channel, 'toNode', data.length);
      else if (strict) throw ambiguous(`channel protocol: channel ${channel} is not open for writing`);
    });
  }

  fromNode(chunk: Buffer): void {
    this.#begin();
    this.#node.push(chunk, (piece) => {
      if (this.#nodeClosed) return;
      if (isControlOpcode(piece.opcode)) {
        this.#nodeClosed = piece.opcode === OPCODE.close;
        return;
      }
      const event = this.#nodeChannels.push(piece);
      if (event?.kind === 'data') this.#fromNode(event.channel, event.data);
    });
  }

  end(): void {
    this.#begin();
    this.#options.ports.forEach((_, at) => this.#emit({ kind: 'closed', connection: at * 2 }));
  }

  farewell(message: string): Buffer | undefined {
    if (this.#nodeClosed || !this.#node.atBoundary) return undefined;
    const { protocol } = this.#options;
    const errorChannel = 1;
    // Before the port has gone out on a channel, its first two bytes would be read as one.
    const words =
      (this.#portBytes.get(errorChannel) ?? 0) < PORT_BYTES
        ? []
        : [encodeWebSocketFrame(encodeChannelMessage(protocol, errorChannel, Buffer.from(message)))];
    const close = encodeWebSocketFrame({
      opcode: OPCODE.close,
      payload: encodeClosePayload(CLOSE_CODE.normal),
    });
    return Buffer.concat([...words, close]);
  }

  #begin(): void {
    if (this.#begun) return;
    this.#begun = true;
    this.#options.ports.forEach((port, at) => this.#emit({ kind: 'opened', connection: at * 2, port }));
  }

  #fromNode(channel: number, data: Buffer): void {
    if (channel >= this.#options.ports.length * 2) return;
    const before = this.#portBytes.get(channel) ?? 0;
    const skipped = Math.min(PORT_BYTES - before, data.length);
    if (skipped > 0) this.#portBytes.set(channel, before + skipped);
    const rest = data.subarray(skipped);
    if (rest.length === 0) return;
    if (channel % 2 === 0) this.#pass(channel, 'fromNode', rest.length);
    else
      this.#emit({ kind: 'message', connection: channel - 1, text: rest.toString('utf8', 0, MAX_MESSAGE) });
  }

  #pass(connection: number, direction: 'toNode' | 'fromNode', bytes: number): void {
    if (bytes > 0) this.#emit({ kind: 'passed', connection, direction, bytes });
  }
}
