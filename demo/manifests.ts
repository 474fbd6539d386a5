// The configuration files that the demo writes: what a platform engineer would write, for three nodes on loopback.

/** Who may do what at the gateway, as plain Kubernetes RBAC. */
export const RBAC = `# Rights at the gateway. Plain Kubernetes RBAC, read because authorization.mode is RBAC.
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: { name: node-operator }
rules:
  - { apiGroups: [""], resources: ["nodes/proxy", "nodes/metrics", "nodes/stats", "nodes/log", "nodes/pods", "nodes/healthz", "nodes/configz", "nodes/statusz", "nodes/checkpoint"], verbs: ["*"] }
  - { apiGroups: [""], resources: ["pods", "pods/log"], verbs: ["get", "list"] }
  - { apiGroups: [""], resources: ["pods/exec", "pods/attach", "pods/portforward"], verbs: ["create"] }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: { name: node-reader }
rules:
  - { apiGroups: [""], resources: ["nodes/metrics", "nodes/stats", "nodes/pods", "nodes/healthz"], verbs: ["get"] }
---
# The right that many monitoring agents hold. At a kubelet it executes commands by WebSocket GET; here it only reads.
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: { name: proxy-reader }
rules:
  - { apiGroups: [""], resources: ["nodes/proxy"], verbs: ["get"] }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: { name: alice-operates-nodes }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: node-operator }
subjects: [{ apiGroup: rbac.authorization.k8s.io, kind: User, name: alice }]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: { name: bob-reads-metrics }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: node-reader }
subjects: [{ apiGroup: rbac.authorization.k8s.io, kind: User, name: bob }]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: { name: carol-gets-nodes-proxy }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: proxy-reader }
subjects: [{ apiGroup: rbac.authorization.k8s.io, kind: User, name: carol }]
`;

/** Kubernetes' AuthenticationConfiguration for one issuer. */
export const authenticationConfiguration = (issuer: {
  readonly url: string;
  readonly certificateAuthority: string;
  readonly audience: string;
}): string => `apiVersion: apiserver.config.k8s.io/v1
kind: AuthenticationConfiguration
jwt:
  - issuer:
      url: ${issuer.url}
      certificateAuthority: |
${issuer.certificateAuthority.trim().replace(/^/gm, '        ')}
      audiences: [${issuer.audience}]
    claimMappings:
      username: { claim: sub, prefix: "" }
      groups: { claim: groups, prefix: "" }
`;

/** Everything at Metadata, which is all that the gateway has to tell. */
export const AUDIT_POLICY = `apiVersion: audit.k8s.io/v1
kind: Policy
rules:
  - level: Metadata
`;

export interface GatewayFiles {
  readonly port: number;
  /** Of people who sign in with a browser. */
  readonly issuer: string;
  readonly adminPort: number;
  readonly nodes: readonly { readonly name: string; readonly port: number }[];
}

/** The gateway's own configuration. Paths are relative to the file. */
export const gatewayConfiguration = (files: GatewayFiles): string => `apiVersion: kubelet-gateway.io/v1alpha1
kind: GatewayConfiguration
listeners:
  - name: main
    address: 127.0.0.1
    port: ${files.port}
    tls: { certificateFile: pki/gateway.crt, privateKeyFile: pki/gateway.key }
    clientCertificates: { request: true }
admin: { address: 127.0.0.1, port: ${files.adminPort}, openMetrics: true }
authentication:
  configurationFile: authentication.yaml
  clientCAFile: pki/client-ca.crt
authorization:
  mode: RBAC
  podSubresources: enabled
  rbac: { manifestFiles: [rbac.yaml] }
nodes:
  # Of the gateway's own host, as no node of a cluster is.
  allowedAddresses: [127.0.0.0/8]
  list:
${files.nodes
  .map(
    (node) =>
      `    - { name: ${node.name}, address: 127.0.0.1, port: ${node.port}, serverName: ${node.name}, certificateAuthorityFile: pki/kubelet-ca.crt }`,
  )
  .join('\n')}
# Two credentials a node: one that reads, and one for what a kubelet gates on nodes/proxy.
credentials:
  - { name: reader, certificateFile: "pki/{node}-reader.crt", privateKeyFile: "pki/{node}-reader.key" }
  - { name: operator, certificateFile: "pki/{node}-operator.crt", privateKeyFile: "pki/{node}-operator.key" }
credentialMappings:
  - { credential: reader, actions: [metrics, stats, pods, runningPods, healthz, nodeLogs] }
  - { credential: operator }
login:
  externalURLs: ["https://localhost:${files.port}", "https://127.0.0.1:${files.port}"]
  cookieKeyFiles: [cookie.key]
  providers:
    - { name: demo, displayName: Demo identity provider, issuer: "${files.issuer}", clientID: kubelet-gateway, clientSecretFile: login-client.secret }
endpoints: { enabled: [run, checkpoint, debug, flagz, statusz] }
audit:
  policyFile: audit-policy.yaml
  mode: blocking-strict
  file: { path: audit.log }
shutdown: { grace: 5s }
`;

/** A kubeconfig with a context for every user and node; a user's own name is the context on the first node. */
export function kubeconfig(options: {
  readonly server: string;
  readonly certificateAuthority: string;
  readonly nodes: readonly string[];
  readonly tokens: Readonly<Record<string, string>>;
}): string {
  const ca = Buffer.from(options.certificateAuthority).toString('base64');
  const users = Object.entries(options.tokens);
  const contexts = users.flatMap(([user]) =>
    options.nodes.flatMap((node, index) => [
      ...(index === 0 ? [{ name: user, node, user }] : []),
      { name: `${user}@${node}`, node, user },
    ]),
  );
  return [
    'apiVersion: v1',
    'kind: Config',
    `current-context: ${users[0]?.[0] ?? ''}`,
    'clusters:',
    ...options.nodes.map(
      (node) =>
        `  - { name: ${node}, cluster: { server: "${options.server}/nodes/${node}", certificate-authority-data: ${ca} } }`,
    ),
    'users:',
    ...users.map(([user, token]) => `  - { name: ${user}, user: { token: ${token} } }`),
    'contexts:',
    ...contexts.map(
      ({ name, node, user }) => `  - { name: ${name}, context: { cluster: ${node}, user: ${user} } }`,
    ),
    '',
  ].join('\n');
}
