// What is asked beside the right to a pod (how good the login must be, what a session must be like) while its node is not
// known. What is refused wherever the pod is, is refused before anything is looked up. Where that depends on the node, a login
// that is too weak for some of them hears the same of a pod that is on one of these and of one that is nowhere.

import type { Permitted, Resolved } from '../core/exchange.ts';
import type { NodeName } from '../core/names.ts';
import type { Inventory } from '../core/node.ts';
import { Fault } from '../core/fault.ts';
import { STEP_UP } from '../core/step-up.ts';
import { TELLING } from './permit.ts';
import { refused } from './readable.ts';

export interface AdmittedPorts {
  readonly inventory: () => Inventory;
  /** Throws a Fault for what is not let through. */
  readonly admit: (resolved: Resolved) => void;
  /** Nodes that rules name: of all others `admit` says the same. */
  readonly named: ReadonlySet<string>;
}

/** The node that the pod is on, as `find` says, which is not asked for what no node lets through. */
export async function findAdmitted(
  ports: AdmittedPorts,
  permitted: Permitted,
  find: (permitted: Permitted) => Promise<NodeName>,
): Promise<NodeName> {
  const faults = toCandidates(ports, permitted).map((node) => refused(ports.admit, permitted.on(node)));
  const [first] = faults;
  if (first !== undefined && faults.every((fault) => fault !== undefined)) throw first;
  const demand = faults.find((fault) => fault?.annotations[STEP_UP] !== undefined);
  if (demand === undefined) return find(permitted);
  return find(permitted).catch((error: unknown) => {
    throw isTelling(error, permitted) ? demand : error;
  });
}

/** The nodes that rules name, and one that stands for all others. */
function toCandidates({ inventory, named }: AdmittedPorts, { among }: Permitted): readonly NodeName[] {
  const candidates: NodeName[] = [];
  let hasOther = false;
  for (const { name } of inventory().list()) {
    if (among !== undefined && !among.nodes.has(name)) continue;
    if (!named.has(name) && hasOther) continue;
    hasOther ||= !named.has(name);
    candidates.push(name);
  }
  return candidates;
}

/** It says that the pod is nowhere, or on no node that the right is to. */
const isTelling = (error: unknown, { among }: Permitted): boolean =>
  error instanceof Fault && (TELLING.has(error.reason) || error === among?.refusal);
