// What the caller provides for the cluster scenarios, by the environment. CONTRIBUTING.md describes it.

export interface RealEnvironment {
  readonly source:
    | { readonly kind: 'kubeconfig'; readonly file: string }
    /** A folder with etcd and kube-apiserver. */
    | { readonly kind: 'assets'; readonly folder: string };
  readonly signs: boolean;
  readonly image: string;
  /** Absent: no scenario with a kubelet. */
  readonly node?: {
    readonly name: string;
    /** Absent: as the Node object says. */
    readonly address?: string;
    readonly port?: number;
    readonly serverName: string;
    readonly certificateAuthorityFile: string;
  };
}

type Variables = Readonly<Record<string, string | undefined>>;

/** Throws an Error that tells the caller what is missing. */
export function readEnvironment(variables: Variables): RealEnvironment {
  const kubeconfig = variables['KUBECONFIG'] ?? '';
  const assets = variables['KUBEBUILDER_ASSETS'] ?? '';
  if (kubeconfig === '' && assets === '') {
    throw new Error(
      'there is no cluster to test with: set KUBECONFIG to the kubeconfig of an administrator of a cluster for tests, or KUBEBUILDER_ASSETS to a folder with etcd and kube-apiserver',
    );
  }
  if (kubeconfig.includes(':')) throw new Error('KUBECONFIG must name one file here');
  return {
    source: kubeconfig === '' ? { kind: 'assets', folder: assets } : { kind: 'kubeconfig', file: kubeconfig },
    signs: kubeconfig !== '' && variables['TEST_CLUSTER_SIGNS'] !== 'no',
    image: variables['TEST_CLUSTER_IMAGE'] ?? 'busybox:1.36',
    ...toNode(variables, kubeconfig !== ''),
  };
}

function toNode(variables: Variables, hasKubelets: boolean): Pick<RealEnvironment, 'node'> {
  const name = variables['TEST_CLUSTER_NODE'] ?? '';
  if (name === '') return {};
  if (!hasKubelets) throw new Error('TEST_CLUSTER_NODE needs a cluster with kubelets: set KUBECONFIG');
  const certificateAuthorityFile = variables['TEST_CLUSTER_KUBELET_CA'] ?? '';
  if (certificateAuthorityFile === '') {
    throw new Error(
      "TEST_CLUSTER_NODE needs TEST_CLUSTER_KUBELET_CA: a PEM file of the authority of the kubelet's serving certificate",
    );
  }
  const at = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(variables['TEST_CLUSTER_KUBELET'] ?? '');
  if (at === null && (variables['TEST_CLUSTER_KUBELET'] ?? '') !== '') {
    throw new Error('TEST_CLUSTER_KUBELET must be ADDRESS:PORT');
  }
  const address = at?.[1] ?? at?.[2];
  return {
    node: {
      name,
      ...(at === null || address === undefined ? {} : { address, port: Number(at[3]) }),
      serverName: variables['TEST_CLUSTER_KUBELET_SERVER_NAME'] ?? name,
      certificateAuthorityFile,
    },
  };
}
