// Kubernetes' RBAC objects (rbac.authorization.k8s.io/v1), as read from manifests. `config/` parses and validates the
// files; `authorize/` evaluates them.

export interface PolicyRule {
  readonly verbs: readonly string[];
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames: readonly string[];
  /** Paths that stand for no resource; a rule that has any is about nothing else. */
  readonly nonResourceURLs?: readonly string[];
}

export interface Subject {
  readonly kind: 'User' | 'Group' | 'ServiceAccount';
  readonly name: string;
  /** For a ServiceAccount. */
  readonly namespace?: string;
}

export interface RoleRef {
  readonly kind: 'Role' | 'ClusterRole';
  readonly name: string;
}

export interface RbacObjects {
  readonly clusterRoles: readonly { readonly name: string; readonly rules: readonly PolicyRule[] }[];
  readonly roles: readonly {
    readonly namespace: string;
    readonly name: string;
    readonly rules: readonly PolicyRule[];
  }[];
  readonly clusterRoleBindings: readonly {
    readonly name: string;
    readonly roleRef: RoleRef;
    readonly subjects: readonly Subject[];
  }[];
  readonly roleBindings: readonly {
    readonly namespace: string;
    readonly name: string;
    readonly roleRef: RoleRef;
    readonly subjects: readonly Subject[];
  }[];
}
