// The fleet behind one server URL: finding pods, and answers about all nodes.

import type { Action, PodRef } from '../core/action.ts';
import type { Authorizer } from '../core/decision.ts';
import type { Authorized, Located, Permitted } from '../core/exchange.ts';
import type { NodeName } from '../core/names.ts';
import type { Inventory } from '../core/node.ts';
import type { PodClient } from '../kube/pod-client.ts';
import type { PodPlaces } from '../fleet/pod-places.ts';
import type { Admission } from './authorizer.ts';
import type { Foundation } from './foundation.ts';
import type { Line } from '../gateway/handle.ts';
import { Fault } from '../core/fault.ts';
import type { FleetPorts } from '../fleet/ports.ts';
import { findAdmitted } from '../fleet/admitted.ts';
import { createFleetAnswer } from '../fleet/answer.ts';
import { createForeignClaims } from '../fleet/foreign-claims.ts';
import { createMachines } from '../fleet/machines.ts';
import { countForeign } from '../fleet/own-pods.ts';
import { createPermit, findPermitted } from '../fleet/permit.ts';
import { createPodIndex } from '../fleet/pod-index.ts';
import { createPodPlaces } from '../fleet/pod-places.ts';
import { withLimit } from '../fleet/readable.ts';
import { createFleetWatch } from '../fleet/watch-answer.ts';
import { createUsage } from '../fleet/usage.ts';
import { field } from '../kubectl/untrusted.ts';
import { toRequirement } from '../resolve/attributes.ts';

export interface FleetParts {
  readonly inventory: () => Inventory;
  readonly authorizer: Authorizer;
  readonly authorize: Line['authorize'];
  readonly admission: Admission;
  readonly podSubresources: boolean;
  /** Absent: where pods are, the kubelets say. */
  readonly podClient?: PodClient;
  /** The PodList of a node, read with a credential of the gateway's own. */
  readonly pods: (located: Located, signal: AbortSignal) => Promise<unknown>;
  /** What a node answers to a reading action, read in the same way. */
  readonly text: (located: Located, action: Action, signal: AbortSignal) => Promise<string>;
}

export function composeFleet({ clock, log, metrics, watches, rechecks }: Foundation, parts: FleetParts) {
  const { inventory, authorizer, admission, podSubresources, podClient } = parts;
  const pods = withForeignTold({ clock, log, metrics }, parts);
  const index = createPodIndex({
    clock,
    inventory,
    // The list outlives the request that began it: others wait for it too.
    read: (entry, permitted) =>
      withLimit(clock, undefined, (signal) =>
        pods({ ...permitted.on(entry.name), grant: permitted.grant, entry }, signal),
      ),
  });
  const places =
    podClient &&
    createPodPlaces({
      clock,
      log,
      inventory,
      ask: (...question) => podClient.read(...question),
      fallback: index,
      told: (source) => metrics.podLookup(source),
    });
  const find = places === undefined ? index : (permitted: Permitted) => places.find(permitted);
  const toRequirementHere: FleetPorts['toRequirement'] = (action, node) =>
    toRequirement(action, node, { podSubresources });
  const ports: FleetPorts = {
    clock,
    inventory,
    authorizer,
    authorize: async (resolved) => parts.authorize(resolved),
    admit: admission.check,
    toRequirement: toRequirementHere,
    pods,
    places,
    usage: createUsage({ clock, inventory, read: parts.text }),
    machines: createMachines({ clock, inventory, read: parts.text }),
  };
  return {
    permit: createPermit({
      inventory,
      authorize: async (resolved) => parts.authorize(resolved),
      authorizeAll: async (sought) => parts.authorize(sought),
    }),
    find: createFind(parts, find),
    answer: createFleetAnswer(ports, watches.positions),
    watch: createFleetWatch({
      clock,
      watches,
      toRequirement: toRequirementHere,
      during: async (exchange, work) => rechecks?.during(exchange, work) ?? work(),
    }),
    /** From now on watches ask by this line, those that run too. */
    enforce: () =>
      watches.use({ ...ports, again: (resolved) => rechecks?.ask(resolved) ?? ports.authorize(resolved) }),
    doubting: createDoubting(places),
  };
}

/** Where the pod is, for whoever is let through to it. */
const createFind = (
  { inventory, admission: { check, named } }: Pick<FleetParts, 'inventory' | 'admission'>,
  find: (permitted: Permitted) => Promise<NodeName>,
): Line['find'] => {
  const ports = { inventory, admit: check, named };
  return async (permitted) =>
    permitted.on(await findAdmitted(ports, permitted, (known) => findPermitted(known, find)));
};

/** Every list that is read, for whatever, shows what its node claims. */
function withForeignTold(
  { clock, log, metrics }: Pick<Foundation, 'clock' | 'log' | 'metrics'>,
  { inventory, pods }: Pick<FleetParts, 'inventory' | 'pods'>,
): FleetParts['pods'] {
  const tell = createForeignClaims({
    clock,
    log,
    counted: (count) => metrics.foreignPods(count),
    isKnown: (node) => inventory().get(node) !== undefined,
  });
  return async (located, signal) => {
    const podList = await pods(located, signal);
    tell(located.entry.name, countForeign(podList, located.entry.name));
    return podList;
  };
}

/** A node that does not have the pod after all is a reason to look sooner where it is. */
const createDoubting =
  (places: PodPlaces | undefined) =>
  <Result>(exchange: Authorized, work: () => Result | Promise<Result>): Result | Promise<Result> => {
    const pod = places === undefined ? undefined : toPod(exchange.action);
    if (places === undefined || pod === undefined) return work();
    const doubt = (code: unknown): void => {
      if (code === NOT_FOUND) places.doubt(pod, exchange.node);
    };
    return watched(work, doubt);
  };

const NOT_FOUND = 404;

async function watched<Result>(
  work: () => Result | Promise<Result>,
  doubt: (code: unknown) => void,
): Promise<Result> {
  try {
    const result = await work();
    // An ending; what `locate` has found has no code.
    doubt(field(result, 'code'));
    return result;
  } catch (error) {
    if (error instanceof Fault) doubt(error.code);
    throw error;
  }
}

function toPod(action: Action): Pick<PodRef, 'namespace' | 'name'> | undefined {
  if ('pod' in action) return action.pod;
  if (action.kind !== 'pods') return undefined;
  const { namespace, name } = action.view ?? {};
  return namespace === undefined || name === undefined ? undefined : { namespace, name };
}
