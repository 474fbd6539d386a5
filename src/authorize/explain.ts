// Authorization in words: the 403 that kubectl's users know (apiserver pkg/endpoints/handlers/responsewriters,
// ForbiddenStatusError) and what the log and the audit event say beside it. Never tells whether an object exists.

import type { AnyAttributes, Requirement } from '../core/attributes.ts';
import type { Decision } from '../core/decision.ts';
import { isPath, toObjectText, toResourceText } from '../core/attributes.ts';

/** JSON's quoting, so that no user name can break out of a message or a log line. */
const quote = (text: string): string => JSON.stringify(text);

/** `create nodes/proxy`, `create pods/exec in namespace "shop"`, `list sessions.kubelet-gateway.io`, `get /metrics`. */
export const toRight = (attributes: AnyAttributes): string => {
  const right = `${attributes.verb} ${toObjectText(attributes)}`;
  return isPath(attributes) || attributes.namespace === ''
    ? right
    : `${right} in namespace ${quote(attributes.namespace)}`;
};

/** Speaks of the first alternative, as Kubernetes would, and lists all of them where more than one would do. */
export const toForbiddenMessage = (userName: string, requirement: Requirement<AnyAttributes>): string => {
  const [first] = requirement;
  if (isPath(first)) {
    return `forbidden: User ${quote(userName)} cannot ${first.verb} path ${quote(first.path)}`;
  }
  const object = first.name === '' ? first.resource : `${first.resource} ${quote(first.name)}`;
  const scope =
    first.namespace === '' ? 'at the cluster scope' : `in the namespace ${quote(first.namespace)}`;
  const anyOf = requirement.length === 1 ? '' : ` (any of: ${requirement.map(toRight).join('; ')})`;
  return (
    `${object} is forbidden: User ${quote(userName)} cannot ${first.verb} resource ` +
    `${quote(toResourceText(first))} in API group ${quote(first.apiGroup)} ${scope}${anyOf}`
  );
};

/** For the log: why an alternative did not allow. The reason is the authorizer's own text. */
export const toRefusal = (attributes: AnyAttributes, decision: Decision): string => {
  const outcome = decision.kind === 'deny' ? 'denied' : 'no opinion';
  return `${toRight(attributes)}: ${outcome}${decision.reason === '' ? '' : ` (${decision.reason})`}`;
};
