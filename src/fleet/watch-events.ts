// The events of one watch (apimachinery pkg/apis/meta/v1, WatchEvent): what differs between what a client was shown and
// what is there. A kubelet tells its state and no history, so two changes between two looks are one event.

import type { WatchOptions } from '../core/action.ts';
import type { ByteBudget } from '../core/byte-budget.ts';
import { Fault } from '../core/fault.ts';
import { toStatus } from '../core/status.ts';
import type { Positions, Shown } from './positions.ts';
import { countOf } from './positions.ts';
import type { WatchQueue } from './watch-queue.ts';

/** Objects of one watch; as many as a list may have. */
const MAX_SHOWN = 20_000;

/** apimachinery pkg/apis/meta/v1: the bookmark after which everything that was there has been told. */
const INITIAL_END = 'k8s.io/initial-events-end';

/** An object as it is now, or was last. */
export interface Seen {
  readonly fingerprint: string;
  /** The object of the event. */
  readonly toObject: (resourceVersion: string, isFirst: boolean) => object;
}

export interface EventPorts {
  readonly positions: Positions;
  readonly queue: WatchQueue;
  /** Of the objects of all watches together. */
  readonly entries: ByteBudget;
  /** The object of a bookmark. */
  readonly toBookmark: (metadata: object) => object;
}

/** What is where the watch begins. `now`: whatever is there is known to the client. */
export type Beginning = { readonly kind: 'shown'; readonly shown: Shown } | { readonly kind: 'now' };

export class WatchEvents {
  readonly #ports: EventPorts;
  readonly #list: string;
  readonly #shown: Map<string, ReadonlyMap<string, string>>;
  readonly #isSilent: boolean;
  /** Groups that are silent until they have been seen once. */
  readonly #unheard = new Set<string>();
  #entries = 0;
  #isFirst = true;
  #resourceVersion: string | undefined;
  #fault: Fault | undefined;

  /** `list`: whose list it is, and of what. */
  constructor(ports: EventPorts, list: string, beginning: Beginning) {
    this.#ports = ports;
    this.#list = list;
    this.#isSilent = beginning.kind === 'now';
    this.#shown = new Map(beginning.kind === 'now' ? [] : beginning.shown);
    this.#holds(countOf(this.#shown));
  }

  /** Why it was ended by the gateway. */
  get fault(): Fault | undefined {
    return this.#fault;
  }

  /** The groups (nodes) of which something has been shown, or is known to the client. */
  get groups(): readonly string[] {
    return [...new Set([...this.#shown.keys(), ...this.#unheard])];
  }

  /** Those that are there where the watch begins: the client may know already what they have. Later ones are told. */
  begin(groups: Iterable<string>): void {
    if (this.#isSilent) for (const group of groups) this.#unheard.add(group);
  }

  /** Keys of the group that were shown. */
  shownOf(group: string): ReadonlyMap<string, string> | undefined {
    return this.#shown.get(group);
  }

  /** All that the group has now; `gone` gives what is told of an object that was shown and is not among it. */
  see(group: string, now: ReadonlyMap<string, Seen>, gone: (key: string) => Seen): void {
    const before = this.#shown.get(group);
    if (this.#ports.queue.isClosed) return;
    // What is not told any more is not kept as shown either: another watch may begin from here.
    if (!this.#holds(this.#entries - (before?.size ?? 0) + now.size)) return;
    this.#shown.set(group, new Map(Array.from(now, ([key, { fingerprint }]) => [key, fingerprint])));
    if (this.#unheard.delete(group)) return;
    for (const key of before?.keys() ?? []) if (!now.has(key)) this.#tell('DELETED', gone(key));
    for (const [key, seen] of now) {
      const known = before?.get(key);
      if (known === undefined) this.#tell('ADDED', seen);
      else if (known !== seen.fingerprint) this.#tell('MODIFIED', seen);
    }
  }

  /** The group itself is gone. */
  lose(group: string, gone: (key: string) => Seen): void {
    this.see(group, new Map(), gone);
    if (!this.#ports.queue.isClosed) this.#shown.delete(group);
  }

  bookmark(isInitialEnd: boolean): void {
    const resourceVersion = this.#next();
    const annotations = isInitialEnd ? { annotations: { [INITIAL_END]: 'true' } } : {};
    this.#add({
      type: 'BOOKMARK',
      object: this.#ports.toBookmark({ resourceVersion, creationTimestamp: null, ...annotations }),
    });
  }

  /** Ends the watch with a Status, as an API server does. */
  fail(fault: Fault): void {
    if (this.#ports.queue.isClosed) return;
    this.#fault = fault;
    this.#ports.queue.close(toErrorLine(fault));
  }

  /** Ends the watch with a Status instead of what its client has not taken. */
  evict(fault: Fault): void {
    this.#fault ??= fault;
    this.#ports.queue.drop(toErrorLine(fault));
  }

  /** Where another watch may begin, for a client that has heard everything. */
  end(): void {
    const { positions, entries } = this.#ports;
    if (this.#resourceVersion !== undefined) {
      positions.keep(this.#list, this.#resourceVersion, this.#shown);
    }
    entries.give(this.#entries);
    this.#entries = 0;
  }

  #tell(type: 'ADDED' | 'MODIFIED' | 'DELETED', seen: Seen): void {
    this.#add({ type, object: seen.toObject(this.#next(), this.#isFirst) });
    this.#isFirst = false;
  }

  #next(): string {
    return (this.#resourceVersion = this.#ports.positions.next());
  }

  #add(event: { readonly type: string; readonly object: object }): void {
    const isTaken = this.#ports.queue.add(`${JSON.stringify(event)}\n`);
    if (!isTaken) this.fail(tooSlow());
  }

  /** False: it was too much, and the watch has ended. */
  #holds(count: number): boolean {
    const { entries } = this.#ports;
    entries.give(this.#entries);
    this.#entries = 0;
    if (count > MAX_SHOWN) this.fail(tooMany());
    else if (entries.take(count)) this.#entries = count;
    else this.fail(tooBusy());
    return this.#fault === undefined;
  }
}

/** Undefined: what the client was shown is not kept. */
export function toBeginning(
  positions: Positions,
  list: string,
  { resourceVersion, initialEvents }: WatchOptions,
): Beginning | undefined {
  if (initialEvents === true) return { kind: 'shown', shown: new Map() };
  if (resourceVersion === '' || resourceVersion === '0') {
    return initialEvents === false ? { kind: 'now' } : { kind: 'shown', shown: new Map() };
  }
  const shown = positions.recall(list, resourceVersion);
  return shown === undefined ? undefined : { kind: 'shown', shown };
}

export const toErrorLine = (fault: Fault): string =>
  `${JSON.stringify({ type: 'ERROR', object: toStatus(fault) })}\n`;

export const tooOld = (resourceVersion: string): Fault =>
  new Fault('Expired', `too old resource version: ${resourceVersion}; list again`);

const tooSlow = (): Fault =>
  new Fault('Expired', 'the watch was read too slowly, or too many are: list again');

const tooMany = (): Fault =>
  new Fault(
    'BadRequest',
    `more than ${MAX_SHOWN} objects in a watch: ask for a namespace, a node or a label`,
  );

const tooBusy = (): Fault =>
  new Fault('ServiceUnavailable', 'too much is being watched at present: ask again', {
    headers: { 'retry-after': '5' },
  });
