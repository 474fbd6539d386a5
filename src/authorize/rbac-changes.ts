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
export function createRbacChanges(
  dependencies: RbacChangesDependencies,
  { graceMs }: { readonly graceMs: number },
): RbacChanges {
  const { feed, clock, log, onAffected, onCurrent } = dependencies;
  const bindings = createBindings();
  /** Since when a collection is not followed; undefined: it is. All begin as broken for ever. */
  const brokenAt = new Map<Collection, number | undefined>();
  const told = new Map<Collection, string>();
  let wasCurrent: boolean | undefined;

  const isCurrent = (): boolean =>
    [...brokenAt.values()].every((since) => since === undefined || clock.now() - since <= graceMs);
  /** Nothing has failed yet, and not all has begun. */
  const isStarting = (): boolean => wasCurrent === undefined && told.size === 0;
  const look = (): void => {
    const now = isCurrent();
    if (now === wasCurrent || (!now && isStarting())) return;
    wasCurrent = now;
    onCurrent?.(now);
    if (now)
      log.info({}, 'changes of roles and bindings are followed: decisions are forgotten when they change');
    else
      log.warn(
        {},
        'changes of roles and bindings are not followed: decisions are remembered for a short time only',
      );
  };
  const begin = <Item extends RoleFacts>(
    collection: Collection,
    decode: (object: unknown) => Item,
    touch: (before: Item | undefined, after: Item | undefined) => Affected | undefined,
  ): { stop(): void } => {
    brokenAt.set(collection, -Infinity);
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
    return feed<Item>(
      {
        listed: (items) => {
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
        changed: (item) => put(item.key, item),
        removed: (item) => put(item.key, undefined),
        connected: () => {
          brokenAt.set(collection, undefined);
          told.delete(collection);
          look();
        },
        disconnected: (err) => {
          brokenAt.set(collection, brokenAt.get(collection) ?? clock.now());
          clock.after(graceMs + 1, look);
          if (told.get(collection) === err.message) return;
          told.set(collection, err.message);
          log.warn({ err, collection }, toWords(err, collection));
        },
        unreadable: (err) => {
          log.warn({ err, collection }, 'an object of RBAC cannot be read; every decision is forgotten');
          onAffected(EVERYONE);
        },
      },
      { path: RBAC_COLLECTIONS[collection], decode },
    );
  };

  const touchRole = (before: RoleFacts | undefined, after: RoleFacts | undefined): Affected | undefined =>
    bindings.boundTo((after ?? before)?.key ?? '');
  const touchBinding = (before: BindingFacts | undefined, after: BindingFacts | undefined): Affected => {
    bindings.replace(before, after);
    return {
      kind: 'subjects',
      users: new Set([...(before?.users ?? []), ...(after?.users ?? [])]),
      groups: new Set([...(before?.groups ?? []), ...(after?.groups ?? [])]),
    };
  };
  const feeds = [
    begin('clusterRoleBindings', readBinding, touchBinding),
    begin('roleBindings', readBinding, touchBinding),
    begin('clusterRoles', readRole, touchRole),
    begin('roles', readRole, touchRole),
  ];
  return {
    isCurrent,
    stop: () => {
      for (const one of feeds) one.stop();
    },
  };
}

/** Which bindings there are to a role. */
function createBindings() {
  const byRole = new Map<string, Set<BindingFacts>>();
  return {
    replace(before: BindingFacts | undefined, after: BindingFacts | undefined): void {
      if (before !== undefined) {
        const bound = byRole.get(before.role);
        bound?.delete(before);
        if (bound?.size === 0) byRole.delete(before.role);
      }
      if (after !== undefined) {
        const bound = byRole.get(after.role) ?? new Set();
        byRole.set(after.role, bound.add(after));
      }
    },
    /** Undefined: nobody. */
    boundTo(role: string): Affected | undefined {
      const bound = byRole.get(role);
      if (bound === undefined) return undefined;
      const all = [...bound];
      return {
        kind: 'subjects',
        users: new Set(all.flatMap(({ users }) => users)),
        groups: new Set(all.flatMap(({ groups }) => groups)),
      };
    },
  };
}

function toWords(error: Error, collection: Collection): string {
  const resource = collection.toLowerCase();
  return 'code' in error && (error.code === 403 || error.code === 401)
    ? `the gateway may not list and watch ${resource}: give it get, list and watch on them (docs/authorization.md)`
    : `${resource} are not followed`;
}
