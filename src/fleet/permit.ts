// The first right to a pod whose node the request does not name. Who holds none on all nodes, and none on the pod, may hold
// one on some nodes: these are asked about before anything is looked up, and whoever gets no further hears the same
// whether the pod is elsewhere or nowhere.

import type { Grant } from '../core/decision.ts';
import type { Permitted, Sought } from '../core/exchange.ts';
import type { NodeName } from '../core/names.ts';
import type { Inventory } from '../core/node.ts';
import { Fault } from '../core/fault.ts';
import type { Authorize } from './readable.ts';
import { inTurn } from './readable.ts';

/** Nodes that are asked about, one question each: a larger fleet's are to be named by those with rights on some. */
const MAX_NODES = 200;

export interface PermitPorts {
  readonly inventory: () => Inventory;
  readonly authorize: Authorize;
  /** The authorize stage on the request as it is, without a node. */
  readonly authorizeAll: (sought: Sought) => Permitted | Promise<Permitted>;
}

/** Rejects with the refusal of the right to all nodes, and with the authorizer's own faults. */
export const createPermit =
  ({ inventory, authorize, authorizeAll }: PermitPorts) =>
  async (sought: Sought): Promise<Permitted> => {
    try {
      return await authorizeAll(sought);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      const some = await toSome(
        sought,
        [...inventory().list()].map(({ name }) => name),
        authorize,
      );
      if (some === undefined) throw error;
      return { ...sought, grant: some.grant, among: { nodes: some.nodes, refusal: error } };
    }
  };

async function toSome(
  sought: Sought,
  names: readonly NodeName[],
  authorize: Authorize,
): Promise<{ readonly grant: Grant; readonly nodes: ReadonlySet<NodeName> } | undefined> {
  if (names.length > MAX_NODES) return undefined;
  const grants = new Map<NodeName, Grant>();
  await inTurn(names, async (name) => {
    try {
      grants.set(name, (await authorize(sought.on(name))).grant);
    } catch (error) {
      if (!isRefusal(error)) throw error;
    }
  });
  const [grant] = grants.values();
  return grant === undefined ? undefined : { grant, nodes: new Set(grants.keys()) };
}

/**
 * The node that the pod is on, as `find` says. For who holds rights on some nodes only, every answer but one of these is the
 * refusal that it would have been without the look.
 */
export async function findPermitted(
  permitted: Permitted,
  find: (permitted: Permitted) => Promise<NodeName>,
): Promise<NodeName> {
  const { among } = permitted;
  if (among === undefined) return find(permitted);
  const node = await find(permitted).catch((error: unknown) => {
    throw error instanceof Fault && TELLING.has(error.reason) ? among.refusal : error;
  });
  if (!among.nodes.has(node)) throw among.refusal;
  return node;
}

/** What says that there is such a pod, that there is none, or where. */
export const TELLING: ReadonlySet<string> = new Set(['NotFound', 'Conflict', 'BadRequest', 'BadGateway']);

const isRefusal = (error: unknown): error is Fault => error instanceof Fault && error.reason === 'Forbidden';
