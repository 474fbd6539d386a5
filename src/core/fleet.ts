// What is asked about all nodes together, on kubectl's paths without a node. Answered by the gateway itself, from its
// inventory and from the nodes that the caller may read.

import type { FieldRequirement, LabelRequirement, PodsView, WatchOptions } from './action.ts';
import type { Namespace, NodeName, PodName } from './names.ts';

/** `within`: that node alone, where the server URL names one. */
export type FleetQuery =
  /** Without a name: all of them. */
  | {
      readonly kind: 'nodes';
      readonly name?: NodeName;
      readonly within?: NodeName;
      readonly labelSelector: readonly LabelRequirement[];
      readonly fieldSelector: readonly FieldRequirement[];
      readonly view: PodsView['as'];
      /** Present: not the list, but what happens to it. */
      readonly watch?: WatchOptions;
    }
  | { readonly kind: 'pods'; readonly view: PodsView }
  /** `kubectl top node`: NodeMetrics of metrics.k8s.io/v1beta1. */
  | {
      readonly kind: 'nodeMetrics';
      readonly name?: NodeName;
      readonly within?: NodeName;
      readonly labelSelector: readonly LabelRequirement[];
    }
  /** `kubectl top pod`: PodMetrics. With a name there is a namespace. */
  | {
      readonly kind: 'podMetrics';
      readonly within?: NodeName;
      readonly namespace?: Namespace;
      readonly name?: PodName;
      readonly labelSelector: readonly LabelRequirement[];
      readonly fieldSelector: readonly FieldRequirement[];
    }
  /** `kubectl auth can-i`: SelfSubjectAccessReview of authorization.k8s.io/v1, in the request's body. */
  | { readonly kind: 'accessReview'; readonly within?: NodeName }
  /** `kubectl auth can-i --list`: SelfSubjectRulesReview, in the request's body. */
  | { readonly kind: 'rulesReview'; readonly within?: NodeName }
  /** `kubectl auth whoami`: SelfSubjectReview of authentication.k8s.io/v1. */
  | { readonly kind: 'selfReview' };
