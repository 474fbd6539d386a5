// The attributes of an authorization question (authorization.k8s.io/v1 ResourceAttributes), and what a route requires.

export interface Attributes {
  readonly verb: string;
  /** Always the core group here. */
  readonly apiGroup: '';
  readonly version: 'v1';
  readonly resource: 'nodes' | 'pods';
  /** Empty: the resource itself. */
  readonly subresource: string;
  /** Empty: cluster-scoped, or all namespaces. */
  readonly namespace: string;
  /** Empty: all names. */
  readonly name: string;
}

/** Any-of, in the order in which the alternatives are asked: the kubelet's own rule (pkg/kubelet/server/auth.go). */
export type Requirement = readonly [Attributes, ...Attributes[]];

/** `nodes/proxy`, `pods/exec`, `pods`: how Kubernetes writes a resource with its subresource. */
export const toResourceText = (attributes: Pick<Attributes, 'resource' | 'subresource'>): string =>
  attributes.subresource === '' ? attributes.resource : `${attributes.resource}/${attributes.subresource}`;
