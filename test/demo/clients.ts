// Raw clients for the simulated kubelet: certificates, plain requests over TLS, and upgraded connections byte by byte.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { connect } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { demoPods, startKubelet } from '../../demo/kubelet/kubelet.ts';
import type {
  KubeletAttributes,
  KubeletOptions,
  KubeletUser,
  SimulatedKubelet,
} from '../../demo/kubelet/kubelet.ts';
import { SpdyDecoder, encodeSpdyFrame } from '../../src/wire/spdy-frame.ts';
import type { SpdyEvent, SpdyFrame } from '../../src/wire/spdy-frame.ts';
import { SpdyHeaderDecoder, SpdyHeaderEncoder } from '../../src/wire/spdy-headers.ts';
import { createAuthority } from '../support/pki.ts';
import { toSynStream } from '../support/syn-stream.ts';

export interface Identity {
  readonly certificate: string;
  readonly key: string;
}

const KUBELET_API_ADMIN = ['log', 'metrics', 'proxy', 'stats', 'configz', 'healthz', 'pods'];
const READER = ['metrics', 'stats', 'pods', 'healthz'];

/** The rights of the identities in the captures. */
export const authorize = (user: KubeletUser, { verb, subresource }: KubeletAttributes): boolean => {
  switch (user.name) {
    case 'alice':
      return KUBELET_API_ADMIN.includes(subresource);
    case 'bob':
      return verb === 'get' && READER.includes(subresource);
    case 'carol':
      return verb === 'get' && subresource === 'proxy';
    case 'apiserver-client':
      return true;
    default:
      return false;
  }
};

export interface TestNode {
  readonly kubelet: SimulatedKubelet;
  readonly serverCA: string;
  /** Of `alice`, `bob`, `carol`, `apiserver-client` and, from a foreign authority, `wrong-ca`. */
  readonly identities: ReadonlyMap<string, Identity>;
}

export const startTestNode = async (options: Partial<KubeletOptions> = {}): Promise<TestNode> => {
  const [serverCA, clientCA, foreignCA] = await Promise.all([
    createAuthority('servers'),
    createAuthority('clients'),
    createAuthority('foreign'),
  ]);
  const server = await serverCA.issue({ commonName: 'node-1', dnsNames: ['node-1'], usages: ['server'] });
  const identities = new Map<string, Identity>();
  for (const commonName of ['alice', 'bob', 'carol', 'apiserver-client']) {
    identities.set(
      commonName,
      await clientCA.issue({ commonName, organizations: ['team'], usages: ['client'] }),
    );
  }
  identities.set('wrong-ca', await foreignCA.issue({ commonName: 'alice', usages: ['client'] }));
  const kubelet = await startKubelet({
    nodeName: 'node-1',
    ...server,
    clientCA: clientCA.certificate,
    authorize,
    pods: demoPods('node-1'),
    ...options,
  });
  return { kubelet, serverCA: serverCA.certificate, identities };
};

const tlsOptions = (node: TestNode, as: string | undefined): Record<string, unknown> => {
  const identity = as === undefined ? undefined : node.identities.get(as);
  return {
    host: '127.0.0.1',
    port: node.kubelet.port,
    ca: node.serverCA,
    servername: 'node-1',
    ...(identity === undefined ? {} : { cert: identity.certificate, key: identity.key }),
  };
};

export interface PlainAnswer {
  readonly status: number;
  readonly rawHeaders: readonly string[];
  readonly header: (name: string) => string | undefined;
  readonly body: string;
}

/** One request on a connection of its own; `as` nobody when undefined. */
export const ask = async (
  node: TestNode,
  as: string | undefined,
  method: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<PlainAnswer> => {
  const sent = request({ ...tlsOptions(node, as), method, path, headers, agent: false });
  sent.end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return {
    status: response.statusCode ?? 0,
    rawHeaders: response.rawHeaders,
    header: (name) => response.headers[name]?.toString(),
    body: Buffer.concat(chunks).toString(),
  };
};

/** A TLS connection that has sent a head and read the head of the answer. */
export class RawClient {
  readonly socket: TLSSocket;
  #received = Buffer.alloc(0);
  #wake: () => void = () => undefined;
  #ended = false;

  constructor(socket: TLSSocket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#wake();
    });
    const end = (): void => {
      this.#ended = true;
      this.#wake();
    };
    socket.on('end', end).on('close', end).on('error', end);
  }

  static async open(node: TestNode, as: string | undefined, head: string | Buffer): Promise<RawClient> {
    const socket = connect(tlsOptions(node, as));
    await once(socket, 'secureConnect');
    const client = new RawClient(socket);
    socket.write(head);
    return client;
  }

  /** All bytes until `enough` says so of them, or the other side has closed. */
  async readUntil(enough: (bytes: Buffer) => boolean): Promise<Buffer> {
    while (!enough(this.#received) && !this.#ended) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#received;
  }

  /** The answer's head; what follows stays to be read. */
  async readHead(): Promise<string> {
    const bytes = await this.readUntil((received) => received.includes('\r\n\r\n'));
    const end = bytes.indexOf('\r\n\r\n') + 4;
    const head = bytes.toString('latin1', 0, end);
    this.#received = this.#received.subarray(end);
    return head;
  }

  readToEnd(): Promise<Buffer> {
    return this.readUntil(() => false);
  }
}

export const spdyHead = (method: string, path: string, ...protocols: readonly string[]): string =>
  [
    `${method} ${path} HTTP/1.1`,
    'Host: node-1',
    'Connection: Upgrade',
    'Upgrade: SPDY/3.1',
    ...(method === 'POST' ? ['Content-Length: 0'] : []),
    ...protocols.map((protocol) => `X-Stream-Protocol-Version: ${protocol}`),
    '',
    '',
  ].join('\r\n');

export const webSocketHead = (path: string, ...headers: readonly string[]): string =>
  [
    `GET ${path} HTTP/1.1`,
    'Host: node-1',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Version: 13',
    ...headers,
    '',
    '',
  ].join('\r\n');

/** What a SPDY server said: per stream the text, and the frames in the order of their kinds. */
export class SpdyTranscript {
  readonly texts = new Map<number, string>();
  readonly frames: string[] = [];
  readonly #headers = new SpdyHeaderDecoder();

  constructor(bytes: Buffer) {
    new SpdyDecoder().push(bytes, (event) => this.#note(event));
  }

  #note(event: SpdyEvent): void {
    switch (event.kind) {
      case 'data':
        this.texts.set(
          event.streamId,
          `${this.texts.get(event.streamId) ?? ''}${event.data.toString('latin1')}`,
        );
        if (event.fin) this.frames.push(`fin ${event.streamId}`);
        return;
      case 'synReply':
        assert.equal(this.#headers.decode(event.headerBlock).size, 0);
        this.frames.push(`reply ${event.streamId}`);
        return;
      case 'rstStream':
        this.frames.push(`rst ${event.streamId} ${event.status}`);
        return;
      case 'goAway':
        this.frames.push(`goaway ${event.lastStreamId} ${event.status}`);
        return;
      case 'ping':
        this.frames.push(`ping ${event.id}`);
        return;
      case 'synStream':
      case 'headers':
      case 'settings':
      case 'windowUpdate':
        this.frames.push(event.kind);
    }
  }
}

/** A client that opens streams and sends on them. */
export class SpdyClient {
  readonly raw: RawClient;
  readonly #encoder = new SpdyHeaderEncoder();
  #nextId = 1;

  constructor(raw: RawClient) {
    this.raw = raw;
  }

  send(frame: SpdyFrame): void {
    this.raw.socket.write(encodeSpdyFrame(frame));
  }

  /** The new stream's id: the next odd one unless another is given. */
  open(headers: Readonly<Record<string, string>>, id?: number): number {
    const streamId = id ?? this.#nextId;
    if (id === undefined) this.#nextId += 2;
    const headerBlock = this.#encoder.encode(Object.entries(headers));
    this.send(toSynStream(streamId, headerBlock));
    return streamId;
  }

  write(streamId: number, text: string, fin = false): void {
    this.send({ kind: 'data', streamId, fin, data: Buffer.from(text, 'latin1') });
  }

  /** What was said when `enough`, or at the end. */
  async until(enough: (transcript: SpdyTranscript) => boolean): Promise<SpdyTranscript> {
    return new SpdyTranscript(await this.raw.readUntil((bytes) => enough(new SpdyTranscript(bytes))));
  }

  async toEnd(): Promise<SpdyTranscript> {
    return new SpdyTranscript(await this.raw.readToEnd());
  }
}
