// Both directions of a SPDY/3.1 session as moby/spdystream keeps it: which streams the client has opened, and which
// side has ended which. What the streams mean is its handler's to say.

import { SpdyDecoder, encodeSpdyFrame } from '../../wire/spdy-frame.ts';
import type { SpdyControlFrame, SpdyDataPiece, SpdyEvent } from '../../wire/spdy-frame.ts';
import { SpdyHeaderDecoder } from '../../wire/spdy-headers.ts';
import type { SpdyHeaders } from '../../wire/spdy-headers.ts';
import { ambiguous } from './ambiguous.ts';
import type { SessionDecoder } from './session-decoder.ts';

/** Streams that are kept at once; kubectl has five, and two for each connection of a port-forward. */
const MAX_STREAMS = 4096;
/** With one of these in a SYN_STREAM moby/spdystream ends the reading of the connection (spdy/types.go). */
const DEADLY_HEADERS = ['connection', 'host', 'keep-alive', 'proxy-connection', 'transfer-encoding'];

export interface SpdyHandler {
  /** What the node still says on a stream that was reset matters, however many there are. */
  readonly remembers: boolean;
  /** The client opens a stream. False: the server takes no notice of it. Throws a Fault. */
  opened(id: number, headers: SpdyHeaders): boolean;
  clientData(id: number, data: Buffer): void;
  /** The client has said all on this stream. */
  clientEnded(id: number): void;
  nodeData(id: number, data: Buffer): void;
  nodeEnded(id: number): void;
  /** Either side has reset the stream: neither says more. Follows the end of the side that did. */
  reset(id: number): void;
  /** The session is over. */
  ended(): void;
  /** The stream on which the client hears of an error, and the words. */
  farewell(message: string): { readonly id: number; readonly text: string } | undefined;
  readonly owesStatus?: boolean;
}

interface Stream {
  readonly known: boolean;
  replied: boolean;
  clientEnded: boolean;
  nodeEnded: boolean;
  reset: boolean;
}

export class SpdyObserver implements SessionDecoder {
  readonly #handler: SpdyHandler;
  readonly #strict: boolean;
  readonly #client = new SpdyDecoder();
  readonly #clientHeaders = new SpdyHeaderDecoder();
  readonly #node = new SpdyDecoder();
  readonly #nodeHeaders = new SpdyHeaderDecoder();
  /**
   * A stream is kept until both sides have ended it. What the client says after the node's end was on its way; what the
   * node says after the client's reset may be read by the client all the same.
   */
  readonly #streams = new Map<number, Stream>();
  #lastId = 0;
  #goneAway = false;
  /** The client has said that it goes: whether a server still reads what comes then depends on its version. */
  #clientGone = false;

  constructor(handler: SpdyHandler, { strict }: { readonly strict: boolean }) {
    this.#handler = handler;
    this.#strict = strict;
  }

  get buffered(): number {
    return this.#client.buffered + this.#node.buffered;
  }

  get unfinished(): number {
    return this.#goneAway ? 0 : this.#node.missing;
  }

  get owesStatus(): boolean {
    return !this.#goneAway && this.#handler.owesStatus === true;
  }

  fromClient(chunk: Buffer): void {
    this.#client.push(chunk, (event) => this.#clientEvent(event));
  }

  fromNode(chunk: Buffer): void {
    this.#node.push(chunk, (event) => this.#nodeEvent(event));
  }

  end(): void {
    this.#handler.ended();
  }

  farewell(message: string): Buffer | undefined {
    if (this.#goneAway || !this.#node.atBoundary) return undefined;
    const goAway = encodeSpdyFrame({ kind: 'goAway', lastStreamId: this.#lastId, status: 0 });
    const words = this.#handler.farewell(message);
    const stream = words === undefined ? undefined : this.#streams.get(words.id);
    // Before the SYN_REPLY a client drops data, and after its end it is an error.
    if (words === undefined || stream?.replied !== true || stream.nodeEnded) return goAway;
    const data = Buffer.from(words.text);
    return Buffer.concat([encodeSpdyFrame({ kind: 'data', streamId: words.id, fin: true, data }), goAway]);
  }

  #clientEvent(event: SpdyEvent): void {
    switch (event.kind) {
      case 'synStream':
        this.#open(event, this.#clientHeaders.decode(event.headerBlock));
        return;
      case 'data':
        this.#clientData(event);
        return;
      case 'rstStream':
        this.#endByClient(event.streamId);
        this.#reset(event.streamId);
        return;
      case 'headers':
      case 'synReply':
        // A server takes no notice of them; they are part of the compressed stream all the same.
        this.#clientHeaders.decode(event.headerBlock);
        if (this.#strict) throw ambiguous(`SPDY: a ${event.kind} frame from the client`);
        return;
      case 'goAway':
        this.#clientGone = true;
        return;
      case 'ping':
      case 'settings':
      case 'windowUpdate':
        return;
    }
  }

  #open(frame: Extract<SpdyControlFrame, { kind: 'synStream' }>, headers: SpdyHeaders): void {
    const { streamId: id, fin, unidirectional } = frame;
    const deadly = DEADLY_HEADERS.find((name) => headers.has(name));
    if (deadly !== undefined) throw ambiguous(`SPDY: a stream with the header ${deadly}`);
    if (this.#clientGone) {
      if (this.#strict) throw ambiguous('SPDY: a stream after GOAWAY');
      return;
    }
    // A server resets the stream and goes on.
    if (id % 2 === 0 || id <= this.#lastId) {
      if (this.#strict) throw ambiguous('SPDY: stream ids must be odd and increase');
      return;
    }
    if (unidirectional && this.#strict) throw ambiguous('SPDY: a unidirectional stream');
    this.#lastId = id;
    this.#makeRoom();
    const known = this.#handler.opened(id, headers);
    this.#streams.set(id, { known, replied: false, clientEnded: false, nodeEnded: false, reset: false });
    if (fin) this.#endByClient(id);
  }

  #makeRoom(): void {
    if (this.#streams.size < MAX_STREAMS) return;
    for (const [id, { nodeEnded, reset }] of this.#streams) {
      if (nodeEnded || (reset && !this.#handler.remembers)) this.#streams.delete(id);
    }
    if (this.#streams.size >= MAX_STREAMS) throw ambiguous(`SPDY: more than ${MAX_STREAMS} open streams`);
  }

  #clientData({ streamId, data, fin }: SpdyDataPiece): void {
    const stream = this.#streams.get(streamId);
    if (data.length > 0) {
      if (stream === undefined || stream.clientEnded) {
        if (this.#strict) throw ambiguous('SPDY: data on a stream that is not open');
        return;
      }
      // What was on its way when the node ended the stream is read by nobody.
      if (this.#strict && this.#clientGone && !stream.nodeEnded) throw ambiguous('SPDY: data after GOAWAY');
      if (stream.known && !stream.reset) this.#handler.clientData(streamId, data);
    }
    if (fin) this.#endByClient(streamId);
  }

  #endByClient(id: number): void {
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    if (!stream.clientEnded) {
      stream.clientEnded = true;
      if (stream.known) this.#handler.clientEnded(id);
    }
    if (stream.nodeEnded) this.#streams.delete(id);
  }

  #reset(id: number): void {
    const stream = this.#streams.get(id);
    if (stream === undefined || stream.reset) return;
    stream.reset = true;
    if (stream.known) this.#handler.reset(id);
  }

  #nodeEvent(event: SpdyEvent): void {
    switch (event.kind) {
      case 'synStream':
      case 'headers':
        this.#nodeHeaders.decode(event.headerBlock);
        return;
      case 'synReply': {
        this.#nodeHeaders.decode(event.headerBlock);
        const stream = this.#streams.get(event.streamId);
        if (stream !== undefined) stream.replied = true;
        if (event.fin) this.#endByNode(event.streamId);
        return;
      }
      case 'data':
        if (event.data.length > 0 && this.#streams.get(event.streamId)?.known === true) {
          this.#handler.nodeData(event.streamId, event.data);
        }
        if (event.fin) this.#endByNode(event.streamId);
        return;
      case 'rstStream':
        this.#endByNode(event.streamId);
        this.#reset(event.streamId);
        return;
      case 'goAway':
        this.#goneAway = true;
        return;
      case 'ping':
      case 'settings':
      case 'windowUpdate':
        return;
    }
  }

  #endByNode(id: number): void {
    const stream = this.#streams.get(id);
    if (stream === undefined || stream.nodeEnded) return;
    stream.nodeEnded = true;
    if (stream.known) this.#handler.nodeEnded(id);
    if (stream.clientEnded) this.#streams.delete(id);
  }
}
