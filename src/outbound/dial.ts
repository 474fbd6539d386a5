// Opens a TLS connection to a kubelet: the one dial of plain requests, kept-alive connections and upgrades alike.
// Promises that the node's certificate was verified (chain, purpose, validity, name and key, as the node's entry says)
// before the caller gets a socket to write on, and on this very connection: no TLS session is ever resumed.

import type { LookupAddress } from 'node:dns';
import type { OnReadOpts, SocketConstructorOpts } from 'node:net';
import type { ConnectionOptions, SecureContext, TLSSocket } from 'node:tls';
import type { NodeEntry, KubeletCredential } from '../core/node.ts';
import type { Clock, Log } from '../core/ports.ts';
import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { connect, createSecureContext } from 'node:tls';
import { Fault, toFault } from '../core/fault.ts';
import { toDialFault, toTlsProblem } from './dial-faults.ts';
import { checkPinnedIdentity, checkServingIdentity, isPinOnly } from './serving-identity.ts';
import type { TlsProblem } from './dial-faults.ts';
import type { Reach } from './reach.ts';

/** TCP probes after this long a silence, so that a node which lost its power is noticed under a quiet stream. */
const PROBE_AFTER_MS = 30_000;

/**
 * `http/1.1` as RFC 7301 §3.1 writes a list of names. Of a list of strings, and of a Buffer, Node keeps a copy for each
 * connection in its pool of buffers, 64 kB of which stay with it; of a view of another kind the copy has its own 9 bytes.
 */
const HTTP_1_1 = new DataView(Uint8Array.of(8, ...Buffer.from('http/1.1')).buffer);

export interface DialDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** Says which addresses a host has, and refuses those that must not be dialled. */
  readonly reach: Reach;
  /** Told once for each connection that failed for a reason of TLS. */
  readonly upstreamTlsError?: ((problem: TlsProblem) => void) | undefined;
}

export interface DialOptions {
  /** For the name look-up, the TCP connection and the TLS handshake together. */
  readonly connectTimeoutMs: number;
}

/**
 * Opens one connection. Rejects with a Fault: BadGateway when the node is unreachable or not trusted, Timeout when it
 * is silent, ServiceUnavailable when `signal` says to give up. With `onread` what the node says is handed to its callback,
 * and there are no `data` events.
 */
export type Dial = (signal?: AbortSignal, onread?: OnReadOpts) => Promise<TLSSocket>;

/** A dial to one node with one credential. The keys are parsed at the first call and kept. */
export function createDial(
  deps: DialDeps,
  options: DialOptions,
  entry: NodeEntry,
  credential: KubeletCredential,
): Dial {
  let connection: ConnectionParts | undefined;
  return (signal, onread) => {
    try {
      connection ??= toConnectionParts(entry, credential);
    } catch (cause) {
      return Promise.reject(
        new Fault('InternalError', 'the certificates for this node cannot be used', { cause }),
      );
    }
    return open(deps, options, entry, connection, signal, onread);
  };
}

/** What all connections of one dial share. */
type ConnectionParts = Required<
  Pick<ConnectionOptions, 'secureContext' | 'checkServerIdentity' | 'rejectUnauthorized'>
>;

const toConnectionParts = (entry: NodeEntry, credential: KubeletCredential): ConnectionParts => ({
  secureContext: toSecureContext(entry, credential),
  // Without an authority no chain verifies: what is trusted instead is looked at in `verify`, before a byte is written.
  rejectUnauthorized: !isPinOnly(entry),
  checkServerIdentity: createIdentityCheck(entry),
});

/**
 * Whether a leaf is the node's by name and pin, which the bytes of the leaf and the entry decide: the same bytes as last
 * time are not parsed again. Chain, validity and purpose are verified for each connection before this is asked.
 */
function createIdentityCheck(entry: NodeEntry): ConnectionParts['checkServerIdentity'] {
  let right: Buffer | undefined;
  return (_host, { raw }) => {
    if (right?.equals(raw) === true) return undefined;
    const wrong = checkServingIdentity(entry, new X509Certificate(raw));
    if (wrong === undefined) right = raw;
    return wrong;
  };
}

function toSecureContext(entry: NodeEntry, credential: KubeletCredential): SecureContext {
  const pinOnly = isPinOnly(entry);
  // Without a CA, Node would fall back to the public roots.
  if (!pinOnly && !entry.certificateAuthority.includes('-----BEGIN CERTIFICATE-----')) {
    throw new Error(`node ${entry.name} has no certificate authority`);
  }
  const { material } = credential;
  return createSecureContext({
    ca: pinOnly ? [] : entry.certificateAuthority,
    minVersion: 'TLSv1.2',
    ...(material.kind === 'certificate' ? { cert: material.certificate, key: material.key.reveal() } : {}),
  });
}

function open(
  { clock, log, reach, upstreamTlsError }: DialDeps,
  { connectTimeoutMs }: DialOptions,
  entry: NodeEntry,
  parts: ConnectionParts,
  signal: AbortSignal | undefined,
  onread: OnReadOpts | undefined,
): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    let socket: TLSSocket | undefined;
    let isSettled = false;
    const fail = (fault: Fault): void => {
      settle();
      socket?.destroy();
      reject(fault);
    };
    const onError = (error: Error): void => {
      const problem = socket && toTlsProblem(error, socket);
      if (problem !== undefined) {
        log.warn({ node: entry.name, problem, err: error }, 'TLS connection to the node failed');
        upstreamTlsError?.(problem);
      }
      fail(toDialFault(error, problem));
    };
    const onClose = (): void => fail(new Fault('BadGateway', 'the node closed the connection'));
    const onAbort = (): void => fail(new Fault('ServiceUnavailable', 'the request was given up'));
    const cancel = clock.after(connectTimeoutMs, () =>
      fail(new Fault('Timeout', 'the node could not be reached in time')),
    );
    const settle = (): void => {
      isSettled = true;
      cancel();
      signal?.removeEventListener('abort', onAbort);
      // From here on whoever holds the socket hears `close`; an error in between must not end the process.
      socket?.off('error', onError).off('close', onClose).on('error', ignore);
    };
    const connectTo = (addresses: readonly LookupAddress[]): void => {
      if (isSettled) return;
      const opened = (socket = connect({
        ...toConnectOptions(entry, addresses, parts),
        ...(onread === undefined ? {} : { onread }),
      }));
      opened.on('error', onError).on('close', onClose);
      opened.once('secureConnect', () => {
        const wrong = verify(entry, opened, clock.now());
        if (wrong !== undefined) {
          onError(wrong);
          return;
        }
        settle();
        opened.setNoDelay(true);
        opened.setKeepAlive(true, PROBE_AFTER_MS);
        resolve(opened);
      });
    };
    reach(entry.name, entry.address, entry.port).then(connectTo, (error: unknown) => fail(toFault(error)));
    if (signal?.aborted === true) onAbort();
    else signal?.addEventListener('abort', onAbort, { once: true });
  });
}

const toConnectOptions = (
  entry: NodeEntry,
  addresses: readonly LookupAddress[],
  parts: ConnectionParts,
): ConnectionOptions &
  Pick<SocketConstructorOpts, 'allowHalfOpen'> & { readonly autoSelectFamily: true } => ({
  autoSelectFamily: true,
  host: entry.address,
  port: entry.port,
  // Nothing is looked up again: these are the addresses that were judged. `host` is not asked about any more.
  lookup: (_host, _options, callback) => callback(null, [...addresses]),
  // RFC 6066 §3 allows no address here; the name that is verified is the entry's in either case.
  servername: isHostName(entry.serverName) ? entry.serverName : '',
  ...parts,
  // An upgrade is impossible on HTTP/2, which kubelets before 1.36 would choose.
  ALPNProtocols: HTTP_1_1,
  allowHalfOpen: true,
});

const isHostName = (name: string): boolean => isIP(name) === 0 && !name.includes(':');

/** What keeps a connection whose handshake is complete from being used; undefined: nothing. */
function verify(entry: NodeEntry, socket: TLSSocket, now: number): Error | undefined {
  if (!isPinOnly(entry)) {
    return socket.authorized ? undefined : new Error('the certificate was not verified');
  }
  const leaf = socket.getPeerX509Certificate();
  return leaf === undefined
    ? new Error('the node has shown no certificate')
    : checkPinnedIdentity(entry, leaf, now);
}

const ignore = (): void => undefined;
