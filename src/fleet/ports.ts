// What answers about all nodes are made with, and of.

import type { Action } from '../core/action.ts';
import type { Attributes, Requirement } from '../core/attributes.ts';
import type { Authorizer } from '../core/decision.ts';
import type { Identified, Located, Resolved } from '../core/exchange.ts';
import type { NodeName } from '../core/names.ts';
import type { Inventory, NodeEntry } from '../core/node.ts';
import type { Clock } from '../core/ports.ts';
import type { Authorize, Gate } from './readable.ts';
import type { ReadMachine } from './machines.ts';
import type { Places } from './one-pod.ts';
import type { ReadUsage } from './usage.ts';
import { Fault } from '../core/fault.ts';

export interface FleetAnswer {
  readonly status?: number;
  readonly contentType: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface FleetPorts {
  readonly clock: Clock;
  readonly inventory: () => Inventory;
  readonly authorizer: Authorizer;
  readonly authorize: Authorize;
  /** Asked of each node that an answer is about, once its right is there. Throws a Fault. */
  readonly admit: Gate['admit'];
  readonly toRequirement: (action: Action, node: NodeName | '') => Requirement;
  /** The node's PodList, unchecked. */
  readonly pods: (located: Located, signal: AbortSignal) => Promise<unknown>;
  readonly usage: ReadUsage;
  /** Absent: where pods are, the kubelets say. */
  readonly places?: Places | undefined;
  readonly machines: ReadMachine;
}

/**
 * Without a name: all. `within` is the node that the server URL names, the only one then. Throws ServiceUnavailable
 * while none is known.
 */
export function toNodes(
  { inventory }: Pick<FleetPorts, 'inventory'>,
  { name, within }: { readonly name?: NodeName; readonly within?: NodeName } = {},
): readonly NodeEntry[] {
  const known = inventory();
  const problem = known.problem?.();
  if (problem !== undefined) throw new Fault('ServiceUnavailable', problem);
  return [...known.list()].filter(
    (node) => (name === undefined || node.name === name) && (within === undefined || node.name === within),
  );
}

/** For whoever was let in: the node that the server URL names is not there. Throws NotFound. */
export function refuseAbsent(
  { inventory }: Pick<FleetPorts, 'inventory'>,
  { within }: { readonly within?: NodeName },
): void {
  if (within === undefined || inventory().get(within) !== undefined) return;
  throw new Fault('NotFound', `nodes ${JSON.stringify(within)} not found`, {
    details: { kind: 'nodes', name: within },
  });
}

/** The question whether the caller may do this on a node; without an entry, on all of them. */
export const toResolved = (
  asked: Identified,
  entry: NodeEntry | undefined,
  action: Action,
  requirement: Requirement,
): Resolved => ({
  ...asked,
  // Without an entry the right to all nodes is asked for; nothing is sent anywhere with it.
  node: entry?.name ?? ('' as NodeName),
  action,
  transport: { kind: 'http' },
  requirement,
  surface: 'kubectl',
});

/** `get` on a node, or on a subresource of it. */
export const getNode = (subresource: string, name: string): Attributes => ({
  verb: 'get',
  apiGroup: '',
  version: 'v1',
  resource: 'nodes',
  subresource,
  namespace: '',
  name,
});

export const toJson = (value: object, status = 200): FleetAnswer => ({
  status,
  contentType: 'application/json',
  body: `${JSON.stringify(value)}\n`,
});
