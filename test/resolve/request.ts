// Requests as `identify` leaves them, and what `resolve` makes of them, for the tests of this folder.

import assert from 'node:assert/strict';
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { OPTIONAL_ENDPOINTS } from '../../src/core/configuration.ts';
import type { Answer, Identified, Resolved } from '../../src/core/exchange.ts';
import { isResolved } from '../../src/core/exchange.ts';
import { Fault } from '../../src/core/fault.ts';
import { HeaderLines } from '../../src/core/headers.ts';
import { Lifetime } from '../../src/core/lifetime.ts';
import type { Resolve } from '../../src/resolve/resolve.ts';
import { createResolve } from '../../src/resolve/resolve.ts';

/** Everything on. */
export const RESOLVE = createResolve({
  endpoints: new Set(OPTIONAL_ENDPOINTS),
  podSubresources: true,
  version: 'v1.36.2',
});

const SOCKET_FREE = new IncomingMessage(new Socket());

export const toIdentified = (
  method: string,
  target: string,
  headers: readonly string[] = [],
): Identified => ({
  auditId: '5d5b9a3e-0c4e-4f77-9a11-0d5c6f0f7a01',
  receivedAt: 0,
  method,
  target,
  headers: new HeaderLines(headers),
  peer: { sourceIPs: ['127.0.0.1'], certificate: undefined },
  body: Readable.from([]),
  reply: { kind: 'http', request: SOCKET_FREE, response: new ServerResponse(SOCKET_FREE) },
  lifetime: new Lifetime(),
  authentication: {
    user: { name: 'bob', uid: '', groups: [], extra: {} },
    method: 'jwt',
    expiresAt: Number.MAX_SAFE_INTEGER,
  },
});

export const SPDY = [
  'Connection',
  'Upgrade',
  'Upgrade',
  'SPDY/3.1',
  'X-Stream-Protocol-Version',
  'v4.channel.k8s.io',
] as const;

export const WEBSOCKET = [
  'Connection',
  'keep-alive, Upgrade',
  'Upgrade',
  'websocket',
  'Sec-WebSocket-Version',
  '13',
  'Sec-WebSocket-Key',
  'dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Protocol',
  'v5.channel.k8s.io',
] as const;

/** The headers that a session path needs; none for the others. */
export const headersFor = (target: string): readonly string[] =>
  /\/(exec|attach|port[Ff]orward)(\/|\?|$)/.test(target) ? SPDY : [];

export function resolved(
  method: string,
  target: string,
  headers: readonly string[] = headersFor(target),
  resolve: Resolve = RESOLVE,
): Resolved {
  const outcome = resolve(toIdentified(method, target, headers));
  assert(isResolved(outcome), 'the gateway answers by itself');
  return outcome;
}

export function answered(method: string, target: string, headers: readonly string[] = []): Answer {
  const outcome = RESOLVE(toIdentified(method, target, headers));
  assert('answer' in outcome, 'the gateway does not answer that to anybody');
  return outcome.answer;
}

export function refusal(
  method: string,
  target: string,
  headers: readonly string[] = headersFor(target),
  resolve: Resolve = RESOLVE,
): Fault {
  try {
    resolve(toIdentified(method, target, headers));
  } catch (error) {
    assert(error instanceof Fault, String(error));
    return error;
  }
  return assert.fail(`${method} ${target.slice(0, 200)} is not refused`);
}
