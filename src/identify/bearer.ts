// Finds the bearer token of a request: RFC 6750 §2.1, or Kubernetes' WebSocket subprotocol for clients that cannot set
// headers (apiserver pkg/authentication/request/websocket). Promises: exactly one token or a refusal, never a choice.

import type { HeaderLines } from '../core/headers.ts';
import { badRequest, unauthorized } from './refusals.ts';

const BEARER_SUBPROTOCOL = 'base64url.bearer.authorization.k8s.io.';

/** Characters. A token is verified, hashed and decoded; identity providers stay far below. */
export const MAX_TOKEN_LENGTH = 16_384;

// RFC 6750's b64token. Anything else cannot be a JWT and is not worth a look at its parts.
const TOKEN = /^[A-Za-z0-9\-._~+/]+=*$/;

/** The token, or undefined when the request carries none. Throws a Fault when it carries anything else. */
export function readBearer(headers: HeaderLines): string | undefined {
  const [authorization, ...otherLines] = headers.all('authorization');
  if (otherLines.length > 0) throw badRequest('the request has more than one Authorization header');
  const offered = readSubprotocol(headers);
  if (authorization === undefined) return offered;
  if (offered !== undefined) {
    throw badRequest('the request has both an Authorization header and a bearer token as a subprotocol');
  }
  const credentials = authorization.trim();
  const space = credentials.indexOf(' ');
  const scheme = space < 0 ? credentials : credentials.slice(0, space);
  if (scheme.toLowerCase() !== 'bearer') {
    throw unauthorized('the Authorization header has a scheme that is not accepted: use Bearer');
  }
  let start = space < 0 ? credentials.length : space;
  // Spaces, and no tab: RFC 9110 §11.4.
  while (credentials[start] === ' ') start += 1;
  const token = credentials.slice(start);
  if (token === '' || token.includes(' ')) {
    throw unauthorized('the Authorization header is malformed: "Bearer" and one token are expected');
  }
  return checked(token);
}

function readSubprotocol(headers: HeaderLines): string | undefined {
  if (headers.first('sec-websocket-protocol') === undefined) return undefined;
  const protocols = headers
    .all('sec-websocket-protocol')
    .flatMap((line) => line.split(','))
    .map((protocol) => protocol.trim());
  // Whatever looks like a token is treated as one, in any case: it must not travel on as a protocol name.
  const bearers = protocols.filter((protocol) => protocol.toLowerCase().startsWith(BEARER_SUBPROTOCOL));
  const [bearer, ...others] = bearers;
  if (bearer === undefined) return undefined;
  if (others.length > 0) throw badRequest('the request offers more than one bearer token as a subprotocol');
  if (!protocols.some((protocol) => protocol !== '' && protocol !== bearer)) {
    throw badRequest('beside a bearer token as a subprotocol another subprotocol must be offered');
  }
  if (headers.first('upgrade')?.trim().toLowerCase() !== 'websocket') {
    throw badRequest('a bearer token as a subprotocol needs a WebSocket request');
  }
  return checked(decode(bearer));
}

function decode(protocol: string): string {
  const encoded = protocol.slice(BEARER_SUBPROTOCOL.length);
  const bytes = Buffer.from(encoded, 'base64url');
  // Node's decoder skips what it does not know; only what it writes the same way is base64url without padding.
  if (!protocol.startsWith(BEARER_SUBPROTOCOL) || bytes.toString('base64url') !== encoded) {
    throw unauthorized('the bearer token offered as a subprotocol is not base64url without padding');
  }
  return bytes.toString('latin1');
}

function checked(token: string): string {
  if (token.length > MAX_TOKEN_LENGTH) {
    throw unauthorized(`the bearer token is longer than ${MAX_TOKEN_LENGTH} characters`);
  }
  if (!TOKEN.test(token)) throw unauthorized('the bearer token holds characters that no token has');
  return token;
}
