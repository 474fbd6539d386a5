// What a node's own PodList (`/pods` of a kubelet) says about one pod: its uid and its containers. Read before
// an exec, attach or log is forwarded, because the kubelet does not check the uid of an exec.

import type { PodRef } from '../core/action.ts';
import type { ContainerName, PodUid } from '../core/names.ts';
import { isContainerName, isPodUid } from '../core/names.ts';
import { at, field, list, text } from './untrusted.ts';

export interface PodFacts {
  /** Undefined when the node gave none that is well-formed: then no uid can be said to match. */
  readonly uid: PodUid | undefined;
  /** In the order of the pod's spec; entries without a well-formed name are left out. */
  readonly containers: readonly ContainerName[];
  readonly initContainers: readonly ContainerName[];
  readonly ephemeralContainers: readonly ContainerName[];
}

/**
 * Finds a pod by namespace and name, as a kubelet finds the target of an exec; the uid of `ref` is not looked at,
 * the caller compares it. Undefined when the node does not have the pod.
 */
export function readPod(podList: unknown, ref: Pick<PodRef, 'namespace' | 'name'>): PodFacts | undefined {
  const pod = list(field(podList, 'items')).find(
    (item) =>
      at(item, 'metadata', 'name') === ref.name && at(item, 'metadata', 'namespace') === ref.namespace,
  );
  if (pod === undefined) return undefined;
  const uid = text(at(pod, 'metadata', 'uid'));
  return {
    uid: isPodUid(uid) ? uid : undefined,
    containers: namesOf(at(pod, 'spec', 'containers')),
    initContainers: namesOf(at(pod, 'spec', 'initContainers')),
    ephemeralContainers: namesOf(at(pod, 'spec', 'ephemeralContainers')),
  };
}

const namesOf = (containers: unknown): readonly ContainerName[] =>
  list(containers)
    .map((container) => text(field(container, 'name')))
    .filter(isContainerName);
