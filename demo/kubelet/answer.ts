// What the simulated kubelet answers to a plain request, and how it is written: in the header set of Go's net/http, which
// has no Connection and no Keep-Alive line.

import type { ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';

export interface Answer {
  readonly status: number;
  readonly headers?: readonly (readonly [string, string])[];
  readonly body: string | Buffer | Readable;
}

const TEXT = ['Content-Type', 'text/plain; charset=utf-8'] as const;
const NO_SNIFF = ['X-Content-Type-Options', 'nosniff'] as const;

/** A body as go-restful writes it: text without a newline of its own. */
export const text = (
  status: number,
  body: string,
  ...headers: readonly (readonly [string, string])[]
): Answer => ({
  status,
  headers: [...headers, TEXT],
  body,
});

/** Go's http.Error: a newline at the end, and nosniff. */
export const goError = (status: number, message: string): Answer => ({
  status,
  headers: [TEXT, NO_SNIFF],
  body: `${message}\n`,
});

/** The answer of Go's mux for what it has no pattern for. */
export const muxNotFound = (): Answer => goError(404, '404 page not found');

export const noSniffText = (body: string): Answer => ({ status: 200, headers: [TEXT, NO_SNIFF], body });

export const json = (body: string): Answer => ({
  status: 200,
  headers: [['Content-Type', 'application/json']],
  body,
});

/** Go's http.Redirect with 307. */
export const redirect = (location: string, method: string): Answer => ({
  status: 307,
  headers: [
    ['Content-Type', 'text/html; charset=utf-8'],
    ['Location', location],
  ],
  body: method === 'GET' || method === 'HEAD' ? `<a href="${location}">Temporary Redirect</a>.\n\n` : '',
});

/** Writes the answer; a stream goes out chunked, its head at once. */
export const sendAnswer = (answer: Answer, response: ServerResponse): void => {
  response.removeHeader('connection');
  response.statusCode = answer.status;
  for (const [name, value] of answer.headers ?? []) response.appendHeader(name, value);
  const { body } = answer;
  if (typeof body === 'string' || Buffer.isBuffer(body)) {
    response.setHeader('Content-Length', Buffer.byteLength(body));
    response.end(body);
    return;
  }
  response.flushHeaders();
  body.on('error', () => response.destroy());
  response.on('close', () => body.destroy());
  body.pipe(response);
};
