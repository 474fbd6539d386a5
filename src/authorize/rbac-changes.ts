// Follows the roles and bindings of an API server, and tells whose rights a change may have touched: of a binding those
// whom it names and named, of a role those whom the bindings to it name. What cannot be told apart touches everyone.

import type { Clock, Log } from '../core/ports.ts';
import type { BindingFacts, RoleFacts } from '../kube/rbac-objects.ts';
import type { Affected } from './affected.ts';
import { RBAC_COLLECTIONS, readBinding, readRole } from '../kube/rbac-objects.ts';
import { EVERYONE } from './affected.ts';

/** What follows a collection of an API server, and tells of it (kube/watch/follow.ts). */
export type RbacFeed = <Item>(
  follower: {
    listed(items: readonly Item[]): void;
    changed(item: Item): void;
    removed(item: Item): void;
    connected(): void;
    disconnected(error: Error): void;
    unreadable(error: unknown): void;
  },
  options: { readonly path: string; readonly decode: (object: unknown) => Item },
) => { stop(): void };

export interface RbacChangesDependencies {
  readonly feed: RbacFeed;
  readonly clock: Clock;
  readonly log: Log;
  /** Told at once. */
  readonly onAffected: (affected: Affected) => void;
  /** Told when changes begin to arrive, and when they cease to. */
  readonly onCurrent?: ((isCurrent: boolean) => void) | undefined;
}

export interface RbacChanges {
  /** Whether every change arrives, or has ceased to for no longer than the grace. */
  isCurrent(): boolean;
  stop(): void;
}

type Collection = keyof typeof RBAC_COLLECTIONS;

/** `graceMs`: how long a watch may be broken before what it said is not relied upon. */
export const createRbacChanges = (
  dependencies: RbacChangesDependencies,
  options: { readonly graceMs: number },
): RbacChanges => new FollowedRights(dependencies, options.graceMs);

class FollowedRights implements RbacChanges {
  readonly #dependencies: RbacChangesDependencies;
  readonly #graceMs: number;
  readonly #feeds: readonly { stop(): void }[];
  readonly #bindings = createBindings();
  /** Since when a collection is not followed; undefined: it is. All begin as broken for ever. */
  readonly #brokenAt = new Map<Collection, number | undefined>();
  /** What was last said to the log of a collection that is broken. */
  readonly #told = new Map<Collection, string>();
  #wasCurrent: boolean | undefined;

  constructor(dependencies: RbacChangesDependencies, graceMs: number) {
    this.#dependencies = dependencies;
    this.#graceMs = graceMs;
    const touchBinding = (before?: BindingFacts, after?: BindingFacts): Affected =>
      this.#bindings.replace(before, after);
    const touchRole = (before?: RoleFacts, after?: RoleFacts): Affected | undefined =>
      this.#bindings.boundTo((after ?? before)?.key ?? '');
    this.#feeds = [
      this.#begin('clusterRoleBindings', readBinding, touchBinding),
      this.#begin('roleBindings', readBinding, touchBinding),
      this.#begin('clusterRoles', readRole, touchRole),
      this.#begin('roles', readRole, touchRole),
    ];
  }

  isCurrent(): boolean {
    const now = this.#dependencies.clock.now();
    return [...this.#brokenAt.values()].every((since) => since === undefined || now - since <= this.#graceMs);
  }

  stop(): void {
    for (const one of this.#feeds) one.stop();
  }

  #begin<Item extends RoleFacts>(
    collection: Collection,
    decode: (object: unknown) => Item,
    touch: (before: Item | undefined, after: Item | undefined) => Affected | undefined,
  ): { stop(): void } {
    const { feed, log, onAffected } = this.#dependencies;
    this.#brokenAt.set(collection, -Infinity);
    const items = createDifferences(touch, onAffected);
    return feed<Item>(
      {
        ...items,
        connected: () => {
          this.#brokenAt.set(collection, undefined);
          this.#told.delete(collection);
          this.#look();
        },
        disconnected: (error) => this.#disconnected(collection, error),
        unreadable: (err) => {
          log.warn({ err, collection }, 'an object of RBAC cannot be read; every decision is forgotten');
          onAffected(EVERYONE);
        },
      },
      { path: RBAC_COLLECTIONS[collection], decode },
    );
  }

  #disconnected(collection: Collection, err: Error): void {
    const { clock, log } = this.#dependencies;
    this.#brokenAt.set(collection, this.#brokenAt.get(collection) ?? clock.now());
    clock.after(this.#graceMs + 1, () => this.#look());
    if (this.#told.get(collection) === err.message) return;
    this.#told.set(collection, err.message);
    log.warn({ err, collection }, toWords(err, collection));
  }

  #look(): void {
    const { log, onCurrent } = this.#dependencies;
    const isCurrent = this.isCurrent();
    // Nothing has failed yet, and not all has begun.
    const isStarting = this.#wasCurrent === undefined && this.#told.size === 0;
    if (isCurrent === this.#wasCurrent || (!isCurrent && isStarting)) return;
    this.#wasCurrent = isCurrent;
    onCurrent?.(isCurrent);
    if (isCurrent) log.info({}, 'roles and bindings are followed: decisions are forgotten when they change');
    else log.warn({}, 'roles and bindings are not followed: decisions are remembered for a short time only');
  }
}

/** Tells what a change of one of many objects touches. */
function createDifferences<Item extends RoleFacts>(
  touch: (before: Item | undefined, after: Item | undefined) => Affected | undefined,
  onAffected: (affected: Affected) => void,
) {
  const known = new Map<string, Item>();
  let isListed = false;
  const put = (key: string, item: Item | undefined): void => {
    const before = known.get(key);
    if (before?.version === item?.version) return;
    if (item === undefined) known.delete(key);
    else known.set(key, item);
    const affected = touch(before, item);
    // Before the first list is whole nothing can be told apart, and everyone is touched once for all of it.
    if (affected !== undefined && isListed) onAffected(affected);
  };
  return {
    listed: (items: readonly Item[]): void => {
      const gone = new Set(known.keys());
      for (const item of items) {
        gone.delete(item.key);
        put(item.key, item);
      }
      for (const key of gone) put(key, undefined);
      // What was decided before the first list may be older than what it holds.
      if (!isListed) onAffected(EVERYONE);
      isListed = true;
    },
    changed: (item: Item): void => put(item.key, item),
    removed: (item: Item): void => put(item.key, undefined),
  };
}

/** Which bindings there are to a role. */
function createBindings() {
  const byRole = new Map<string, Set<BindingFacts>>();
  return {
    /** Those whom either names. */
    replace(before: BindingFacts | undefined, after: BindingFacts | undefined): Affected {
      if (before !== undefined) {
        const bound = byRole.get(before.role);
        bound?.delete(before);
        if (bound?.size === 0) byRole.delete(before.role);
      }
      if (after !== undefined) {
        const bound = byRole.get(after.role) ?? new Set();
        byRole.set(after.role, bound.add(after));
      }
      return toAffected([before, after].filter((one) => one !== undefined));
    },
    /** Undefined: nobody. */
    boundTo(role: string): Affected | undefined {
      const bound = byRole.get(role);
      if (bound === undefined) return undefined;
      return toAffected([...bound]);
    },
  };
}

const toAffected = (bindings: readonly BindingFacts[]): Affected => ({
  kind: 'subjects',
  users: new Set(bindings.flatMap(({ users }) => users)),
  groups: new Set(bindings.flatMap(({ groups }) => groups)),
});

function toWords(error: Error, collection: Collection): string {
  const resource = collection.toLowerCase();
  return 'code' in error && (error.code === 403 || error.code === 401)
    ? `the gateway may not list and watch ${resource}: give it get, list and watch on them (docs/authorization.md)`
    : `${resource} are not followed`;
}
