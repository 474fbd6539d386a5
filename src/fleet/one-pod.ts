// A pod that is listed or watched alone is one: it comes from the node that the API server names, as an exec does, and what
// other kubelets claim plays no part. Where the API server has no say, all nodes are asked, and two that claim it conflict.

import type { Authorized, Sought } from '../core/exchange.ts';
import type { NodeName } from '../core/names.ts';
import type { PodPlaces, Whereabouts } from './pod-places.ts';

export type Places = Pick<PodPlaces, 'where' | 'doubt'>;

/** What was found of the rights to nodes: all that may be read, and the right to every one where it is that. */
interface Rights {
  readonly nodes: readonly { readonly authorized: Authorized }[];
  readonly everywhere?: Authorized;
}

export interface OnePod {
  /** Whether the node has a say. */
  readonly isFrom: (node: NodeName) => boolean;
  /** The node does not tell of it: whether it is still there is asked sooner. */
  doubt(): void;
  /** Looks again where it is. Where nobody can say so, what was said last stands: pods do not move without an API server. */
  refresh(): Promise<void>;
}

/**
 * `pod`: undefined where more than one may be meant. `places`: those of the moment; undefined: no API server is asked.
 * Rejects as `PodPlaces.where` does.
 */
export async function findOnePod(
  places: () => Places | undefined,
  pod: Sought['pod'] | undefined,
  { nodes, everywhere }: Rights,
): Promise<OnePod> {
  if (pod === undefined) return ANYWHERE;
  const among = { nodes: new Set(nodes.map(({ authorized }) => authorized.node)) };
  const question = { pod, ...(everywhere === undefined ? { among } : {}) };
  const look = async (isPatient: boolean): Promise<Whereabouts | undefined> =>
    places()?.where(question, isPatient);
  let found = await look(false);
  return {
    isFrom: (node) => {
      if (found === undefined || found.kind === 'unknown') return true;
      return found.kind === 'node' && found.node === node;
    },
    doubt: () => {
      if (found?.kind === 'node') places()?.doubt(pod, found.node);
    },
    refresh: async () => {
      const now = await look(true).catch(() => found);
      if (now?.kind !== 'unknown') found = now;
    },
  };
}

const ANYWHERE: OnePod = {
  isFrom: () => true,
  doubt: () => undefined,
  refresh: () => Promise.resolve(),
};
