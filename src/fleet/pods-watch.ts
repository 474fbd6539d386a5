// `kubectl get pods --watch`: the pods of the kubelets that the caller may read, and what happens to them, as the shared
// readings of the nodes tell it. Nodes that come and go meanwhile are looked after.

import type { PodsView, WatchOptions } from '../core/action.ts';
import type { Authorized } from '../core/exchange.ts';
import type { NodeName } from '../core/names.ts';
import type { Clock } from '../core/ports.ts';
import { Fault } from '../core/fault.ts';
import { toPodCells } from '../kubectl/pods-table.ts';
import type { Pod } from '../kubectl/pods-view.ts';
import { isInView, toEventObject } from '../kubectl/pods-view.ts';
import { FirstWord } from './first-word.ts';
import type { OnePod } from './one-pod.ts';
import type { TracedPod } from './own-pods.ts';
import type { FeedSeat, PodFeeds, Told } from './pod-feeds.ts';
import { refuseClaims, toPinned } from './pods-list.ts';
import { inTurn } from './readable.ts';
import type { Seen, WatchEvents } from './watch-events.ts';

/** How often one looks which nodes there are. */
const NODES_MS = 5_000;
const BOOKMARK_MS = 60_000;

export interface PodsWatchPorts {
  readonly clock: Clock;
  readonly feeds: PodFeeds;
  readonly events: WatchEvents;
}

export interface PodsWatchScope {
  readonly view: PodsView;
  readonly watch: WatchOptions;
  /** The node that the server URL names: all that it tells of is shown, in its own words. */
  readonly within?: NodeName;
  /** Where it is, of a pod that is watched alone. */
  readonly one?: Pick<OnePod, 'doubt' | 'refresh'>;
  /** The rights by which the nodes of the moment are read. */
  readonly nodes: readonly Authorized[];
  /** Those that the watch is about, as they are now. */
  readonly present: () => readonly NodeName[];
  /** The right to read a node that was not there before; undefined: there is none. Rejects where nobody can say. */
  readonly permit: (node: NodeName) => Promise<Authorized | undefined>;
}

/** Begins it. The returned function ends it. */
export function startPodsWatch(ports: PodsWatchPorts, scope: PodsWatchScope): () => void {
  const watch = new PodsWatch(ports, scope);
  void watch.start();
  return () => watch.stop();
}

class PodsWatch {
  readonly #ports: PodsWatchPorts;
  readonly #scope: PodsWatchScope;
  readonly #seats = new Map<NodeName, FeedSeat>();
  /** Those that are not the caller's to read. */
  readonly #refused = new Set<NodeName>();
  /** Of a pod that is watched alone, on whichever node. */
  readonly #firstWord: FirstWord | undefined;
  /** What was shown of it last: it may be gone from the API server before its node says so. */
  readonly #shown = new Map<string, TracedPod>();
  #isOver = false;
  #cancels: readonly (() => void)[] = [];

  constructor(ports: PodsWatchPorts, scope: PodsWatchScope) {
    this.#ports = ports;
    this.#scope = scope;
    const { clock } = ports;
    if (toPinned(scope.view) !== undefined && scope.within === undefined) {
      this.#firstWord = new FirstWord({
        clock,
        isAbout: (told) => this.#isAbout(told),
        release: (held) => this.#release(held),
      });
    }
    const permitted = new Set(scope.nodes.map(({ node }) => node));
    for (const name of scope.present()) if (!permitted.has(name)) this.#refused.add(name);
  }

  async start(): Promise<void> {
    const { events } = this.#ports;
    const { nodes, watch, present } = this.#scope;
    events.begin(present());
    this.#loseAbsent();
    const seats = nodes.map((authorized) => this.#follow(authorized));
    if (this.#firstWord !== undefined && this.#isUnknown()) this.#firstWord.begin(this.#seats.keys());
    this.#every(NODES_MS, () => void this.#look());
    if (watch.bookmarks) this.#every(BOOKMARK_MS, () => events.bookmark(false));
    await inTurn(seats, async (seat) => seat.read().catch(() => undefined));
    // A node that does not answer is not waited for: what it tells later is added later.
    if (!this.#isOver && watch.initialEvents === true) events.bookmark(true);
  }

  stop(): void {
    this.#isOver = true;
    this.#firstWord?.stop();
    for (const cancel of this.#cancels) cancel();
    for (const seat of this.#seats.values()) seat.stop();
    this.#seats.clear();
  }

  #follow(authorized: Authorized): FeedSeat {
    const { node } = authorized;
    const seat = this.#ports.feeds.follow(
      authorized,
      (told) => this.#hear(node, told),
      () => this.#firstWord?.miss(node),
    );
    this.#seats.set(node, seat);
    return seat;
  }

  #hear(node: NodeName, told: Told): void {
    const firstWord = this.#firstWord;
    const isHeld =
      firstWord !== undefined && this.#isUnknown() && firstWord.hold(node, told, this.#seats.keys());
    if (!isHeld) this.#see(node, told);
  }

  #release(held: ReadonlyMap<NodeName, Told>): void {
    const holders = [...held].filter(([, told]) => this.#isAbout(told)).map(([node]) => node);
    if (this.#isOver || this.#refuse(holders)) return;
    for (const [node, told] of held) this.#see(node, told);
  }

  #isAbout({ pods }: Told): boolean {
    return pods.some(({ isOwn, pod }) => isOwn && isInView(this.#scope.view, pod));
  }

  /** Whether nothing of the view was shown. */
  #isUnknown(): boolean {
    const { events } = this.#ports;
    return events.groups.every((group) => (events.shownOf(group)?.size ?? 0) === 0);
  }

  #see(node: NodeName, told: Told): void {
    const { events } = this.#ports;
    const { view, within } = this.#scope;
    const byKey = new Map<string, TracedPod>();
    const now = new Map<string, Seen>();
    for (const traced of told.pods) {
      if (within === undefined && !traced.isOwn) continue;
      byKey.set(traced.key, traced);
      if (isInView(view, traced.pod)) now.set(traced.key, this.#toSeen(traced));
    }
    // Before anything of it is told: what this node says may be the lie.
    if (now.size > 0 && this.#isClaimed(node)) return;
    if (toPinned(view) !== undefined) for (const key of now.keys()) this.#keep(key, byKey.get(key));
    events.see(node, now, (key) => this.#toGone(node, key, byKey.get(key), told));
  }

  #toSeen({ pod, fingerprint }: TracedPod): Seen {
    const { clock } = this.#ports;
    return this.#toEvent(fingerprint, pod, () => toPodCells(pod, clock.now()));
  }

  #keep(key: string, traced: TracedPod | undefined): void {
    this.#shown.clear();
    if (traced !== undefined) this.#shown.set(key, traced);
  }

  /** Gone from the view, where the pod is still there with other labels, or gone from its node. */
  #toGone(node: NodeName, key: string, still: TracedPod | undefined, told?: Told): Seen {
    if (still !== undefined) return this.#toSeen(still);
    const remains = told?.remains(key);
    if (remains !== undefined) return this.#toEvent('', remains.pod, () => remains.cells);
    const shown = this.#shown.get(key);
    if (shown !== undefined) return this.#toSeen(shown);
    const pod = toNamed(key, node);
    return this.#toEvent('', pod, () => toPodCells(pod, this.#ports.clock.now()));
  }

  #toEvent(fingerprint: string, pod: Pod, cells: () => readonly string[]): Seen {
    const { view } = this.#scope;
    return {
      fingerprint,
      toObject: (resourceVersion, withColumns) =>
        toEventObject(pod, view, resourceVersion, { cells, withColumns }),
    };
  }

  /** A pod that is asked for alone is one: what two nodes say of it is not mixed, and the watch has ended then. */
  #isClaimed(node: NodeName): boolean {
    const { events } = this.#ports;
    if (toPinned(this.#scope.view) === undefined) return false;
    const others = [...this.#seats.keys()].filter(
      (other) => other !== node && (events.shownOf(other)?.size ?? 0) > 0,
    );
    return this.#refuse([node, ...others]);
  }

  /** Ends the watch where several nodes claim the pod. */
  #refuse(holders: readonly NodeName[]): boolean {
    try {
      refuseClaims(this.#scope.view, holders);
      return false;
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      this.#ports.events.fail(error);
      return true;
    }
  }

  async #look(): Promise<void> {
    const { one } = this.#scope;
    if (this.#isUnknown()) one?.doubt();
    await one?.refresh();
    if (this.#isOver) return;
    this.#loseAbsent();
    await this.#join();
  }

  async #join(): Promise<void> {
    const unknown = this.#scope
      .present()
      .filter((name) => !this.#seats.has(name) && !this.#refused.has(name));
    for (const name of unknown) {
      // Asked for once: whoever is given more rights meanwhile watches anew.
      this.#refused.add(name);
      const authorized = await this.#scope.permit(name).catch(() => 'unanswered' as const);
      if (authorized === undefined || this.#isOver) continue;
      this.#refused.delete(name);
      if (authorized === 'unanswered') continue;
      this.#follow(authorized)
        .read()
        .catch(() => undefined);
    }
  }

  /** A node that is none any more has no pods. */
  #loseAbsent(): void {
    const present = new Set<string>(this.#scope.present());
    for (const group of this.#ports.events.groups) {
      if (present.has(group)) continue;
      this.#ports.events.lose(group, (key) => this.#toGone(group as NodeName, key, undefined));
    }
    for (const [name, seat] of this.#seats) {
      if (present.has(name)) continue;
      seat.stop();
      this.#seats.delete(name);
      this.#firstWord?.lose(name);
    }
    for (const name of this.#refused) if (!present.has(name)) this.#refused.delete(name);
  }

  #every(delayMs: number, work: () => void): void {
    let cancel = (): void => undefined;
    const arm = (): void => {
      cancel = this.#ports.clock.after(delayMs, () => {
        if (this.#isOver) return;
        work();
        arm();
      });
    };
    arm();
    this.#cancels = [...this.#cancels, () => cancel()];
  }
}

/** What the key alone says of a pod: it went while nobody looked. */
function toNamed(key: string, nodeName: NodeName): Pod {
  const [order = '', uid = ''] = key.split(' ', 2);
  const slash = order.indexOf('/');
  return {
    metadata: { name: order.slice(slash + 1), namespace: order.slice(0, slash), uid },
    spec: { nodeName },
    status: { phase: 'Unknown' },
  };
}
