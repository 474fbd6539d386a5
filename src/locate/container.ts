// Which container of a pod a log, exec or attach means, by the rules and in the words of the kube-apiserver
// (pkg/registry/core/pod/strategy.go, validateContainer).

import type { ContainerName, PodName } from '../core/names.ts';
import type { PodFacts } from '../kubectl/containers.ts';
import { Fault } from '../core/fault.ts';

/** `asked` if the pod has it, of whatever sort; without it the pod's only container. Throws BadRequest. */
export function toContainer(
  { containers, initContainers, ephemeralContainers }: PodFacts,
  pod: PodName,
  asked: ContainerName | undefined,
): ContainerName {
  const details = { kind: 'pods', name: pod };
  if (asked !== undefined) {
    if ([containers, initContainers, ephemeralContainers].some((names) => names.includes(asked)))
      return asked;
    throw new Fault('BadRequest', `container ${asked} is not valid for pod ${pod}`, { details });
  }
  const [only, second] = containers;
  if (only !== undefined && second === undefined) return only;
  const choices = [
    [', choose one of: ', containers],
    [' or one of the init containers: ', initContainers],
    [' or one of the ephemeral containers: ', ephemeralContainers],
  ] as const;
  const text = choices
    .filter(([, names]) => names.length > 0)
    .map(([words, names]) => `${words}[${names.join(' ')}]`)
    .join('');
  throw new Fault('BadRequest', `a container name must be specified for pod ${pod}${text}`, { details });
}
