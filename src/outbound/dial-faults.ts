// Why a dial failed, in the three words a client is told (not trusted, not reachable, too slow) and in the closed set
// of words that the metric of upstream TLS errors is labelled with. Codes: X509_V_ERR_* as node:tls names them.

import type { TLSSocket } from 'node:tls';
import { Fault } from '../core/fault.ts';

export type TlsProblem =
  'expired' | 'notYetValid' | 'untrusted' | 'wrongName' | 'wrongKey' | 'wrongPurpose' | 'handshake';

/** All of them, for metrics that start at zero. */
export const TLS_PROBLEMS = [
  'expired',
  'notYetValid',
  'untrusted',
  'wrongName',
  'wrongKey',
  'wrongPurpose',
  'handshake',
] as const satisfies readonly TlsProblem[];

const CERTIFICATE_PROBLEMS: Readonly<Record<string, TlsProblem>> = {
  CERT_HAS_EXPIRED: 'expired',
  CERT_NOT_YET_VALID: 'notYetValid',
  ERR_TLS_CERT_ALTNAME_INVALID: 'wrongName',
  ERR_SERVING_SUBJECT: 'wrongName',
  ERR_SERVING_PIN: 'wrongKey',
  INVALID_PURPOSE: 'wrongPurpose',
};

/** Which TLS problem an error of a dialled socket is; undefined: none, the network failed. */
export function toTlsProblem(
  error: Error,
  socket: Pick<TLSSocket, 'authorizationError'>,
): TlsProblem | undefined {
  const code = toErrorCode(error);
  const known = CERTIFICATE_PROBLEMS[code];
  if (known !== undefined) return known;
  // node:tls sets this before it destroys a connection whose certificate did not verify.
  const unverified: unknown = socket.authorizationError;
  if (unverified !== undefined && unverified !== null) return 'untrusted';
  return code.startsWith('ERR_SSL_') || code.startsWith('ERR_TLS_') || code === 'EPROTO'
    ? 'handshake'
    : undefined;
}

/** The Fault of a dial. No word of the certificate or the address reaches the client. */
export function toDialFault(cause: Error, problem: TlsProblem | undefined): Fault {
  if (problem === 'handshake') return new Fault('BadGateway', 'no TLS connection with the node', { cause });
  if (problem !== undefined) {
    return new Fault('BadGateway', "the node's certificate is not trusted", { cause });
  }
  return toErrorCode(cause) === 'ETIMEDOUT'
    ? new Fault('Timeout', 'the node could not be reached in time', { cause })
    : new Fault('BadGateway', 'the node could not be reached', { cause });
}

/** The `code` of a system, TLS or undici error; empty when it has none. */
export const toErrorCode = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
