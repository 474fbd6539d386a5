// On which node a pod is, from the kubelets' own lists, for requests that name no node. Lists are read for whoever asks
// and kept for all; a known pod waits for no node. A node may claim only pods whose spec names that node.

import type { Permitted, Sought } from '../core/exchange.ts';
import type { Namespace, NodeName, PodName } from '../core/names.ts';
import type { Inventory, NodeEntry } from '../core/node.ts';
import type { Clock } from '../core/ports.ts';
import { Fault } from '../core/fault.ts';
import { isNamespace, isPodName } from '../core/names.ts';
import { at, field, list } from '../kubectl/untrusted.ts';

/** A list this old is read again, in the background. */
const FRESH_MS = 10_000;
/** For a pod that nobody knows, lists this old are read again at once. */
const RETRY_MS = 2_000;
/** What a node that no longer answers has claimed counts for so long. */
const MAX_AGE_MS = 120_000;
/** Several times what a kubelet is made for; the rest is left out. */
const MAX_PODS_PER_NODE = 2_000;
const CONCURRENCY = 8;

export interface PodIndexPorts {
  readonly clock: Clock;
  readonly inventory: () => Inventory;
  /** The node's PodList, unchecked. Rejects for a node that does not answer in time. */
  readonly read: (node: NodeEntry, permitted: Permitted) => Promise<unknown>;
}

interface Known {
  pods: ReadonlySet<string>;
  /** Of the last list; undefined: there never was one. */
  readAt: number | undefined;
  triedAt: number;
}

type Find = (permitted: Permitted) => Promise<NodeName>;

/**
 * Rejects with a Fault: NotFound, BadGateway where a node that did not answer may have it, ServiceUnavailable while no node
 * is known, and Conflict for a pod that two nodes claim.
 */
export function createPodIndex(ports: PodIndexPorts): Find {
  const { clock } = ports;
  const known = new Map<NodeName, Known>();
  const running = new Map<NodeName, Promise<void>>();

  const readOne = async (node: NodeEntry, permitted: Permitted): Promise<void> => {
    const entry = known.get(node.name) ?? { pods: new Set<string>(), readAt: undefined, triedAt: 0 };
    known.set(node.name, entry);
    try {
      entry.pods = toClaims(node.name, await ports.read(node, permitted));
      entry.readAt = clock.now();
    } catch {
      // A node that does not answer: what it claimed before counts for a while.
    }
    entry.triedAt = clock.now();
  };
  const refresh = async (permitted: Permitted, olderThanMs: number): Promise<void> => {
    const nodes = [...ports.inventory().list()];
    const names = new Set(nodes.map(({ name }) => name));
    for (const name of known.keys()) if (!names.has(name)) known.delete(name);
    const due = nodes.filter(({ name }) => (known.get(name)?.triedAt ?? 0) <= clock.now() - olderThanMs);
    const waiting = due.values();
    const work = async (): Promise<void> => {
      for (const node of waiting) {
        const reading =
          running.get(node.name) ?? readOne(node, permitted).finally(() => running.delete(node.name));
        running.set(node.name, reading);
        await reading;
      }
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, work));
  };
  const holders = (key: string): readonly NodeName[] => {
    const since = clock.now() - MAX_AGE_MS;
    return [...known].flatMap(([name, { pods, readAt = 0 }]) =>
      readAt > since && pods.has(key) ? [name] : [],
    );
  };
  return async (permitted) => {
    const inventory = ports.inventory();
    const problem = inventory.problem?.();
    if (problem !== undefined) throw new Fault('ServiceUnavailable', problem);
    const { namespace, name } = permitted.pod;
    const key = toKey(namespace, name);
    // Who is alone in what was claimed lately is answered at once; whether that is still so is looked at meanwhile.
    // A pod on a node that is not the caller's is looked for as long as one that is nowhere.
    const mine = (name: NodeName): boolean => permitted.among?.nodes.has(name) ?? true;
    if (holders(key).filter(mine).length === 1) void refresh(permitted, FRESH_MS);
    else await refresh(permitted, RETRY_MS);
    const [first, ...others] = holders(key).filter((node) => mine(node) && inventory.get(node) !== undefined);
    const details = { kind: 'pods', name };
    if (first === undefined) {
      const silent = [...known.values()].filter(({ readAt = 0, triedAt }) => readAt < triedAt - FRESH_MS);
      if (silent.length > 0) throw toUnknown(name, silent.length);
      throw new Fault('NotFound', `pods ${JSON.stringify(name)} not found`, { details });
    }
    if (others.length === 0) return first;
    throw toConflict(permitted.pod, [first, ...others]);
  };
}

/** A pod of which nobody can say that it is gone: to `kubectl wait --for=delete` a 404 says just that. */
export const toUnknown = (name: string, silent: number): Fault =>
  new Fault(
    'BadGateway',
    `pods ${JSON.stringify(name)} not found on the nodes that answered; ${silent} did not`,
    { details: { kind: 'pods', name } },
  );

/** One pod is on one node: of several nobody says which is right. */
export const toConflict = ({ namespace, name }: Sought['pod'], nodes: readonly NodeName[]): Fault =>
  new Fault(
    'Conflict',
    `pods ${JSON.stringify(name)} in namespace ${namespace} is claimed by several nodes: ${nodes.toSorted().slice(0, 5).join(', ')}; name the node: /nodes/{node}`,
    { details: { kind: 'pods', name } },
  );

const toKey = (namespace: Namespace, name: PodName): string => `${namespace}/${name}`;

function toClaims(node: NodeName, podList: unknown): ReadonlySet<string> {
  const items = field(podList, 'items');
  if (field(podList, 'kind') !== 'PodList' || !(items === null || Array.isArray(items))) {
    throw new Error('no list of pods');
  }
  const pods = new Set<string>();
  for (const pod of list(items)) {
    const namespace = at(pod, 'metadata', 'namespace');
    const name = at(pod, 'metadata', 'name');
    if (typeof namespace !== 'string' || typeof name !== 'string') continue;
    if (!isNamespace(namespace) || !isPodName(name)) continue;
    if (at(pod, 'spec', 'nodeName') !== node) continue;
    if (pods.size < MAX_PODS_PER_NODE) pods.add(toKey(namespace, name));
  }
  return pods;
}
