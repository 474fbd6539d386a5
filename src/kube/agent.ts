// Connections to a Kubernetes API server: kept alive, over TLS whose server certificate is always verified, with the
// credential of the connection. Shared by questions (client.ts) and by lists and watches (watch/).

import { Agent } from 'node:https';
import { createHash } from 'node:crypto';
import type { KubeConnection } from '../core/kube-connection.ts';

export function createAgent({ certificateAuthority, tlsServerName, credential }: KubeConnection): Agent {
  return new Agent({
    keepAlive: true,
    // The connection used last is the one least likely to have been closed meanwhile.
    scheduling: 'lifo',
    minVersion: 'TLSv1.2',
    rejectUnauthorized: true,
    ...(certificateAuthority === undefined ? {} : { ca: certificateAuthority }),
    ...(tlsServerName === undefined ? {} : { servername: tlsServerName }),
    ...(credential.kind === 'certificate'
      ? { cert: credential.certificate, key: credential.key.reveal() }
      : {}),
  });
}

/** Throws a TypeError unless the server is reached over https. A path below which the API lives is kept. */
export function toApiUrl(server: string, path: string): URL {
  const url = new URL(server);
  if (url.protocol !== 'https:') throw new TypeError('the API server must be reached over https');
  url.pathname = url.pathname.replace(/\/+$/, '') + path;
  return url;
}

/** Differs whenever anything of the connection does, secrets included, of which it shows nothing. */
export function toConnectionKey({
  server,
  certificateAuthority,
  tlsServerName,
  credential,
}: KubeConnection): string {
  const secret =
    credential.kind === 'certificate'
      ? [credential.certificate, credential.key.reveal()]
      : credential.kind === 'token'
        ? [credential.token.reveal()]
        : [credential.path];
  return createHash('sha256')
    .update(JSON.stringify([server, certificateAuthority, tlsServerName, credential.kind, ...secret]))
    .digest('hex');
}
