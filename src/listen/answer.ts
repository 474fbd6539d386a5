// Sends what the gateway itself says: refusals, discovery documents, redirects. The same to an HTTP request and to one
// that asked for an upgrade, which gets a real HTTP/1.1 answer (RFC 9110 §7.8) on its socket instead of a reset.

import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Received, Reply } from '../core/exchange.ts';
import type { Ending } from '../core/observation.ts';
import type { Clock } from '../core/ports.ts';
import { systemClock } from '../core/ports.ts';

export interface OwnAnswer {
  /** Default 200. */
  readonly status?: number;
  readonly contentType: string;
  readonly body: string;
  /** Lower case. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** With lines that Node's HTTP server does not add. */
interface RawAnswer extends OwnAnswer {
  readonly setCookies?: readonly string[];
}

/** How long a client may take to read an answer of the gateway's own, or to close after it, in milliseconds. */
const LINGER_MS = 10_000;

/** Sends `answer`. When an answer has begun already, a broken one is cut off and a complete one left alone. */
export function sendAnswer(received: Received, answer: OwnAnswer, clock: Clock = systemClock): Ending {
  const { reply, lifetime } = received;
  let sent: boolean;
  if (reply.kind === 'http') sent = sendHttp(received, reply, answer, clock);
  else {
    reply.socket.once('finish', () => {
      lifetime.end('completed');
    });
    const { socket, setCookies } = reply;
    sent = sendRaw(socket, received.auditId, received.method === 'HEAD', { ...answer, setCookies }, clock);
  }
  return { code: sent ? (answer.status ?? 200) : 0 };
}

/** Sends the client to `location`, a path of this gateway, with the method that it used (RFC 9110 §15.4.8). */
export const sendRedirect = (received: Received, location: string, clock: Clock = systemClock): Ending =>
  sendAnswer(
    received,
    {
      status: 307,
      contentType: 'text/plain; charset=utf-8',
      body: 'Temporary Redirect\n',
      headers: { location },
    },
    clock,
  );

/** `Set-Cookie` lines that go with whatever is answered. */
export function addCookies({ reply }: Received, lines: readonly string[]): void {
  if (reply.kind === 'upgrade') reply.setCookies.push(...lines);
  if (reply.kind !== 'http' || reply.response.headersSent) return;
  for (const line of lines) reply.response.appendHeader('set-cookie', line);
}

const toHeaders = (auditId: string, answer: OwnAnswer): Record<string, string> => ({
  'content-type': answer.contentType,
  'content-length': String(Buffer.byteLength(answer.body)),
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
  'Audit-Id': auditId,
  ...answer.headers,
});

function sendHttp(
  received: Received,
  reply: Extract<Reply, { kind: 'http' }>,
  answer: OwnAnswer,
  clock: Clock,
): boolean {
  const { request, response } = reply;
  if (response.writableEnded) return false;
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return false;
  }
  const headers = toHeaders(received.auditId, answer);
  // Not that of the request: an answer that waits for the one before it has none, and leaves that of the other alone.
  const { socket } = response;
  const unread = request !== undefined && declaresBody(received) && !request.complete;
  if (unread) {
    // Nobody will read it: the connection cannot be used again before it has come, which may be never.
    headers['connection'] = 'close';
    request.resume();
    // Node would destroy the socket with its answer, and the rest of the body would be met by a reset, at which a client
    // that is still sending gives up without having read the answer (RFC 9112 §9.6).
    if (socket !== null) socket.destroySoon = () => void socket.end();
  }
  const cancel = clock.after(LINGER_MS, () => socket?.destroy());
  (unread ? socket : response)?.once('close', cancel);
  response.writeHead(answer.status ?? 200, headers);
  response.end(answer.body);
  return true;
}

/** Whether the head of the request says that a body follows (RFC 9112 §6.3). */
export const declaresBody = ({ headers }: Pick<Received, 'headers'>): boolean =>
  headers.first('transfer-encoding') !== undefined ||
  headers.all('content-length').some((length) => length.trim() !== '0');

/**
 * Writes an answer to a socket that Node's HTTP server has given up, closes it, and discards what the client still
 * sends. A client that neither reads nor closes is cut off.
 */
export function sendRaw(
  socket: Duplex,
  auditId: string,
  headOnly: boolean,
  answer: RawAnswer,
  clock: Clock,
): boolean {
  if (!socket.writable) {
    socket.destroy();
    return false;
  }
  const status = answer.status ?? 200;
  const headers = {
    date: new Date(clock.now()).toUTCString(),
    ...toHeaders(auditId, answer),
    connection: 'close',
  };
  const cookies = (answer.setCookies ?? []).map((line) => ['set-cookie', line] as const);
  const lines = [...Object.entries(headers), ...cookies].map(
    ([name, value]) => `${name}: ${withoutControls(value)}\r\n`,
  );
  const head = `HTTP/1.1 ${String(status)} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}\r\n`;
  const cancel = clock.after(LINGER_MS, () => socket.destroy());
  socket.once('close', cancel);
  socket.end(headOnly ? head : head + answer.body);
  socket.resume();
  return true;
}

/** Node checks the header values that it writes; what is written here must not become two lines either. */
const withoutControls = (value: string): string => value.replace(/[\u0000-\u001f\u007f]/g, ' ');
