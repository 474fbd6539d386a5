// Port-forward over SPDY, directly or in a tunnel (cri-streaming portforward/httpstream.go): for each connection the
// client opens a stream `error` and a stream `data` with the same request id and port.

import type { SpdyHeaders } from '../../wire/spdy-headers.ts';
import { ambiguous } from './ambiguous.ts';
import type { Emit } from './session-event.ts';
import type { SpdyHandler } from './spdy-observer.ts';

const PORT = /^[1-9]\d{0,4}$/;
const MAX_MESSAGE = 4096;

type Stream = { readonly type: 'error'; readonly connection: string } | DataStream;

interface DataStream {
  readonly type: 'data';
  readonly connection: string;
  clientEnded: boolean;
  nodeEnded: boolean;
}

export class PortForwardStreams implements SpdyHandler {
  readonly remembers = false;
  readonly #strict: boolean;
  readonly #emit: Emit;
  readonly #streams = new Map<number, Stream>();
  /** Request id to the id of its data stream, which stands for the connection. */
  readonly #connections = new Map<string, { data?: number; error?: number; readonly port: string }>();

  constructor({ strict }: { readonly strict: boolean }, emit: Emit) {
    this.#strict = strict;
    this.#emit = emit;
  }

  opened(id: number, headers: SpdyHeaders): boolean {
    const type = this.#only(headers, 'streamtype');
    const port = this.#only(headers, 'port') ?? '';
    if ((type !== 'error' && type !== 'data') || !PORT.test(port) || Number(port) > 65_535) {
      // A server resets it and goes on.
      if (this.#strict) throw ambiguous('SPDY: a stream of an unknown type, or without a port');
      return false;
    }
    // Without a request id the data stream follows its error stream directly.
    const connection = this.#only(headers, 'requestid') ?? String(type === 'data' ? id - 2 : id);
    const pair = this.#connections.get(connection) ?? { port };
    if (pair[type] !== undefined || pair.port !== port) {
      if (this.#strict) throw ambiguous(`SPDY: a second ${type} stream for one connection, or another port`);
      return false;
    }
    pair[type] = id;
    this.#connections.set(connection, pair);
    if (type === 'data') {
      this.#streams.set(id, { type, connection, clientEnded: false, nodeEnded: false });
      this.#emit({ kind: 'opened', connection: id, port: Number(port) });
    } else {
      this.#streams.set(id, { type, connection });
    }
    return true;
  }

  clientData(id: number, data: Buffer): void {
    if (this.#streams.get(id)?.type === 'data') this.#pass(id, 'toNode', data.length);
    else if (this.#strict) throw ambiguous('SPDY: data from the client on an error stream');
  }

  nodeData(id: number, data: Buffer): void {
    const stream = this.#streams.get(id);
    // One that was closed by a reset is gone here; its bytes still count.
    if (stream?.type !== 'error') {
      this.#pass(id, 'fromNode', data.length);
      return;
    }
    const connection = this.#connections.get(stream.connection)?.data ?? id;
    this.#emit({ kind: 'message', connection, text: data.toString('utf8', 0, MAX_MESSAGE) });
  }

  clientEnded(id: number): void {
    const stream = this.#streams.get(id);
    if (stream?.type !== 'data') return;
    stream.clientEnded = true;
    if (stream.nodeEnded) this.#close(id, stream);
  }

  nodeEnded(id: number): void {
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    if (stream.type === 'error') {
      this.#streams.delete(id);
      const pair = this.#connections.get(stream.connection);
      if (pair?.data === undefined || !this.#streams.has(pair.data)) {
        this.#connections.delete(stream.connection);
      }
      return;
    }
    stream.nodeEnded = true;
    if (stream.clientEnded) this.#close(id, stream);
  }

  reset(id: number): void {
    const stream = this.#streams.get(id);
    if (stream?.type === 'data') this.#close(id, stream);
  }

  ended(): void {
    for (const [id, { type }] of this.#streams)
      if (type === 'data') this.#emit({ kind: 'closed', connection: id });
    this.#streams.clear();
  }

  farewell(message: string): { readonly id: number; readonly text: string } | undefined {
    for (const [id, { type }] of this.#streams) if (type === 'error') return { id, text: message };
    return undefined;
  }

  #pass(connection: number, direction: 'toNode' | 'fromNode', bytes: number): void {
    this.#emit({ kind: 'passed', connection, direction, bytes });
  }

  #close(id: number, { connection }: DataStream): void {
    this.#streams.delete(id);
    const pair = this.#connections.get(connection);
    if (pair?.error === undefined || !this.#streams.has(pair.error)) this.#connections.delete(connection);
    this.#emit({ kind: 'closed', connection: id });
  }

  #only(headers: SpdyHeaders, name: string): string | undefined {
    const values = headers.get(name);
    if (this.#strict && values !== undefined && values.length > 1) {
      throw ambiguous(`SPDY: a stream with several values of ${name}`);
    }
    return values?.[0];
  }
}
