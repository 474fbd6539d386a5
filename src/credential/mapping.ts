// Which credential an exchange is given: ordered rules, the first that matches decides, and none means no.

import type { CredentialMapping } from '../core/credential-source.ts';
import type { Located } from '../core/exchange.ts';
import { createMappingExpression } from './mapping-expression.ts';

/** The first part of a rule that does not hold; `grant`: it names a certificate of the user's own, and the right is not on nodes. */
export type Mismatch = 'grant' | 'actions' | 'nodes' | 'users' | 'groups' | 'when';

/** A rule with its lists made ready for look-ups and its expression compiled. */
export interface MappingRule {
  readonly credential: string;
  /** Whether the claims of the user's token have to be kept for it. */
  readonly usesClaims: boolean;
  /** Undefined: it matches. Throws a Fault InternalError when its expression gives neither yes nor no. */
  mismatch(located: Located): Mismatch | undefined;
}

/** `index` is the rule's place in the configuration. Throws a TypeError when its expression does not compile. */
export const toMappingRule = (
  { credential, users, groups, nodes, actions, when }: CredentialMapping,
  index: number,
): MappingRule => {
  const isUser = toMatcher(users);
  const isGroup = toMatcher(groups);
  const isNode = toMatcher(nodes);
  const isAction = toMatcher(actions);
  const expression = when === undefined ? undefined : createMappingExpression(when);
  const name = `credentialMappings[${index}]`;
  return {
    credential,
    usesClaims: expression?.usesClaims ?? false,
    mismatch: (located) => {
      const {
        authentication: { user },
        entry,
        action,
      } = located;
      if (!isAction(action.kind)) return 'actions';
      if (!isNode(entry.name)) return 'nodes';
      if (!isUser(user.name)) return 'users';
      if (groups !== undefined && !user.groups.some(isGroup)) return 'groups';
      // Last: only a rule that needs them makes values for an expression.
      return expression === undefined || expression.holds(located, name) ? undefined : 'when';
    },
  };
};

/** An absent list holds everything; an empty one nothing. */
function toMatcher(list: readonly string[] | undefined): (value: string) => boolean {
  if (list === undefined) return () => true;
  const values = new Set(list);
  return (value) => values.has(value);
}

/** Whether the claims of tokens have to be kept for one of these rules. */
export const needClaims = (mappings: readonly CredentialMapping[]): boolean =>
  mappings.some((mapping, index) => toMappingRule(mapping, index).usesClaims);
