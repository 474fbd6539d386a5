// The API server of the cluster that the gateway runs in, as every pod finds it (client-go rest.InClusterConfig).

import { isIPv6 } from 'node:net';
import { join } from 'node:path';
import type { KubeConnection } from '../../core/kube-connection.ts';
import type { Path } from '../problem.ts';
import type { Reading } from '../reading.ts';

/** Where a pod finds its ServiceAccount. */
const SERVICE_ACCOUNT_FOLDER = '/var/run/secrets/kubernetes.io/serviceaccount';

export async function readInCluster(reading: Reading, path: Path): Promise<KubeConnection | undefined> {
  const { source, files, findings, variables } = reading;
  const host = variables['KUBERNETES_SERVICE_HOST'] ?? '';
  const port = variables['KUBERNETES_SERVICE_PORT'] ?? '';
  if (host === '' || !/^\d{1,5}$/.test(port)) {
    const message =
      'KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set: this is not a pod of a cluster';
    findings.problem(source, path, message);
    return undefined;
  }
  const tokenFile = join(SERVICE_ACCOUNT_FOLDER, 'token');
  const [certificateAuthority, token] = await Promise.all([
    files.read(join(SERVICE_ACCOUNT_FOLDER, 'ca.crt'), source, path),
    files.read(tokenFile, source, path),
  ]);
  if (certificateAuthority === undefined || token === undefined) return undefined;
  return {
    server: `https://${isIPv6(host) ? `[${host}]` : host}:${port}`,
    certificateAuthority,
    credential: { kind: 'tokenFile', path: tokenFile },
  };
}
