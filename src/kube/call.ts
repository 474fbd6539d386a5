// One call of an API server, JSON over HTTPS, and what became of it. No redirect is followed, and an answer that is too long is cut
// off and counts as a failure.

import type { Agent } from 'node:https';
import { request } from 'node:https';

export type Outcome =
  | { readonly kind: 'answer'; readonly code: number; readonly retryAfter?: string; readonly body: string }
  | { readonly kind: 'failed'; readonly error: Error };

export interface Call {
  readonly agent: Agent;
  readonly url: URL;
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** The value of the Authorization header, if there is one. */
  readonly authorization: string | undefined;
  /** Absent where the method has none. */
  readonly body?: string;
  readonly maxAnswerBytes: number;
}

/** How a call failed whose answer was cut off. */
export class AnswerTooLong extends Error {}

/** Never rejects. */
export const call = (
  { agent, url, method, authorization, body, maxAnswerBytes }: Call,
  signal: AbortSignal,
): Promise<Outcome> =>
  new Promise((resolve) => {
    const headers = {
      accept: 'application/json',
      ...(body === undefined
        ? {}
        : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) }),
      'user-agent': 'kubelet-gateway',
      ...(authorization === undefined ? {} : { authorization }),
    };
    const fail = (error: Error): void => resolve({ kind: 'failed', error });
    const outgoing = request(url, { method, agent, headers, signal }, (incoming) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      incoming.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > maxAnswerBytes) {
          incoming.destroy(new AnswerTooLong(`the answer is longer than ${maxAnswerBytes} bytes`));
        } else chunks.push(chunk);
      });
      incoming.on('error', fail);
      incoming.on('end', () => {
        const retryAfter = incoming.headers['retry-after'];
        resolve({
          kind: 'answer',
          code: incoming.statusCode ?? 0,
          ...(retryAfter === undefined ? {} : { retryAfter }),
          body: Buffer.concat(chunks).toString('utf8'),
        });
      });
    });
    outgoing.on('error', fail);
    outgoing.end(body);
  });
