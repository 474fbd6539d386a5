// An S3 server on loopback, which checks signatures: @20minutes/s3rver, over TLS, behind the one thing that it lacks, the
// condition `If-None-Match: *` of a PUT. It can be stopped and started again at the same port, and be told to refuse.

import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { Server } from 'node:https';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from './eventually.ts';
import { createAuthority } from './pki.ts';

/** Those that s3rver knows. */
export const ACCESS_KEY_ID = 'S3RVER';
export const SECRET_ACCESS_KEY = 'S3RVER';
export const BUCKET = 'recordings';

interface S3rver {
  configureBuckets(): Promise<unknown>;
  callback(): RequestListener;
  readonly store: { existsObject(bucket: string, key: string): Promise<boolean> };
}

type S3rverClass = new (options: object) => S3rver;

export interface S3Server {
  readonly endpoint: string;
  readonly certificateAuthority: string;
  /** Method and path of every request that arrived. */
  readonly requests: readonly string[];
  /** Refuses connections, and ends those that are open. */
  stop(): Promise<void>;
  start(): Promise<void>;
  /** The answer to the next requests for which this returns a status; the server does not see them. */
  refuse(rule: ((request: IncomingMessage) => number | undefined) | undefined): void;
  /** The next PUT is carried out, and its answer lost on the way. */
  loseAnswer(): void;
  /** The next PUT of an object of such a name is never answered, and is carried out or not. Settles when it has come so far. */
  hold(name: RegExp, isCarriedOut: boolean): Promise<void>;
  /** The connection of the next GET breaks when so many bytes of its answer have been sent. */
  cutAnswer(bytes: number): void;
  close(): Promise<void>;
}

export async function startS3Server(): Promise<S3Server> {
  const directory = await mkdtemp(join(tmpdir(), 'gateway-s3-'));
  const authority = await createAuthority('s3');
  const { certificate, key } = await authority.issue({
    commonName: 's3',
    dnsNames: ['localhost'],
    ipAddresses: ['127.0.0.1'],
  });
  const Server = createRequire(import.meta.url)('@20minutes/s3rver') as S3rverClass;
  const options = { silent: true, directory, vhostBuckets: false, configureBuckets: [{ name: BUCKET }] };
  const s3 = new Server(options);
  await s3.configureBuckets();
  const answer = s3.callback();
  // Of a listing it computes another signature than the library of Amazon, which signs the slash after the bucket.
  const answerListing = new Server({ ...options, allowMismatchedSignatures: true }).callback();
  const requests: string[] = [];
  const writing = new Set<string>();
  let rule: ((request: IncomingMessage) => number | undefined) | undefined;
  let isLost = false;
  let cutAt: number | undefined;
  let held:
    { readonly name: RegExp; readonly isCarriedOut: boolean; readonly onHeld: () => void } | undefined;

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = '', url = '' } = request;
    requests.push(`${method} ${url}`);
    const refused = rule?.(request);
    if (refused !== undefined) {
      refuseWith(response, refused);
      return;
    }
    if (method === 'GET' && cutAt !== undefined && !url.includes('list-type=2')) {
      cutAfter(response, cutAt);
      cutAt = undefined;
    }
    if (method !== 'PUT' || request.headers['if-none-match'] !== '*') {
      (url.includes('list-type=2') ? answerListing : answer)(request, response);
      return;
    }
    const hold = held?.name.test(url) === true ? held : undefined;
    if (hold !== undefined) held = undefined;
    if (hold?.isCarriedOut === false) {
      hold.onHeld();
      return;
    }
    const path = decodeURIComponent(url.split('?')[0] ?? '').slice(BUCKET.length + 2);
    if (writing.has(path)) refuseWith(response, 409);
    else if (await s3.store.existsObject(BUCKET, path).catch(() => false)) refuseWith(response, 412);
    else {
      writing.add(path);
      response.on('close', () => writing.delete(path));
      if (isLost) {
        isLost = false;
        response.end = (() => request.socket.destroy()) as unknown as typeof response.end;
      }
      if (hold !== undefined) response.end = (() => hold.onHeld()) as unknown as typeof response.end;
      answer(request, response);
    }
  };

  let server: Server | undefined;
  let port = 0;
  const start = async (): Promise<void> => {
    if (server !== undefined) return;
    server = createServer({ cert: certificate, key }, (request, response) => void handle(request, response));
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    ({ port } = server.address() as AddressInfo);
  };
  const stop = async (): Promise<void> => {
    const closing = server;
    server = undefined;
    if (closing === undefined) return;
    const closed = once(closing, 'close');
    closing.close();
    // A store has an object whole or not at all. What this one is writing when its connection breaks, it keeps torn.
    await eventually('the end of what is being written', () => (writing.size === 0 ? true : undefined));
    closing.closeAllConnections();
    await closed;
  };
  await start();
  return {
    endpoint: `https://127.0.0.1:${port}`,
    certificateAuthority: authority.certificate,
    requests,
    start,
    stop,
    refuse: (next) => (rule = next),
    hold: (name, isCarriedOut) =>
      new Promise((onHeld) => {
        held = { name, isCarriedOut, onHeld };
      }),
    loseAnswer: () => (isLost = true),
    cutAnswer: (bytes) => (cutAt = bytes),
    async close() {
      await stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function cutAfter(response: ServerResponse, bytes: number): void {
  const write = response.write.bind(response) as (chunk: Buffer) => boolean;
  let left = bytes;
  response.write = (chunk: Buffer) => {
    if (chunk.length < left) {
      left -= chunk.length;
      return write(chunk);
    }
    write(chunk.subarray(0, left));
    setImmediate(() => response.socket?.destroy());
    return false;
  };
}

const CODES: Readonly<Record<number, string>> = {
  403: 'AccessDenied',
  409: 'ConditionalRequestConflict',
  412: 'PreconditionFailed',
  503: 'SlowDown',
};

function refuseWith(response: ServerResponse, status: number): void {
  response.writeHead(status, { 'content-type': 'application/xml', connection: 'close' });
  response.end(`<?xml version="1.0"?><Error><Code>${CODES[status] ?? 'InternalError'}</Code></Error>`);
}
