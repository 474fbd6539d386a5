// What a request's head must be before anybody reasons about it: the rules of RFC 9112 that Node's parser leaves to the
// server, and limits. Strict, because a head that two readers read differently is how requests are smuggled.

import type { IncomingMessage } from 'node:http';
import { Fault } from '../core/fault.ts';
import type { FaultReason } from '../core/fault.ts';
import type { HeaderLines } from '../core/headers.ts';
import { declaresBody } from './answer.ts';
import type { ListenerLimits } from './options.ts';

/** After a head that breaks a rule the connection is not used again. */
const CLOSE = { connection: 'close' };

const UPGRADES: readonly string[] = ['websocket', 'spdy/3.1'];

const broken = (message: string, reason: FaultReason = 'BadRequest'): Fault =>
  new Fault(reason, message, { headers: CLOSE });

/** The rule that the head breaks, if it breaks one. */
export function findHeadFault(
  request: Pick<IncomingMessage, 'httpVersion'>,
  headers: HeaderLines,
  limits: Pick<ListenerLimits, 'maxHeaderLines'>,
): Fault | undefined {
  if (headers.count > limits.maxHeaderLines) {
    return broken(
      `a request may have at most ${limits.maxHeaderLines} header lines, not ${headers.count}`,
      'RequestHeaderFieldsTooLarge',
    );
  }
  const { httpVersion } = request;
  if (httpVersion !== '1.1' && httpVersion !== '1.0')
    return broken('only HTTP/1.1 and HTTP/1.0 are spoken here');
  const hosts = headers.all('host').length;
  if (hosts > 1 || (hosts === 0 && httpVersion === '1.1')) {
    return broken(`a request must have one Host header line, not ${hosts}`);
  }
  const codings = headers.all('transfer-encoding');
  if (codings.length > 1 || (codings[0] !== undefined && codings[0].trim().toLowerCase() !== 'chunked')) {
    return broken('the only Transfer-Encoding that is taken is "chunked", once');
  }
  if (codings.length > 0 && httpVersion === '1.0') return broken('HTTP/1.0 has no Transfer-Encoding');
  const expectations = headers.all('expect');
  if (
    expectations.length > 1 ||
    (expectations[0] !== undefined && expectations[0].trim().toLowerCase() !== '100-continue')
  ) {
    return broken('the only Expect that is met is "100-continue"');
  }
  return undefined;
}

/** The rule that the head of a request for an upgrade breaks, if it breaks one. */
export function findUpgradeFault(
  request: Pick<IncomingMessage, 'httpVersion'>,
  headers: HeaderLines,
): Fault | undefined {
  if (request.httpVersion !== '1.1') return broken('an upgrade needs HTTP/1.1');
  const asked = headers.all('upgrade');
  const [protocol = ''] = asked;
  if (asked.length !== 1 || !UPGRADES.includes(protocol.trim().toLowerCase())) {
    return broken('the only upgrades offered are "websocket" and "SPDY/3.1", one at a time');
  }
  // Node hands a body over as if it were the first bytes of the new protocol.
  if (declaresBody({ headers })) return broken('a request for an upgrade must not have a body');
  return undefined;
}

/** What Node's HTTP parser found wrong, in the words of a Status. Its texts are constant and hold nothing of the client's. */
export function toMalformed(error: unknown): Fault {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const reason =
    error instanceof Error && 'reason' in error && typeof error.reason === 'string'
      ? `: ${error.reason}`
      : '';
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return broken('the request line and headers are too large', 'RequestHeaderFieldsTooLarge');
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return broken('the chunk extensions are too large', 'RequestEntityTooLarge');
    default:
      return broken(`not a well-formed HTTP/1.1 request${reason}`);
  }
}
