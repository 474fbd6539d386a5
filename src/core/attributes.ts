// The attributes of an authorization question (authorization.k8s.io/v1 ResourceAttributes and NonResourceAttributes),
// and what a route requires.

/** About a resource: a node, a pod, or one of the gateway's own. */
export interface Attributes {
  readonly verb: string;
  /** Empty: the core group. */
  readonly apiGroup: string;
  readonly version: string;
  readonly resource: string;
  /** Empty: the resource itself. */
  readonly subresource: string;
  /** Empty: cluster-scoped, or all namespaces. */
  readonly namespace: string;
  /** Empty: all names. */
  readonly name: string;
}

/** About a path that stands for no resource, such as `/metrics`. */
export interface PathAttributes {
  readonly verb: string;
  readonly path: string;
}

/** What an authorizer is asked about. */
export type AnyAttributes = Attributes | PathAttributes;

/** Any-of, in the order in which the alternatives are asked: the kubelet's own rule (pkg/kubelet/server/auth.go). */
export type Requirement<Asked extends AnyAttributes = Attributes> = readonly [Asked, ...Asked[]];

export const isPath = (attributes: AnyAttributes): attributes is PathAttributes => 'path' in attributes;

/** `nodes/proxy`, `pods/exec`, `pods`: how Kubernetes writes a resource with its subresource. */
export const toResourceText = (attributes: Pick<Attributes, 'resource' | 'subresource'>): string =>
  attributes.subresource === '' ? attributes.resource : `${attributes.resource}/${attributes.subresource}`;

/** `sessions.kubelet-gateway.io`, `pods/exec`, `/metrics`: what a question is about, its API group included. */
export function toObjectText(attributes: AnyAttributes): string {
  if (isPath(attributes)) return attributes.path;
  const text = toResourceText(attributes);
  return attributes.apiGroup === '' ? text : `${text}.${attributes.apiGroup}`;
}
