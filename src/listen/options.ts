// What a listener is told: its part of the configuration, the client CA, and limits on clients that are slow or odd.

import type { ListenerConfiguration } from '../core/configuration.ts';

export interface ListenerOptions extends Omit<ListenerConfiguration, 'name'> {
  /** PEM certificates whose names, and no others, the handshake offers to clients. Undefined: no client is asked. */
  readonly clientCertificateAuthority: string | undefined;
  readonly limits?: Partial<ListenerLimits>;
}

export interface ListenerLimits {
  /** From the TCP connection to the end of the TLS handshake, in milliseconds. */
  readonly handshakeMs: number;
  /** From the end of the handshake to the end of the first request's head, in milliseconds. */
  readonly headMs: number;
  /** From the end of a request's head to the end of its body, in milliseconds. No body of this API is large. */
  readonly bodyMs: number;
  /** How long a connection may be idle between two requests, in milliseconds. */
  readonly idleMs: number;
  /** Request line and headers together. A script in `exec -- sh -c` is part of the URL. */
  readonly maxHeadBytes: number;
  readonly maxHeaderLines: number;
  /** Requests of one connection whose answers are not complete: a bound on pipelining. */
  readonly maxPipelined: number;
  /** How long `close` lets answers that are being written finish, in milliseconds. */
  readonly closeMs: number;
}

export const DEFAULT_LIMITS: ListenerLimits = {
  handshakeMs: 10_000,
  headMs: 30_000,
  bodyMs: 300_000,
  idleMs: 75_000,
  maxHeadBytes: 128 * 1024,
  maxHeaderLines: 100,
  maxPipelined: 16,
  closeMs: 2_000,
};
