// Sends an answer of the gateway's own whose length nobody knows beforehand: chunk by chunk, as the client takes it.

import { once } from 'node:events';
import type { Received } from '../core/exchange.ts';
import type { Ending, Observation } from '../core/observation.ts';
import type { EndReason } from '../core/lifetime.ts';
import { Fault, toFault } from '../core/fault.ts';

export interface StreamAnswer {
  readonly contentType: string;
  readonly body: AsyncIterable<Uint8Array | string>;
  /** What the client is told where the exchange is ended before the body is. Absent: the answer is cut off. */
  readonly lastWords?: (reason: EndReason) => string;
}

/**
 * The first chunk is waited for before the head is sent: until then what the body throws is thrown here. Later it cuts
 * the answer off. The body is told of the end of the exchange by its iterator's `return`.
 */
export async function sendStream(
  received: Received,
  { contentType, body, lastWords }: StreamAnswer,
  observation: Pick<Observation, 'started'>,
): Promise<Ending> {
  const { reply, lifetime, auditId } = received;
  if (reply.kind !== 'http') throw new Fault('BadRequest', 'this path cannot be upgraded');
  const { response } = reply;
  const chunks = body[Symbol.asyncIterator]();
  let bytes = 0;
  try {
    let next = await chunks.next();
    if (isGone(received)) return { code: 0, reason: 'clientClosed' };
    observation.started(200);
    response.writeHead(200, {
      'content-type': contentType,
      'x-content-type-options': 'nosniff',
      'content-security-policy': "sandbox; default-src 'none'",
      'cache-control': 'no-store',
      'Audit-Id': auditId,
    });
    response.flushHeaders();
    while (next.done !== true) {
      bytes += next.value.length;
      if (!response.write(next.value)) await drained(received);
      if (isGone(received)) break;
      next = await chunks.next();
    }
    if (lifetime.reason !== undefined && lifetime.reason !== 'completed') {
      // Who has not taken what was sent before takes no last words, and would keep the connection.
      if (lastWords === undefined || response.writableNeedDrain) response.destroy();
      else response.end(lastWords(lifetime.reason));
      return { code: 200, reason: lifetime.reason, bytesReceived: bytes };
    }
    response.end();
    return { code: 200, reason: 'completed', bytesReceived: bytes };
  } catch (error) {
    if (!response.headersSent) throw error;
    response.destroy();
    const { reason } = lifetime;
    if (reason !== undefined) return { code: 200, reason, bytesReceived: bytes };
    return { code: 200, fault: toFault(error), bytesReceived: bytes };
  } finally {
    await chunks.return?.();
  }
}

const isGone = ({ reply, lifetime }: Received): boolean =>
  lifetime.ended || (reply.kind === 'http' && reply.response.destroyed);

/** Until the client has taken what it was sent, or is gone. */
async function drained({ reply, lifetime }: Received): Promise<void> {
  if (reply.kind !== 'http' || lifetime.ended) return;
  await once(reply.response, 'drain', { signal: lifetime.signal }).catch(() => undefined);
}
