// Whose rights a change of roles or bindings may have touched.

import type { User } from '../core/user.ts';

export type Affected =
  | { readonly kind: 'everyone' }
  | {
      readonly kind: 'subjects';
      /** Names of users, those of ServiceAccounts as `system:serviceaccount:NAMESPACE:NAME`. */
      readonly users: ReadonlySet<string>;
      readonly groups: ReadonlySet<string>;
    };

export const EVERYONE: Affected = { kind: 'everyone' };

export const isAffected = (affected: Affected, { name, groups }: Pick<User, 'name' | 'groups'>): boolean =>
  affected.kind === 'everyone' ||
  affected.users.has(name) ||
  (affected.groups.size > 0 && groups.some((group) => affected.groups.has(group)));

export const union = (one: Affected | undefined, other: Affected): Affected =>
  one === undefined
    ? other
    : one.kind === 'everyone' || other.kind === 'everyone'
      ? EVERYONE
      : {
          kind: 'subjects',
          users: new Set([...one.users, ...other.users]),
          groups: new Set([...one.groups, ...other.groups]),
        };
