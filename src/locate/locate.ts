// The locate stage, the first that may look anything up: the node's entry, and from the node's own pods the uid and the
// container of a request that depends on them. It runs after the grant, so that only who may know learns what exists.

import type { Action, PodRef } from '../core/action.ts';
import type { Authorized, Located } from '../core/exchange.ts';
import type { Inventory } from '../core/node.ts';
import { Fault } from '../core/fault.ts';
import { readPod } from '../kubectl/containers.ts';
import { field } from '../kubectl/untrusted.ts';
import { toContainer } from './container.ts';

export interface LocateDependencies {
  /** Throws for what is not let through, whatever the right to it, before anything is looked up. */
  readonly admit?: (authorized: Authorized) => void;
  /** The inventory of this moment. */
  readonly inventory: () => Inventory;
  /** The node's own PodList (`/pods` of its kubelet), parsed from JSON and otherwise unread. */
  readonly pods: (located: Located, signal: AbortSignal) => Promise<unknown>;
}

/**
 * Answers at once unless the node must be asked, which happens at most once an exchange: when the client gave a uid
 * (the kubelet does not check that of an exec, pkg/kubelet/kubelet_pods.go), and when kubectl's paths leave the choice
 * of the container to the server.
 *
 * Throws, or rejects with, ServiceUnavailable while no node is known yet, NotFound for an unknown node or pod, Conflict for another uid, BadRequest for a container that
 * is not there or not named, BadGateway when the node's answer cannot be read.
 */
export const createLocate =
  ({ admit, inventory, pods }: LocateDependencies) =>
  (authorized: Authorized): Located | Promise<Located> => {
    admit?.(authorized);
    const { node } = authorized;
    const nodes = inventory();
    const entry = nodes.get(node);
    if (entry === undefined) {
      const problem = nodes.problem?.();
      if (problem !== undefined) throw new Fault('ServiceUnavailable', problem);
      throw new Fault('NotFound', `nodes ${JSON.stringify(node)} not found`, {
        details: { kind: 'nodes', name: node },
      });
    }
    const located: Located = { ...authorized, entry };
    const action = toInspected(authorized);
    return action === undefined ? located : inspect(pods, located, action);
  };

type PodAction = Extract<Action, { readonly pod: PodRef }>;
type ContainerAction = Extract<Action, { kind: 'containerLogs' | 'exec' | 'attach' }>;

const isPodAction = (action: Action): action is PodAction => 'pod' in action;

const isContainerAction = (action: Action): action is ContainerAction =>
  action.kind === 'containerLogs' || action.kind === 'exec' || action.kind === 'attach';

/** The action, if the node's pods must be read before it may go on. */
function toInspected({ action, surface }: Authorized): PodAction | undefined {
  if (!isPodAction(action)) return undefined;
  const choosesContainer = surface === 'kubectl' && isContainerAction(action);
  return action.pod.uid !== undefined || choosesContainer ? action : undefined;
}

async function inspect(
  pods: LocateDependencies['pods'],
  located: Located,
  action: PodAction,
): Promise<Located> {
  const { name, uid } = action.pod;
  const podList = await pods(located, located.lifetime.signal);
  if (!isPodList(podList)) {
    throw new Fault('BadGateway', 'the node answered with a list of pods that cannot be read');
  }
  const details = { kind: 'pods', name };
  const pod = readPod(podList, action.pod);
  if (pod === undefined) throw new Fault('NotFound', `pods ${JSON.stringify(name)} not found`, { details });
  if (uid !== undefined && pod.uid !== uid) {
    throw new Fault('Conflict', `the UID in the request does not match that of pod ${JSON.stringify(name)}`, {
      details,
    });
  }
  if (located.surface !== 'kubectl' || !isContainerAction(action)) return located;
  const container = toContainer(pod, name, action.container);
  return container === action.container ? located : { ...located, action: { ...action, container } };
}

/** An empty node's `items` is null: Go's way to write an empty slice. */
const isPodList = (value: unknown): boolean => {
  const items = field(value, 'items');
  return field(value, 'kind') === 'PodList' && (items === null || Array.isArray(items));
};
