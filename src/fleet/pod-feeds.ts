// The kubelets' lists of pods, read again and again for those who watch them: one reading of a node for all watchers,
// with a pause that grows with the number of nodes, so that watching never costs more than so many readings a second.

import type { Authorized, Located } from '../core/exchange.ts';
import type { NodeName } from '../core/names.ts';
import type { Inventory } from '../core/node.ts';
import type { Clock } from '../core/ports.ts';
import { Fault } from '../core/fault.ts';
import { toPodCells } from '../kubectl/pods-table.ts';
import type { Pod } from '../kubectl/pods-view.ts';
import { selectPods } from '../kubectl/pods-view.ts';
import { at } from '../kubectl/untrusted.ts';
import type { TracedPod } from './own-pods.ts';
import { toFewPods } from './own-pods.ts';
import { withLimit } from './readable.ts';

/** Between the end of one reading of a node and the next. */
const PAUSE_MS = 2_000;
/** The same for each node that is followed: ten readings a second, of all. */
const PAUSE_PER_NODE_MS = 100;

export interface FeedPorts {
  readonly inventory: () => Inventory;
  /** The node's PodList, unchecked, read with a credential of the gateway's own. */
  readonly pods: (located: Located, signal: AbortSignal) => Promise<unknown>;
}

/** What is kept of a pod that may be gone at the next look. */
export interface Remains {
  readonly pod: Pod;
  readonly cells: readonly string[];
}

export interface Told {
  /** All that the node tells of. */
  readonly pods: readonly TracedPod[];
  /** What was last known of a pod that it told of before. */
  readonly remains: (key: string) => Remains | undefined;
}

export interface FeedSeat {
  /** Reads the node now, for all who follow it. Rejects as the reading does. */
  read(): Promise<void>;
  stop(): void;
}

export interface PodFeeds {
  /** How nodes are read from now on. */
  use(ports: FeedPorts): void;
  /**
   * `told` is called with each reading, and `missed` with each that failed; `authorized` is the right by which the node may
   * be read for the watcher.
   */
  follow(authorized: Authorized, told: (told: Told) => void, missed?: () => void): FeedSeat;
  /** Nodes that are followed. */
  readonly size: number;
}

interface Follower {
  readonly authorized: Authorized;
  readonly told: (told: Told) => void;
  readonly missed: () => void;
}

export function createPodFeeds({ clock }: { readonly clock: Clock }): PodFeeds {
  const feeds = new Map<NodeName, Feed>();
  let ports: FeedPorts | undefined;
  const read = (authorized: Authorized): Promise<unknown> => {
    const entry = ports?.inventory().get(authorized.node);
    if (ports === undefined || entry === undefined) {
      return Promise.reject(new Fault('NotFound', `nodes ${JSON.stringify(authorized.node)} not found`));
    }
    const { pods } = ports;
    // A reading is for all followers: it outlives the watch that asked for it.
    return withLimit(clock, undefined, (signal) => pods({ ...authorized, entry }, signal));
  };
  return {
    use: (next) => {
      ports = next;
    },
    follow: (authorized, told, missed = () => undefined) => {
      const { node } = authorized;
      const feed = feeds.get(node) ?? new Feed(node, { clock, read, toPauseMs: () => toPauseMs(feeds.size) });
      feeds.set(node, feed);
      const follower: Follower = { authorized, told, missed };
      feed.add(follower);
      return {
        read: () => feed.read(follower),
        stop: () => {
          if (feed.remove(follower) && feeds.get(node) === feed) feeds.delete(node);
        },
      };
    },
    get size() {
      return feeds.size;
    },
  };
}

const toPauseMs = (nodes: number): number => Math.max(PAUSE_MS, nodes * PAUSE_PER_NODE_MS);

interface OneFeedPorts {
  readonly clock: Clock;
  readonly read: (authorized: Authorized) => Promise<unknown>;
  readonly toPauseMs: () => number;
}

/** One node. Its readings come one after the other, so that what is told is never older than what was told before. */
class Feed {
  readonly #node: NodeName;
  readonly #ports: OneFeedPorts;
  #followers: readonly Follower[] = [];
  #remains: ReadonlyMap<string, Remains & { readonly fingerprint: string }> = new Map();
  #reading: Promise<void> = Promise.resolve();
  #cancel: (() => void) | undefined;

  constructor(node: NodeName, ports: OneFeedPorts) {
    this.#node = node;
    this.#ports = ports;
  }

  add(follower: Follower): void {
    this.#followers = [...this.#followers, follower];
  }

  /** Whether nobody is left. */
  remove(follower: Follower): boolean {
    this.#followers = this.#followers.filter((one) => one !== follower);
    if (this.#followers.length > 0) return false;
    this.#cancel?.();
    return true;
  }

  read(follower: Follower): Promise<void> {
    const reading = this.#reading.then(() => this.#readNow(follower));
    this.#reading = reading.catch(() => undefined).then(() => this.#arm());
    return reading;
  }

  async #readNow(follower: Follower): Promise<void> {
    if (!this.#followers.includes(follower)) return;
    const pods = await this.#toPods(follower.authorized);
    const before = this.#remains;
    const told: Told = { pods, remains: (key) => before.get(key) };
    this.#remains = new Map(pods.map((traced) => [traced.key, this.#toRemains(traced)]));
    for (const one of this.#followers) one.told(told);
  }

  async #toPods(authorized: Authorized): Promise<readonly TracedPod[]> {
    try {
      const list = await this.#ports.read(authorized);
      return toFewPods(selectPods(list, EVERYTHING), this.#node).pods;
    } catch (error) {
      for (const one of this.#followers) one.missed();
      throw error;
    }
  }

  #toRemains({ key, fingerprint, pod }: TracedPod): Remains & { readonly fingerprint: string } {
    const before = this.#remains.get(key);
    if (before?.fingerprint === fingerprint) return before;
    return { fingerprint, pod: toRest(pod), cells: toPodCells(pod, this.#ports.clock.now()) };
  }

  #arm(): void {
    this.#cancel?.();
    if (this.#followers.length === 0) return;
    this.#cancel = this.#ports.clock.after(this.#ports.toPauseMs(), () => this.#next());
  }

  #next(): void {
    const [first] = this.#followers;
    if (first === undefined) return;
    this.read(first).catch(() => {
      // Perhaps the node may be read by the right of another: whoever failed comes last.
      if (this.#followers.includes(first)) {
        this.#followers = [...this.#followers.filter((one) => one !== first), first];
      }
    });
  }
}

const EVERYTHING = { labelSelector: [], fieldSelector: [], as: 'Object', includeObject: 'None' } as const;

/** Short: one of it is kept for each pod that is watched. */
const toRest = (pod: Pod): Pod => ({
  metadata: {
    name: at(pod, 'metadata', 'name'),
    namespace: at(pod, 'metadata', 'namespace'),
    uid: at(pod, 'metadata', 'uid'),
    labels: at(pod, 'metadata', 'labels'),
    creationTimestamp: at(pod, 'metadata', 'creationTimestamp'),
  },
  spec: { nodeName: at(pod, 'spec', 'nodeName') },
  status: { phase: at(pod, 'status', 'phase') },
});
