// Names as Kubernetes defines them, as brands: a string that has been checked cannot be mistaken for one that
// has not. Sources: apimachinery util/validation (DNS-1123 label and subdomain), KEP-less object uid rules.

declare const brand: unique symbol;
type Brand<Name extends string> = string & { readonly [brand]: Name };

/** Name of a Node object: a DNS-1123 subdomain, at most 253 characters. */
export type NodeName = Brand<'NodeName'>;
/** Name of a Namespace object: a DNS-1123 label, at most 63 characters. */
export type Namespace = Brand<'Namespace'>;
/** Name of a Pod object: a DNS-1123 subdomain, at most 253 characters. */
export type PodName = Brand<'PodName'>;
/** Name of a container within a pod: a DNS-1123 label, at most 63 characters. */
export type ContainerName = Brand<'ContainerName'>;
/** `metadata.uid` of a pod: a UUID, or the 32 hex digits of a static pod's config hash. */
export type PodUid = Brand<'PodUid'>;

const DNS1123_LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const DNS1123_SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const POD_UID = /^[0-9a-fA-F]{8}(-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}$/;

const isSubdomain = (text: string): boolean => text.length <= 253 && DNS1123_SUBDOMAIN.test(text);

export const isNodeName = (text: string): text is NodeName => isSubdomain(text);
export const isNamespace = (text: string): text is Namespace => DNS1123_LABEL.test(text);
export const isPodName = (text: string): text is PodName => isSubdomain(text);
export const isContainerName = (text: string): text is ContainerName => DNS1123_LABEL.test(text);
export const isPodUid = (text: string): text is PodUid => POD_UID.test(text);
