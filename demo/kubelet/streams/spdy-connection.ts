// The server's end of a SPDY/3.1 connection as moby/spdystream keeps it: answers every SYN_STREAM at once, has no flow
// control but that of the transport, and resets what it does not understand.

import { Readable, Writable } from 'node:stream';
import type { Duplex } from 'node:stream';
import { RST_STATUS, SpdyDecoder, encodeSpdyFrame } from '../../../src/wire/spdy-frame.ts';
import type { SpdyEvent, SpdyFrame } from '../../../src/wire/spdy-frame.ts';
import { SpdyHeaderDecoder, SpdyHeaderEncoder } from '../../../src/wire/spdy-headers.ts';
import type { SpdyHeaders } from '../../../src/wire/spdy-headers.ts';

export interface SpdyStream {
  readonly id: number;
  readonly headers: SpdyHeaders;
  /** What the client sends; ends with its FIN, is destroyed by its reset. */
  readonly input: Readable;
  /** What the client is sent; its end is our FIN. */
  readonly output: Writable;
  /** Ends the stream in both directions, unless we have finished it already. */
  reset(status: number): void;
}

interface OpenStream extends SpdyStream {
  finished: boolean;
}

export class SpdyConnection {
  /** Settles when the transport is closed. */
  readonly closed: Promise<void>;
  readonly #transport: Duplex;
  readonly #decoder = new SpdyDecoder();
  readonly #headerDecoder = new SpdyHeaderDecoder();
  readonly #headerEncoder = new SpdyHeaderEncoder();
  readonly #streams = new Map<number, OpenStream>();
  readonly #onStream: (stream: SpdyStream) => void;
  readonly #blocked = new Set<number>();
  #lastStreamId = 0;

  /** `onStream` hears of every stream of the client after it was answered. */
  constructor(transport: Duplex, onStream: (stream: SpdyStream) => void) {
    this.#transport = transport;
    this.#onStream = onStream;
    this.closed = new Promise((resolve) => {
      transport.once('close', () => {
        for (const { input, output } of this.#streams.values()) {
          input.destroy();
          output.destroy();
        }
        resolve();
      });
    });
    transport.on('error', () => transport.destroy());
    // The Go proxies before a runtime close both directions as soon as one has ended.
    transport.on('end', () => transport.destroy());
    transport.on('data', (chunk: Buffer) => {
      try {
        this.#decoder.push(chunk, (event) => this.#receive(event));
      } catch {
        transport.destroy();
      }
    });
  }

  /** Resets what is open, says GOAWAY and closes. */
  close(): void {
    for (const stream of this.#streams.values()) stream.reset(RST_STATUS.cancel);
    this.#send({ kind: 'goAway', lastStreamId: this.#lastStreamId, status: 0 });
    this.#transport.end();
    // A client that never closes its side must not keep ours open.
    this.#transport.resume();
    setTimeout(() => this.#transport.destroy(), 1000).unref();
  }

  #send(frame: SpdyFrame, done?: () => void): void {
    if (this.#transport.writable) this.#transport.write(encodeSpdyFrame(frame), () => done?.());
    else done?.();
  }

  #receive(event: SpdyEvent): void {
    switch (event.kind) {
      case 'synStream':
        this.#open(event.streamId, this.#headerDecoder.decode(event.headerBlock), event.fin);
        return;
      case 'data': {
        const stream = this.#streams.get(event.streamId);
        if (stream === undefined) {
          if (event.last) this.#resetUnknown(event.streamId);
          return;
        }
        if (event.data.length > 0 && !stream.input.push(event.data)) this.#block(stream.id);
        if (event.fin) stream.input.push(null);
        return;
      }
      case 'rstStream': {
        const stream = this.#streams.get(event.streamId);
        this.#streams.delete(event.streamId);
        this.#unblock(event.streamId);
        stream?.input.destroy();
        stream?.output.destroy();
        return;
      }
      case 'synReply':
      case 'headers':
        // Not used, and still part of the compressed stream.
        this.#headerDecoder.decode(event.headerBlock);
        return;
      case 'ping':
        if (event.id % 2 === 1) this.#send(event);
        return;
      case 'goAway':
      case 'settings':
      case 'windowUpdate':
        return;
    }
  }

  #resetUnknown(streamId: number): void {
    this.#send({ kind: 'rstStream', streamId, status: RST_STATUS.invalidStream });
  }

  #open(id: number, headers: SpdyHeaders, fin: boolean): void {
    if (id % 2 === 0 || id <= this.#lastStreamId) {
      this.#send({ kind: 'rstStream', streamId: id, status: RST_STATUS.protocolError });
      return;
    }
    this.#lastStreamId = id;
    const stream: OpenStream = {
      id,
      headers,
      finished: false,
      input: new Readable({ read: () => this.#unblock(id) }),
      output: new Writable({
        write: (data: Buffer, _encoding, done) =>
          this.#send({ kind: 'data', streamId: id, fin: false, data }, done),
        final: (done) => {
          stream.finished = true;
          this.#send({ kind: 'data', streamId: id, fin: true, data: Buffer.alloc(0) }, done);
        },
      }),
      reset: (status) => {
        if (stream.finished || !this.#streams.has(id)) return;
        stream.finished = true;
        this.#streams.delete(id);
        this.#unblock(id);
        this.#send({ kind: 'rstStream', streamId: id, status });
        stream.input.destroy();
        stream.output.destroy();
      },
    };
    stream.output.on('error', () => undefined);
    this.#streams.set(id, stream);
    this.#send({ kind: 'synReply', streamId: id, fin: false, headerBlock: this.#headerEncoder.encode([]) });
    if (fin) stream.input.push(null);
    this.#onStream(stream);
  }

  /** A stream that is not read stops the connection: there is one transport and no window. */
  #block(id: number): void {
    this.#blocked.add(id);
    this.#transport.pause();
  }

  #unblock(id: number): void {
    if (this.#blocked.delete(id) && this.#blocked.size === 0) this.#transport.resume();
  }
}
