// Kubeconfig files of the cluster scenarios. JSON is YAML.

import type { KubeConnection } from '../../src/core/kube-connection.ts';

interface TokenClient {
  readonly server: string;
  readonly certificateAuthority: string;
  readonly token: string;
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');

export function toKubeconfig(client: KubeConnection | TokenClient, namespace = 'default'): string {
  const { server, certificateAuthority } = client;
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: 'c',
        cluster: {
          server,
          ...(certificateAuthority === undefined
            ? {}
            : { 'certificate-authority-data': base64(certificateAuthority) }),
          ...('tlsServerName' in client ? { 'tls-server-name': client.tlsServerName } : {}),
        },
      },
    ],
    users: [{ name: 'u', user: toUser(client) }],
    contexts: [{ name: 'c', context: { cluster: 'c', user: 'u', namespace } }],
    'current-context': 'c',
  });
}

function toUser(client: KubeConnection | TokenClient): object {
  if ('token' in client) return { token: client.token };
  const { credential } = client;
  switch (credential.kind) {
    case 'certificate':
      return {
        'client-certificate-data': base64(credential.certificate),
        'client-key-data': base64(credential.key.reveal()),
      };
    case 'token':
      return { token: credential.token.reveal() };
    default:
      throw new TypeError('a scenario connects with a certificate or a token');
  }
}
