// The API server that a section names: by a kubeconfig, or as the one of the cluster that the gateway runs in.

import type { KubeConnection } from '../../core/kube-connection.ts';
import type { Path } from '../problem.ts';
import type { Reading } from '../reading.ts';
import { resolveFile } from '../files.ts';
import { readInCluster } from './in-cluster.ts';
import { readKubeconfig } from './kubeconfig.ts';

/** `path` is the section's; undefined when there is a problem, which has been told. */
export const readApiServer = (
  { kubeconfigFile }: { readonly kubeconfigFile?: string },
  reading: Reading,
  path: Path,
): Promise<KubeConnection | undefined> =>
  kubeconfigFile === undefined
    ? readInCluster(reading, [...path, 'inCluster'])
    : readKubeconfig(resolveFile(reading.folder, kubeconfigFile), reading, [...path, 'kubeconfigFile']);
