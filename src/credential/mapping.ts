// Which credential an exchange is given: ordered rules, the first that matches decides, and none means no.

import type { CredentialMapping } from '../core/credential-source.ts';
import type { Located } from '../core/exchange.ts';

/** The rules with their lists made ready for look-ups. */
export interface MappingRule {
  readonly credential: string;
  matches(located: Located): boolean;
}

export const toMappingRule = ({
  credential,
  users,
  groups,
  nodes,
  actions,
}: CredentialMapping): MappingRule => {
  const isUser = toMatcher(users);
  const isGroup = toMatcher(groups);
  const isNode = toMatcher(nodes);
  const isAction = toMatcher(actions);
  return {
    credential,
    matches: ({ authentication: { user }, entry, action }) =>
      isAction(action.kind) &&
      isNode(entry.name) &&
      isUser(user.name) &&
      (groups === undefined || user.groups.some(isGroup)),
  };
};

/** An absent list holds everything; an empty one nothing. */
function toMatcher(list: readonly string[] | undefined): (value: string) => boolean {
  if (list === undefined) return () => true;
  const values = new Set(list);
  return (value) => values.has(value);
}
