// What the cluster scenarios need of a cluster. There are two: the tests' own API server with the simulated kubelet
// (double.ts), and whatever the environment names (real.ts). A scenario never knows which it talks to.

import type { KubeConnection } from '../../src/core/kube-connection.ts';

export interface ClusterObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly [key: string]: unknown;
}

export interface Cluster {
  /** A namespace of the scenarios' own, with the pod of `node` in it. */
  readonly namespace: string;
  /** The gateway's own account, which has the rights of GATEWAY_RULES and no others. */
  readonly gateway: KubeConnection;
  /** Whether somebody signs approved CertificateSigningRequests: a kube-controller-manager does. */
  readonly signs: boolean;
  /** Absent: there is no kubelet. */
  readonly node?: ClusterNode;
  /** Made by an administrator. What is not in the namespace is removed again at the end. */
  create(object: ClusterObject): Promise<void>;
  remove(object: ClusterObject): Promise<void>;
  close(): Promise<void>;
}

/** A node whose kubelet can be dialled, with a pod `web` whose one container is called `web` and prints POD_OUTPUT. */
export interface ClusterNode {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly serverName: string;
  /** PEM, of the authority of the kubelet's serving certificate. */
  readonly certificateAuthority: string;
}

export const POD = 'web';
export const POD_OUTPUT = 'listening on 8080';
export const POD_COMMAND: readonly string[] = ['/bin/sh', '-c', `echo ${POD_OUTPUT}; exec sleep 2147483`];

/** ServiceAccounts of the namespace: a user of the gateway, and what the gateway shows to kubelets. */
export const USER_ACCOUNT = 'person';
export const KUBELET_ACCOUNT = 'kubelet-client';

/** The signer of client certificates (kubernetes pkg/controller/certificates/signer). */
export const CLIENT_SIGNER = 'kubernetes.io/kube-apiserver-client';

/** What the gateway's own account may do, as the documentation asks for it. */
export const GATEWAY_RULES = [
  { apiGroups: ['authorization.k8s.io'], resources: ['subjectaccessreviews'], verbs: ['create'] },
  { apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'], verbs: ['create'] },
  { apiGroups: [''], resources: ['serviceaccounts/token'], verbs: ['create'] },
  { apiGroups: [''], resources: ['nodes'], verbs: ['get', 'list', 'watch'] },
  {
    apiGroups: ['rbac.authorization.k8s.io'],
    resources: ['clusterroles', 'clusterrolebindings', 'roles', 'rolebindings'],
    verbs: ['get', 'list', 'watch'],
  },
  {
    apiGroups: ['certificates.k8s.io'],
    resources: ['certificatesigningrequests'],
    verbs: ['create', 'get', 'delete'],
  },
  {
    apiGroups: ['certificates.k8s.io'],
    resources: ['certificatesigningrequests/approval'],
    verbs: ['update'],
  },
  {
    apiGroups: ['certificates.k8s.io'],
    resources: ['signers'],
    resourceNames: [CLIENT_SIGNER],
    verbs: ['approve'],
  },
] as const;

const RBAC_API = 'rbac.authorization.k8s.io';

export const clusterRole = (name: string, rules: readonly object[]): ClusterObject => ({
  apiVersion: `${RBAC_API}/v1`,
  kind: 'ClusterRole',
  metadata: { name },
  rules,
});

/** `subject` without its API group, which goes by its kind. */
export const clusterRoleBinding = (name: string, role: string, subject: Subject): ClusterObject => ({
  apiVersion: `${RBAC_API}/v1`,
  kind: 'ClusterRoleBinding',
  metadata: { name },
  roleRef: { apiGroup: RBAC_API, kind: 'ClusterRole', name: role },
  subjects: [toSubject(subject)],
});

export const role = (namespace: string, name: string, rules: readonly object[]): ClusterObject => ({
  apiVersion: `${RBAC_API}/v1`,
  kind: 'Role',
  metadata: { name, namespace },
  rules,
});

export const roleBinding = (
  namespace: string,
  name: string,
  roleName: string,
  subject: Subject,
): ClusterObject => ({
  apiVersion: `${RBAC_API}/v1`,
  kind: 'RoleBinding',
  metadata: { name, namespace },
  roleRef: { apiGroup: RBAC_API, kind: 'Role', name: roleName },
  subjects: [toSubject(subject)],
});

export interface Subject {
  readonly kind: 'User' | 'Group' | 'ServiceAccount';
  readonly name: string;
  readonly namespace?: string;
}

const toSubject = (subject: Subject): object =>
  subject.kind === 'ServiceAccount' ? subject : { ...subject, apiGroup: RBAC_API };

export const serviceAccount = (namespace: string, name: string): ClusterObject => ({
  apiVersion: 'v1',
  kind: 'ServiceAccount',
  metadata: { name, namespace },
});
