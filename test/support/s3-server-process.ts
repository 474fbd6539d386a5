// The process that s3-server.ts starts: @20minutes/s3rver over TLS, behind the one thing that it lacks, the condition
// `If-None-Match: *` of a PUT, and behind what makes an answer go wrong. Told what to do by messages.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { Server } from 'node:https';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { eventually } from './eventually.ts';
import type { FromS3, Refusal, ToS3 } from './s3-server.ts';
import { BUCKET } from './s3-server.ts';

interface S3rver {
  configureBuckets(): Promise<unknown>;
  callback(): RequestListener;
  readonly store: { existsObject(bucket: string, key: string): Promise<boolean> };
}

type S3rverClass = new (options: object) => S3rver;

interface Held {
  readonly name: RegExp;
  readonly isCarriedOut: boolean;
}

class FaultyS3 {
  readonly #s3: S3rver;
  readonly #answer: RequestListener;
  readonly #answerListing: RequestListener;
  readonly #tell: (message: FromS3) => void;
  readonly #writing = new Set<string>();
  refusal: Refusal | undefined;
  isLost = false;
  cutAt: number | undefined;
  held: Held | undefined;

  constructor(directory: string, tell: (message: FromS3) => void) {
    const Class = createRequire(import.meta.url)('@20minutes/s3rver') as S3rverClass;
    const options = { silent: true, directory, vhostBuckets: false, configureBuckets: [{ name: BUCKET }] };
    this.#s3 = new Class(options);
    this.#answer = this.#s3.callback();
    // Of a listing it computes another signature than the library of Amazon, which signs the slash after the bucket.
    this.#answerListing = new Class({ ...options, allowMismatchedSignatures: true }).callback();
    this.#tell = tell;
  }

  async begin(): Promise<void> {
    await this.#s3.configureBuckets();
  }

  /** A store has an object whole or not at all. What this one is writing when its connection breaks, it keeps torn. */
  async finish(): Promise<void> {
    await eventually('the end of what is being written', () => (this.#writing.size === 0 ? true : undefined));
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '' } = request;
    this.#tell({ request: `${method} ${url}` });
    const refused = this.#refuse(method, url);
    if (refused !== undefined) {
      refuseWith(response, refused);
      return;
    }
    const isListing = url.includes('list-type=2');
    if (method === 'GET' && this.cutAt !== undefined && !isListing) {
      cutAfter(response, this.cutAt);
      this.cutAt = undefined;
    }
    if (method === 'PUT' && request.headers['if-none-match'] === '*') await this.#putNew(request, response);
    else (isListing ? this.#answerListing : this.#answer)(request, response);
  }

  #refuse(method: string, url: string): number | undefined {
    const { refusal } = this;
    if (refusal === undefined) return undefined;
    const { status, times = Infinity } = refusal;
    if (times === 0 || (refusal.method ?? method) !== method || !url.includes(refusal.url ?? ''))
      return undefined;
    this.refusal = { ...refusal, times: times - 1 };
    return status;
  }

  async #putNew(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { url = '' } = request;
    const held = this.held?.name.test(url) === true ? this.held : undefined;
    if (held !== undefined) this.held = undefined;
    if (held?.isCarriedOut === false) {
      this.#tell({ held: true });
      return;
    }
    const path = decodeURIComponent(url.split('?')[0] ?? '').slice(BUCKET.length + 2);
    if (this.#writing.has(path)) refuseWith(response, 409);
    else if (await this.#s3.store.existsObject(BUCKET, path).catch(() => false)) refuseWith(response, 412);
    else {
      this.#writing.add(path);
      response.on('close', () => this.#writing.delete(path));
      if (this.isLost) {
        this.isLost = false;
        response.end = (() => request.socket.destroy()) as unknown as typeof response.end;
      }
      if (held !== undefined) {
        response.end = (() => this.#tell({ held: true })) as unknown as typeof response.end;
      }
      this.#answer(request, response);
    }
  }
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

function tell(message: FromS3): void {
  process.send?.(message);
}

let s3: FaultyS3 | undefined;
let server: Server | undefined;

async function listen({
  directory,
  certificate,
  key,
  port,
}: Extract<ToS3, { call: 'listen' }>): Promise<void> {
  const faulty = (s3 = new FaultyS3(directory, tell));
  await faulty.begin();
  server = createServer(
    { cert: certificate, key },
    (request, response) => void faulty.handle(request, response),
  );
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  tell({ port: (server.address() as AddressInfo).port });
}

async function stop(): Promise<void> {
  server?.close();
  await s3?.finish();
  server?.closeAllConnections();
  process.send?.({ done: true } satisfies FromS3, () => process.exit());
}

async function obey(message: ToS3): Promise<void> {
  if (message.call === 'listen') return listen(message);
  if (message.call === 'stop') return stop();
  assert.ok(s3 !== undefined);
  switch (message.call) {
    case 'refuse':
      s3.refusal = message.refusal;
      break;
    case 'loseAnswer':
      s3.isLost = true;
      break;
    case 'cutAnswer':
      s3.cutAt = message.bytes;
      break;
    case 'hold':
      s3.held = { name: new RegExp(message.name), isCarriedOut: message.isCarriedOut };
      break;
    case 'tellAll':
  }
  tell({ done: true });
}

if (process.send !== undefined) {
  // Whoever has started it is gone: nobody would end it.
  process.on('disconnect', () => process.exit());
  process.on('message', (message: ToS3) => void obey(message));
}
