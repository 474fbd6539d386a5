// The Nodes of a Kubernetes cluster, followed as they come and go. While the API server is away the last known nodes
// stay, and with a cache file they outlive a restart of the gateway too. A node that is gone is not found any more;
// what runs on it ends when its connection does.

import type { NodeName } from '../core/names.ts';
import type { Inventory } from '../core/node.ts';
import type { KubernetesNodes } from '../core/node-source.ts';
import type { Clock, Log } from '../core/ports.ts';
import type { NodeCache } from './node-cache.ts';
import type { NodeFacts } from './node-object.ts';
import { NODES_PATH, readNode, toNode } from './node-object.ts';
import { createNodeStore } from './store.ts';

/** What follows a collection of an API server, and tells of it (kube/watch/follow.ts). */
export type NodeFeed = (
  follower: {
    listed(items: readonly NodeFacts[]): void;
    changed(item: NodeFacts): void;
    removed(item: NodeFacts): void;
    connected(): void;
    disconnected(error: Error): void;
    unreadable(error: unknown): void;
  },
  options: {
    readonly path: string;
    readonly labelSelector?: string;
    readonly decode: (object: unknown) => NodeFacts;
  },
) => { stop(): void };

/** Told what there is, for the metrics. */
export interface InventoryMetrics {
  nodes(count: number, leftOut: number): void;
  /** Whether what is known is kept up to date. */
  current(isCurrent: boolean): void;
}

export interface FollowedInventory extends Inventory {
  problem(): string | undefined;
  stop(): void;
}

export interface KubernetesInventoryDependencies {
  readonly feed: NodeFeed;
  /** Absent: nothing is kept. */
  readonly cache?: NodeCache;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics?: InventoryMetrics;
}

/** Changes are written to the cache this long after the first of them, so that a rolling update costs few writes. */
const CACHE_AFTER_MS = 10_000;

export function createKubernetesInventory(
  { feed, cache, clock, log, metrics }: KubernetesInventoryDependencies,
  options: Pick<KubernetesNodes, 'addressTypes' | 'ports' | 'trust' | 'labelSelector'>,
): FollowedInventory {
  const store = createNodeStore();
  const facts = new Map<NodeName, NodeFacts>();
  /** Nodes that cannot be dialled, and why. */
  const leftOut = new Map<NodeName, string>();
  let problem: string | undefined = 'the nodes of the cluster have not been listed yet';
  let isConnected: boolean | undefined;
  let isListed = false;
  let cancelSave: (() => void) | undefined;

  const save = (): void => {
    cancelSave = undefined;
    cache?.write([...facts.values()]);
  };
  const told = (): void => {
    metrics?.nodes(store.size, leftOut.size);
    if (cache !== undefined) cancelSave ??= clock.after(CACHE_AFTER_MS, save);
  };
  const put = (item: NodeFacts): void => {
    facts.set(item.name, item);
    const node = toNode(item, options);
    if (typeof node !== 'string') {
      leftOut.delete(item.name);
      store.set(node);
      return;
    }
    store.delete(item.name);
    if (leftOut.get(item.name) === node) return;
    leftOut.set(item.name, node);
    log.warn({ node: item.name, problem: node }, 'a node is left out');
  };
  const drop = (name: NodeName): void => {
    facts.delete(name);
    leftOut.delete(name);
    store.delete(name);
  };
  const replace = (items: readonly NodeFacts[]): void => {
    const gone = new Set(facts.keys());
    for (const item of items) {
      gone.delete(item.name);
      put(item);
    }
    for (const name of gone) drop(name);
    problem = undefined;
    told();
  };
  const following = feed(
    {
      listed: (items) => {
        isListed = true;
        replace(items);
        log.info({ nodes: store.size, leftOut: leftOut.size }, 'the nodes of the cluster were listed');
      },
      changed: (item) => {
        put(item);
        told();
      },
      removed: ({ name }) => {
        drop(name);
        told();
      },
      connected: () => {
        if (isConnected === false)
          log.info({ nodes: store.size }, 'the nodes of the cluster are followed again');
        isConnected = true;
        metrics?.current(true);
      },
      disconnected: (err) => {
        metrics?.current(false);
        if (isConnected === false) return;
        isConnected = false;
        log.warn(
          { err, nodes: store.size },
          'the nodes of the cluster are not followed; the last known ones stay',
        );
      },
      unreadable: (err) => log.warn({ err }, 'a Node object cannot be read, and is left out'),
    },
    {
      path: NODES_PATH,
      ...(options.labelSelector === undefined ? {} : { labelSelector: options.labelSelector }),
      decode: readNode,
    },
  );
  // What the server says counts, should it have answered first.
  void cache?.read().then((items) => {
    if (isListed || items === undefined) return;
    replace(items);
    log.warn({ nodes: store.size }, 'the nodes are those of the cache until the cluster has listed them');
  });
  return {
    get: (name) => store.get(name),
    list: () => store.list(),
    problem: () => problem,
    stop: () => {
      following.stop();
      if (cancelSave === undefined) return;
      cancelSave();
      save();
    },
  };
}
