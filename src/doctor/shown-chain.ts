// Looks at the certificates that a server shows, whoever it is: a handshake that verifies nothing, shows no certificate of
// our own and is hung up after it. Never used to send a byte of a request.

import type { X509Certificate } from 'node:crypto';
import { connect } from 'node:tls';
import { isIP } from 'node:net';
import type { NodeEntry } from '../core/node.ts';
import type { Clock } from '../core/ports.ts';
import { toErrorCode } from '../outbound/dial-faults.ts';

/** More are not looked at. */
const MAX_CHAIN = 8;

export type ShownChain =
  | { readonly kind: 'shown'; readonly chain: readonly [X509Certificate, ...X509Certificate[]] }
  /** No TLS was spoken; the error's code and text. */
  | { readonly kind: 'noTls'; readonly code: string; readonly message: string }
  | { readonly kind: 'silent' };

/** Never rejects. */
export const lookAtChain = (
  { clock }: { readonly clock: Clock },
  { address, port, serverName }: Pick<NodeEntry, 'address' | 'port' | 'serverName'>,
  timeoutMs: number,
): Promise<ShownChain> =>
  new Promise((resolve) => {
    const socket = connect({
      host: address,
      port,
      servername: isIP(serverName) === 0 && !serverName.includes(':') ? serverName : '',
      ALPNProtocols: ['http/1.1'],
      minVersion: 'TLSv1.2',
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
    });
    const settle = (chain: ShownChain): void => {
      cancel();
      socket.on('error', () => undefined);
      socket.destroy();
      resolve(chain);
    };
    const cancel = clock.after(timeoutMs, () => settle({ kind: 'silent' }));
    socket.once('secureConnect', () => settle(toShown(socket.getPeerX509Certificate())));
    socket.once('error', (error: Error) =>
      settle({ kind: 'noTls', code: toErrorCode(error), message: error.message }),
    );
    socket.once('close', () => settle({ kind: 'noTls', code: '', message: 'the connection was closed' }));
  });

function toShown(leaf: X509Certificate | undefined): ShownChain {
  if (leaf === undefined) return { kind: 'noTls', code: '', message: 'no certificate was shown' };
  const chain: [X509Certificate, ...X509Certificate[]] = [leaf];
  let next = leaf.issuerCertificate;
  // A root names itself as its issuer.
  while (
    next !== undefined &&
    chain.length < MAX_CHAIN &&
    next.fingerprint256 !== chain.at(-1)?.fingerprint256
  ) {
    chain.push(next);
    next = next.issuerCertificate;
  }
  return { kind: 'shown', chain };
}
