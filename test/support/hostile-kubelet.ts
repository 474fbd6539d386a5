// A node that says whatever a test wants, byte for byte, on a raw TLS socket. It stands where one of the demo's nodes
// was, with a certificate of its own authority, and is asked for with that node's credentials.

import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import type { LeafOptions } from '../../src/pki/issue.ts';
import { createAuthority } from './pki.ts';

export interface NodeConnection {
  readonly socket: TLSSocket;
  /** Heads of requests, each with its empty line, in their order. */
  readonly heads: readonly string[];
  /** What came after the head at which `raw` was set. */
  readonly after: Buffer;
  /** Set by a script: what comes from now on is no HTTP. */
  raw: boolean;
  /** Set by a script that reads for itself: called after each piece of `after`. */
  onData: (() => void) | undefined;
  readonly closed: Promise<void>;
  write(bytes: string | Buffer): void;
}

/** Called for every head of a request. */
export type Script = (head: string, connection: NodeConnection) => void;

export interface HostileKubelet {
  readonly port: number;
  /** All connections whose handshake was completed, the oldest first. */
  readonly connections: readonly NodeConnection[];
  script: Script;
  /**
   * The gateway's configuration with `node` at this server's address and under its authority, or with these other keys
   * of a node's entry instead.
   */
  takePlaceOf(yaml: string, node: string, trust?: (authorityFile: string) => string): string;
  /** PEM of what it presents. */
  readonly certificate: string;
  /** Presents a certificate of another kind, with a new key, from the next handshake on. */
  present(leaf: LeafOptions): Promise<void>;
  /** Presents a certificate for other names from the next handshake on. */
  rename(...names: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

class Connection implements NodeConnection {
  readonly socket: TLSSocket;
  readonly heads: string[] = [];
  raw = false;
  onData: (() => void) | undefined = undefined;
  readonly closed: Promise<void>;
  #pending = Buffer.alloc(0);

  constructor(socket: TLSSocket, script: () => Script) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => {
      socket.once('end', () => resolve()).once('close', () => resolve());
    });
    socket.on('data', (chunk: Buffer) => {
      this.#pending = Buffer.concat([this.#pending, chunk]);
      while (!this.raw) {
        const end = this.#pending.indexOf('\r\n\r\n');
        if (end < 0) return;
        const head = this.#pending.toString('latin1', 0, end + 4);
        this.#pending = this.#pending.subarray(end + 4);
        this.heads.push(head);
        script()(head, this);
      }
      this.onData?.();
    });
  }

  get after(): Buffer {
    return this.#pending;
  }

  write(bytes: string | Buffer): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }
}

/** `names`: whose certificate it has. Close it after the gateway. */
export async function startHostileKubelet(...names: readonly string[]): Promise<HostileKubelet> {
  const directory = await mkdtemp(join(tmpdir(), 'hostile-kubelet-'));
  const authority = await createAuthority('hostile nodes');
  const authorityFile = join(directory, 'ca.crt');
  await writeFile(authorityFile, authority.certificate);
  let certificate = '';
  const present = async (leaf: LeafOptions): Promise<{ cert: string; key: string }> => {
    const issued = await authority.issue(leaf);
    certificate = issued.certificate;
    return { cert: issued.certificate, key: issued.key };
  };
  const issue = (dnsNames: readonly string[]): Promise<{ cert: string; key: string }> =>
    present({
      commonName: `system:node:${dnsNames[0] ?? ''}`,
      dnsNames: [...dnsNames],
      usages: ['server'],
    });
  const connections: Connection[] = [];
  const server = createServer({
    ...(await issue(names)),
    requestCert: true,
    rejectUnauthorized: false,
    allowHalfOpen: true,
  });
  server.on('tlsClientError', () => undefined);
  server.on('secureConnection', (socket) => {
    connections.push(new Connection(socket, () => kubelet.script));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not listening on a port');
  const { port } = address;
  const kubelet: HostileKubelet = {
    port,
    connections,
    script: () => undefined,
    takePlaceOf: (yaml, node, trust = (file) => `serverName: ${node}, certificateAuthorityFile: ${file}`) =>
      yaml.replace(
        new RegExp(`- \\{ name: ${node}, .*`),
        `- { name: ${node}, address: 127.0.0.1, port: ${port}, ${trust(authorityFile)} }`,
      ),
    get certificate() {
      return certificate;
    },
    present: async (leaf) => {
      server.setSecureContext(await present(leaf));
    },
    rename: async (...others) => {
      server.setSecureContext(await issue(others));
    },
    close: async () => {
      for (const { socket } of connections) socket.destroy();
      server.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
  return kubelet;
}

/** An answer with a body and its length. */
export const answer = (status: string, body: string, ...lines: readonly string[]): string =>
  [`HTTP/1.1 ${status}`, ...lines, `Content-Length: ${body.length}`, '', body].join('\r\n');
