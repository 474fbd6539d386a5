// The TLS side of a listener (RFC 8446, RFC 5246). Whether a client certificate is asked for is a property of a
// tls.Server in Node, so there are two, neither of which listens itself: one asks, one does not, and every TCP
// connection is handed to one of them. New certificates make a new pair; connections of the old one live on.

import { X509Certificate, constants } from 'node:crypto';
import type { Socket } from 'node:net';
import type { TLSSocket, TlsOptions } from 'node:tls';
import { createServer } from 'node:tls';
import type { TlsVersion } from '../core/configuration.ts';
import type { PresentedCertificate } from '../core/exchange.ts';
import { readPresentedCertificate } from './peer.ts';
import type { ListenerOptions } from './options.ts';

const MIN_VERSIONS = { VersionTLS12: 'TLSv1.2', VersionTLS13: 'TLSv1.3' } as const satisfies Record<
  TlsVersion,
  string
>;

export interface Doors {
  /** SNI names at which no certificate is asked for. Empty: there is no need to look at the name. */
  readonly exceptServerNames: ReadonlySet<string>;
  /** Begins the handshake on a TCP connection. */
  enter(socket: Socket, serverName: string | undefined): void;
}

export interface DoorEvents {
  /** A handshake is complete. */
  onSecure(socket: TLSSocket, certificate: PresentedCertificate | undefined): void;
  onFailed(error: Error, socket: TLSSocket): void;
}

/** Throws when OpenSSL cannot read the key, the certificate or the client CA. */
export function createDoors(options: ListenerOptions, handshakeMs: number, events: DoorEvents): Doors {
  const shared: TlsOptions = {
    cert: options.tls.certificate,
    key: options.tls.privateKey.reveal(),
    minVersion: MIN_VERSIONS[options.tls.minVersion],
    // No HTTP/2: upgrades do not exist there, and its denial-of-service class (CVE-2023-44487) stays outside.
    // A function: of a list Node keeps a copy for each connection, in its pool of buffers, 64 kB of which stay with it.
    ALPNCallback: ({ protocols }) => protocols.find((protocol) => protocol === 'http/1.1'),
    handshakeTimeout: handshakeMs,
  };
  const silent = listen(createServer(secured(shared)), events);
  const authority = options.clientCertificateAuthority;
  if (!options.clientCertificates.request || authority === undefined) {
    return { exceptServerNames: new Set(), enter: (socket) => void silent.emit('connection', socket) };
  }
  // Node skips what it cannot read, and no name at all would mean that any certificate is welcome.
  assertCertificates(authority);
  const asking = listen(
    createServer(
      secured({
        ...shared,
        // Node puts the names of exactly these into the CertificateRequest.
        ca: authority,
        requestCert: true,
        // An unverified certificate is refused with words and 401 by `identify`, not with a TLS alert.
        rejectUnauthorized: false,
        // A resumed session holds the client's leaf and not its intermediates, without which it cannot be verified.
        secureOptions: constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_NO_TICKET,
      }),
    ),
    events,
  );
  const exceptServerNames = new Set(options.clientCertificates.exceptServerNames);
  return {
    exceptServerNames,
    enter: (socket, serverName) => {
      const door = serverName !== undefined && exceptServerNames.has(serverName) ? silent : asking;
      door.emit('connection', socket);
    },
  };
}

function assertCertificates(pem: string): void {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g);
  if (blocks === null) throw new Error('the client CA holds no certificate');
  for (const block of blocks) new X509Certificate(block);
}

const secured = (options: TlsOptions): TlsOptions => ({
  secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
  ...options,
});

function listen(server: ReturnType<typeof createServer>, events: DoorEvents): typeof server {
  const chains = new WeakMap<TLSSocket, PresentedCertificate | undefined>();
  // Node 24.21 and 26.8 lose the intermediates of a verified client certificate just before 'secureConnection'
  // (nodejs/node#65579). This event is the documented one that shows the socket earlier; its line is not looked at.
  server.on('keylog', (_line, socket) => {
    if (chains.has(socket)) return;
    chains.set(socket, undefined);
    socket.prependOnceListener('secure', () => chains.set(socket, readPresentedCertificate(socket)));
  });
  server.on('secureConnection', (socket) => {
    const certificate = chains.has(socket) ? chains.get(socket) : readPresentedCertificate(socket);
    events.onSecure(socket, certificate);
  });
  server.on('tlsClientError', (error, socket) => {
    events.onFailed(error, socket);
    socket.destroy();
  });
  return server;
}
