// exec and attach over a WebSocket with a channel protocol (k8s.io/streaming wsstream, KEP-4006). What the client
// sends is read as Go's server reads it: every frame is a message whose first byte names a channel, continuation and
// text frames included.

import type { StreamFlags } from '../../core/action.ts';
import { CHANNEL, ChannelDecoder, encodeChannelMessage, isChannel } from '../../wire/channels.ts';
import type { ChannelEvent, ChannelProtocol } from '../../wire/channels.ts';
import {
  CLOSE_CODE,
  OPCODE,
  WebSocketDecoder,
  encodeClosePayload,
  encodeWebSocketFrame,
  isControlOpcode,
} from '../../wire/websocket-frame.ts';
import type { WebSocketPiece } from '../../wire/websocket-frame.ts';
import { ambiguous, checkOpcode } from './ambiguous.ts';
import { ResizeParser } from './resize.ts';
import type { SessionDecoder } from './session-decoder.ts';
import type { Emit } from './session-event.ts';
import { StatusCollector, toFailure } from './status.ts';

export interface ExecChannelOptions {
  readonly streams: StreamFlags;
  readonly protocol: ChannelProtocol;
  readonly strict: boolean;
  readonly reportsExit: boolean;
  /** False: no data of standard input is told, and none unmasked. Default true. */
  readonly readsStdin?: boolean;
}

export class ExecChannels implements SessionDecoder {
  readonly #options: ExecChannelOptions;
  readonly #emit: Emit;
  readonly #client: WebSocketDecoder;
  readonly #clientChannels: ChannelDecoder;
  /** A client joins fragments and a kubelet sends none: what a node's would mean is nobody's to guess. */
  readonly #node = new WebSocketDecoder({ from: 'server', fragments: 'refuse' });
  readonly #nodeChannels: ChannelDecoder;
  readonly #resize: ResizeParser;
  readonly #status: StatusCollector;
  #stdinOpen: boolean;
  #clientClosed = false;
  #nodeClosed = false;

  constructor(options: ExecChannelOptions, emit: Emit) {
    const { protocol, strict, reportsExit, streams, readsStdin = true } = options;
    this.#options = options;
    this.#emit = emit;
    this.#resize = new ResizeParser(options);
    this.#client = new WebSocketDecoder({
      from: 'client',
      fragments: strict ? 'refuse' : 'frames',
      ...(readsStdin ? {} : { passOver: (first) => isChannel(protocol, first, CHANNEL.stdin) }),
    });
    this.#clientChannels = new ChannelDecoder(protocol);
    this.#nodeChannels = new ChannelDecoder(protocol);
    this.#status = new StatusCollector({ version: protocol.version, reportsExit });
    this.#stdinOpen = streams.stdin;
  }

  get buffered(): number {
    return this.#client.buffered + this.#node.buffered;
  }

  get unfinished(): number {
    return this.#nodeClosed ? 0 : this.#node.missing;
  }

  get owesStatus(): boolean {
    return !this.#nodeClosed && this.#status.isOwed;
  }

  fromClient(chunk: Buffer): void {
    this.#client.push(chunk, (piece) => this.#fromClient(piece));
  }

  fromNode(chunk: Buffer): void {
    this.#node.push(chunk, (piece) => this.#fromNode(piece));
  }

  end(): void {
    this.#tellStatus(this.#nodeClosed);
  }

  farewell(message: string): Buffer | undefined {
    if (this.#nodeClosed || !this.#node.atBoundary) return undefined;
    const { protocol } = this.#options;
    const text = Buffer.from(toFailure(message, protocol.version));
    return Buffer.concat([
      encodeWebSocketFrame(encodeChannelMessage(protocol, CHANNEL.error, text)),
      // Any other code is an error of the connection to client-go, whatever the status said.
      encodeWebSocketFrame({ opcode: OPCODE.close, payload: encodeClosePayload(CLOSE_CODE.normal) }),
    ]);
  }

  #fromClient(piece: WebSocketPiece): void {
    const { strict, protocol } = this.#options;
    if (this.#clientClosed) {
      // A server has stopped reading.
      if (strict) throw ambiguous('WebSocket: a frame after the close frame');
      return;
    }
    if (isControlOpcode(piece.opcode)) {
      this.#clientClosed = piece.opcode === OPCODE.close;
      return;
    }
    if (strict && piece.first) checkOpcode(piece, protocol);
    const event = this.#clientChannels.push(piece);
    if (event !== undefined) this.#clientEvent(event);
  }

  #clientEvent(event: ChannelEvent): void {
    const { strict, streams } = this.#options;
    if (event.kind === 'close') {
      if (event.channel === CHANNEL.stdin) this.#closeStdin();
      return;
    }
    switch (event.channel) {
      case CHANNEL.stdin:
        if (this.#stdinOpen) {
          if (event.data.length > 0) this.#emit({ kind: 'data', stream: 'stdin', data: event.data });
        } else if (strict) {
          throw ambiguous(
            streams.stdin
              ? 'channel protocol: data on a closed stdin'
              : 'channel protocol: stdin is not open',
          );
        }
        return;
      case CHANNEL.resize:
        if (streams.tty) this.#resize.push(event.data, this.#emit);
        return;
      default:
        if (strict) throw ambiguous(`channel protocol: channel ${event.channel} is not open for writing`);
    }
  }

  #closeStdin(): void {
    if (!this.#stdinOpen) return;
    this.#stdinOpen = false;
    this.#emit({ kind: 'stdinClosed' });
  }

  #fromNode(piece: WebSocketPiece): void {
    if (this.#nodeClosed) return;
    if (isControlOpcode(piece.opcode)) {
      if (piece.opcode === OPCODE.close) {
        this.#nodeClosed = true;
        this.#tellStatus(true);
      }
      return;
    }
    const event = this.#nodeChannels.push(piece);
    if (event?.kind !== 'data' || event.data.length === 0) return;
    const { data } = event;
    if (event.channel === CHANNEL.stdout) this.#emit({ kind: 'data', stream: 'stdout', data });
    else if (event.channel === CHANNEL.stderr) this.#emit({ kind: 'data', stream: 'stderr', data });
    else if (event.channel === CHANNEL.error) this.#status.push(data);
  }

  #tellStatus(orderly: boolean): void {
    const status = this.#status.finish(orderly);
    if (status !== undefined) this.#emit(status);
  }
}
