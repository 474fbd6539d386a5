// A client of the gateway that writes its requests byte by byte, for what no HTTP library would send, and reads answers
// as they stand on the wire.

import { once } from 'node:events';
import { connect } from 'node:tls';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import type { Scenario } from './scenario.ts';

export interface RawAnswer {
  readonly code: number;
  /** Names in lower case; repeated lines joined by a comma. */
  readonly headers: ReadonlyMap<string, string>;
  /** The head as it came, the empty line included. */
  readonly head: string;
  /** Without the chunked coding. Latin-1: a character a byte. */
  readonly body: string;
}

export class RawClient {
  readonly socket: TLSSocket;
  /** Resolves when the other side has closed, in whichever way. */
  readonly closed: Promise<void>;
  #received = Buffer.alloc(0);
  #ended = false;
  readonly #waiting = new Set<() => void>();

  private constructor(socket: TLSSocket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#wake();
    });
    const end = (): void => {
      this.#ended = true;
      this.#wake();
    };
    socket.on('error', () => undefined);
    socket.on('end', end).on('close', end);
    this.closed = new Promise((resolve) => {
      socket.once('end', () => resolve()).once('close', () => resolve());
    });
  }

  static async open(scenario: Scenario, options: ConnectionOptions = {}): Promise<RawClient> {
    const { certificateAuthority: ca, port } = scenario.environment;
    const socket = connect({ host: '127.0.0.1', port, ca, ...options });
    await once(socket, 'secureConnect');
    return new RawClient(socket);
  }

  /** What has come and was not read. */
  get received(): Buffer {
    return this.#received;
  }

  send(bytes: string | Buffer): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }

  /** What has come as soon as `enough` says so of it; rejects when the other side closes before. */
  async until(enough: (bytes: Buffer) => boolean): Promise<Buffer> {
    while (!enough(this.#received)) {
      if (this.#ended) throw new Error(`closed too early, after: ${this.#received.toString('latin1')}`);
      await this.#next();
    }
    return this.#received;
  }

  /** Takes the head of an answer away from what has come. */
  async readHead(): Promise<RawAnswer> {
    const bytes = await this.until((received) => received.includes('\r\n\r\n'));
    const head = this.#take(bytes.indexOf('\r\n\r\n') + 4).toString('latin1');
    const [statusLine = '', ...lines] = head.trimEnd().split('\r\n');
    const headers = new Map<string, string>();
    for (const line of lines) {
      const colon = line.indexOf(':');
      const name = line.slice(0, colon).toLowerCase();
      const before = headers.get(name);
      const value = line.slice(colon + 1).trim();
      headers.set(name, before === undefined ? value : `${before}, ${value}`);
    }
    return { code: Number(statusLine.split(' ')[1]), headers, head, body: '' };
  }

  /** A whole answer. Without a declared length it ends with the connection. */
  async readAnswer(): Promise<RawAnswer> {
    const answer = await this.readHead();
    const length = answer.headers.get('content-length');
    if (answer.headers.get('transfer-encoding') === 'chunked') {
      return { ...answer, body: await this.#readChunks() };
    }
    if (answer.code === 304 || answer.code === 204) return answer;
    if (length === undefined) return { ...answer, body: (await this.readToEnd()).toString('latin1') };
    const size = Number(length);
    await this.until((received) => received.length >= size);
    return { ...answer, body: this.#take(size).toString('latin1') };
  }

  async readToEnd(): Promise<Buffer> {
    while (!this.#ended) await this.#next();
    return this.#received;
  }

  destroy(): void {
    this.socket.destroy();
  }

  async #readChunks(): Promise<string> {
    let body = '';
    for (;;) {
      const line = await this.until((received) => received.includes('\r\n'));
      const size = Number.parseInt(this.#take(line.indexOf('\r\n') + 2).toString('latin1'), 16);
      await this.until((received) => received.length >= size + 2);
      body += this.#take(size + 2).toString('latin1', 0, size);
      if (size === 0) return body;
    }
  }

  #take(length: number): Buffer {
    const taken = this.#received.subarray(0, length);
    this.#received = this.#received.subarray(length);
    return taken;
  }

  #next(): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
    });
  }

  #wake(): void {
    for (const look of [...this.#waiting]) look();
  }
}

/** A request's head. `lines` are header lines as they are; `Host` is added. */
export const head = (method: string, target: string, ...lines: readonly string[]): string =>
  [`${method} ${target} HTTP/1.1`, 'Host: gateway', ...lines, '', ''].join('\r\n');

export const bearer = (token: string): string => `Authorization: Bearer ${token}`;

export const WEBSOCKET = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Protocol: v5.channel.k8s.io',
] as const;

export const SPDY = [
  'Connection: Upgrade',
  'Upgrade: SPDY/3.1',
  'X-Stream-Protocol-Version: v4.channel.k8s.io',
] as const;

/** One request on a connection of its own, and its whole answer. */
export async function ask(
  scenario: Scenario,
  request: string | Buffer,
  options: ConnectionOptions = {},
): Promise<RawAnswer> {
  const client = await RawClient.open(scenario, options);
  try {
    client.send(request);
    return await client.readAnswer();
  } finally {
    client.destroy();
  }
}
