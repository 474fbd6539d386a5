// One GET of a list or a watch. The body of a good answer is handed over as a stream; that of any other is read, bounded,
// for what the log says of it. No redirect is followed.

import type { IncomingMessage } from 'node:http';
import type { Agent } from 'node:https';
import { request } from 'node:https';
import type { Readable } from 'node:stream';
import { toStatusMessage } from './answers.ts';

/** Of an error answer; a Status is far shorter. */
const MAX_ERROR_BYTES = 64 * 1024;

/** An answer other than 200. */
export class ApiError extends Error {
  readonly code: number;
  /** What the server asks for, in milliseconds; 0: nothing. */
  readonly retryAfterMs: number;

  constructor(code: number, message: string, retryAfterMs = 0) {
    super(`HTTP ${code}${message === '' ? '' : `: ${message}`}`);
    this.name = 'ApiError';
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}

export interface Get {
  readonly agent: Agent;
  readonly url: URL;
  /** The value of the Authorization header, if there is one. */
  readonly authorization: string | undefined;
}

/** The body of a 200. Rejects with an ApiError for any other answer, and with the error of a connection that fails. */
export async function get(what: Get, signal: AbortSignal): Promise<Readable> {
  const response = await send(what, signal);
  const code = response.statusCode ?? 0;
  if (code === 200) return response;
  const retryAfter = Number(response.headers['retry-after'] ?? 0);
  const body = await readText(response, MAX_ERROR_BYTES);
  throw new ApiError(code, toStatusMessage(body), Number.isFinite(retryAfter) ? retryAfter * 1000 : 0);
}

const send = ({ agent, url, authorization }: Get, signal: AbortSignal): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    const headers = {
      accept: 'application/json',
      'user-agent': 'kubelet-gateway',
      ...(authorization === undefined ? {} : { authorization }),
    };
    const outgoing = request(url, { method: 'GET', agent, headers, signal }, resolve);
    // Finds a peer that is gone under a quiet watch: libuv probes every second after this silence, ten times.
    outgoing.on('socket', (socket) => socket.setKeepAlive(true, PROBE_AFTER_MS));
    outgoing.on('error', reject).end();
  });

const PROBE_AFTER_MS = 10_000;

/** Rejects when the text is longer than the bound. */
export async function readText(stream: Readable, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    if (!Buffer.isBuffer(chunk)) throw new TypeError('a chunk is not bytes');
    bytes += chunk.length;
    if (bytes > maxBytes) throw new Error(`the answer is longer than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
