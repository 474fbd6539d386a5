// The Nodes of a Kubernetes cluster, followed as they come and go. While the API server is away the last known nodes
// stay, and with a cache file they outlive a restart of the gateway too. A node that is gone is not found any more;
// what runs on it ends when its connection does.

import type { NodeName } from '../core/names.ts';
import type { Inventory, NodeEntry } from '../core/node.ts';
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

export const createKubernetesInventory = (
  dependencies: KubernetesInventoryDependencies,
  options: KubernetesInventoryOptions,
): FollowedInventory => new KubernetesInventory(dependencies, options);

export type KubernetesInventoryOptions = Pick<
  KubernetesNodes,
  'addressTypes' | 'ports' | 'trust' | 'labelSelector'
>;

class KubernetesInventory implements FollowedInventory {
  readonly #dependencies: KubernetesInventoryDependencies;
  readonly #options: KubernetesInventoryOptions;
  readonly #following: { stop(): void };
  readonly #store = createNodeStore();
  readonly #facts = new Map<NodeName, NodeFacts>();
  /** Nodes that cannot be dialled, and why. */
  readonly #leftOut = new Map<NodeName, string>();
  #problem: string | undefined = 'the nodes of the cluster have not been listed yet';
  #isConnected: boolean | undefined;
  #isListed = false;
  #isStopped = false;
  #cancelSave: (() => void) | undefined;

  constructor(dependencies: KubernetesInventoryDependencies, options: KubernetesInventoryOptions) {
    this.#dependencies = dependencies;
    this.#options = options;
    this.#following = this.#follow();
    void this.#readCache();
  }

  get(name: NodeName): NodeEntry | undefined {
    return this.#store.get(name);
  }

  list(): Iterable<NodeEntry> {
    return this.#store.list();
  }

  problem(): string | undefined {
    return this.#problem;
  }

  stop(): void {
    this.#isStopped = true;
    this.#following.stop();
    if (this.#cancelSave === undefined) return;
    this.#cancelSave();
    this.#save();
  }

  #follow(): { stop(): void } {
    const { feed, log } = this.#dependencies;
    const { labelSelector } = this.#options;
    return feed(
      {
        listed: (items) => {
          this.#isListed = true;
          this.#replace(items);
          const counts = { nodes: this.#store.size, leftOut: this.#leftOut.size };
          log.info(counts, 'the nodes of the cluster were listed');
        },
        changed: (item) => {
          this.#put(item);
          this.#told();
        },
        removed: ({ name }) => {
          this.#drop(name);
          this.#told();
        },
        connected: () => this.#connected(),
        disconnected: (error) => this.#disconnected(error),
        unreadable: (err) => log.warn({ err }, 'a Node object cannot be read, and is left out'),
      },
      { path: NODES_PATH, ...(labelSelector === undefined ? {} : { labelSelector }), decode: readNode },
    );
  }

  #connected(): void {
    const { log, metrics } = this.#dependencies;
    if (this.#isConnected === false) {
      log.info({ nodes: this.#store.size }, 'the nodes of the cluster are followed again');
    }
    this.#isConnected = true;
    metrics?.current(true);
  }

  #disconnected(err: Error): void {
    const { log, metrics } = this.#dependencies;
    metrics?.current(false);
    if (this.#isConnected === false) return;
    this.#isConnected = false;
    const message = 'the nodes of the cluster are not followed; the last known ones stay';
    log.warn({ err, nodes: this.#store.size }, message);
  }

  #put(item: NodeFacts): void {
    this.#facts.set(item.name, item);
    const node = toNode(item, this.#options);
    if (typeof node !== 'string') {
      this.#leftOut.delete(item.name);
      this.#store.set(node);
      return;
    }
    this.#store.delete(item.name);
    if (this.#leftOut.get(item.name) === node) return;
    this.#leftOut.set(item.name, node);
    this.#dependencies.log.warn({ node: item.name, problem: node }, 'a node is left out');
  }

  #drop(name: NodeName): void {
    this.#facts.delete(name);
    this.#leftOut.delete(name);
    this.#store.delete(name);
  }

  #replace(items: readonly NodeFacts[]): void {
    const gone = new Set(this.#facts.keys());
    for (const item of items) {
      gone.delete(item.name);
      this.#put(item);
    }
    for (const name of gone) this.#drop(name);
    this.#problem = undefined;
    this.#told();
  }

  #told(): void {
    const { cache, clock, metrics } = this.#dependencies;
    metrics?.nodes(this.#store.size, this.#leftOut.size);
    if (cache !== undefined) this.#cancelSave ??= clock.after(CACHE_AFTER_MS, () => this.#save());
  }

  #save(): void {
    this.#cancelSave = undefined;
    this.#dependencies.cache?.write([...this.#facts.values()]);
  }

  async #readCache(): Promise<void> {
    const { cache, log } = this.#dependencies;
    const items = await cache?.read();
    // What the server says counts, should it have answered first.
    if (this.#isListed || this.#isStopped || items === undefined) return;
    this.#replace(items);
    const message = 'the nodes are those of the cache until the cluster has listed them';
    log.warn({ nodes: this.#store.size }, message);
  }
}
