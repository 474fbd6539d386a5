// The first word about a pod that is watched alone: it may be a lie, and the node that has the pod may not have been read
// yet. So it is held until every other node was read after it, or could not be, or has not answered for a while.

import type { NodeName } from '../core/names.ts';
import type { Clock } from '../core/ports.ts';
import type { Told } from './pod-feeds.ts';

/** As long as a list waits for its nodes. */
const HOLD_MS = 30_000;

export interface FirstWordPorts {
  readonly clock: Clock;
  /** Whether what a node tells is about the pod. */
  readonly isAbout: (told: Told) => boolean;
  /** What was held, the latest of each node. */
  readonly release: (held: ReadonlyMap<NodeName, Told>) => void;
}

export class FirstWord {
  readonly #ports: FirstWordPorts;
  readonly #held = new Map<NodeName, Told>();
  /** Those that could not be read last time. */
  readonly #silent = new Set<NodeName>();
  /** Those that were not heard since; undefined: nothing is held. */
  #waiting: Set<NodeName> | undefined;
  #cancel: () => void = () => undefined;

  constructor(ports: FirstWordPorts) {
    this.#ports = ports;
  }

  /** All of the nodes are read for the first time now. */
  begin(nodes: Iterable<NodeName>): void {
    this.#waiting = new Set(nodes);
    this.#cancel = this.#ports.clock.after(HOLD_MS, () => this.#end());
  }

  /** True: it is held. `others`: the nodes that are followed. Only asked while the pod is not known. */
  hold(node: NodeName, told: Told, others: Iterable<NodeName>): boolean {
    this.#silent.delete(node);
    if (this.#waiting === undefined) {
      if (!this.#ports.isAbout(told)) return false;
      this.begin([...others].filter((other) => other !== node && !this.#silent.has(other)));
    }
    this.#held.set(node, told);
    this.#settle(node);
    return true;
  }

  /** The node could not be read. */
  miss(node: NodeName): void {
    this.#silent.add(node);
    this.#settle(node);
  }

  /** The node is none any more. */
  lose(node: NodeName): void {
    this.#silent.delete(node);
    this.#held.delete(node);
    this.#settle(node);
  }

  stop(): void {
    this.#cancel();
    this.#waiting = undefined;
    this.#held.clear();
  }

  #settle(node: NodeName): void {
    this.#waiting?.delete(node);
    if (this.#waiting?.size === 0) this.#end();
  }

  #end(): void {
    const held = new Map(this.#held);
    this.stop();
    this.#ports.release(held);
  }
}
