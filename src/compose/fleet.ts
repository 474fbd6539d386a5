// The fleet behind one server URL: finding pods, and answers about all nodes.

import type { Action } from '../core/action.ts';
import type { Authorizer } from '../core/decision.ts';
import type { Located } from '../core/exchange.ts';
import type { Inventory } from '../core/node.ts';
import type { Foundation } from './foundation.ts';
import type { Line } from '../gateway/handle.ts';
import { createFleetAnswer } from '../fleet/answer.ts';
import { createMachines } from '../fleet/machines.ts';
import { createPodIndex } from '../fleet/pod-index.ts';
import { withLimit } from '../fleet/readable.ts';
import { createUsage } from '../fleet/usage.ts';
import { toRequirement } from '../resolve/attributes.ts';

export interface FleetParts {
  readonly inventory: () => Inventory;
  readonly authorizer: Authorizer;
  readonly authorize: Line['authorize'];
  readonly podSubresources: boolean;
  /** The PodList of a node, read with a credential of the gateway's own. */
  readonly pods: (located: Located, signal: AbortSignal) => Promise<unknown>;
  /** What a node answers to a reading action, read in the same way. */
  readonly text: (located: Located, action: Action, signal: AbortSignal) => Promise<string>;
}

export function composeFleet({ clock, log }: Foundation, parts: FleetParts) {
  const { inventory, authorizer, podSubresources, pods } = parts;
  const find = createPodIndex({
    clock,
    inventory,
    // The list outlives the request that began it: others wait for it too.
    read: (entry, permitted) =>
      withLimit(clock, undefined, (signal) =>
        pods({ ...permitted.on(entry.name), grant: permitted.grant, entry }, signal),
      ),
    foreign: (node, count) => log.warn({ node, count }, 'the node claims pods whose spec names another node'),
  });
  const answer = createFleetAnswer({
    clock,
    inventory,
    authorizer,
    authorize: async (resolved) => parts.authorize(resolved),
    toRequirement: (action, node) => toRequirement(action, node, { podSubresources }),
    pods,
    usage: createUsage({ clock, inventory, read: parts.text }),
    machines: createMachines({ clock, inventory, read: parts.text }),
  });
  return {
    find: async (permitted: Parameters<typeof find>[0]) => permitted.on(await find(permitted)),
    answer,
  };
}
