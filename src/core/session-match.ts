// The lists by which rules choose sessions: who, where, and what is done. An absent list holds everything; a rule matches
// when every list that is present holds what is asked about.

import type { ActionKind } from './action.ts';
import type { Resolved } from './exchange.ts';

/** Actions in which something is done that an audit event does not show. */
export const RECORDED_ACTIONS = [
  'exec',
  'attach',
  'run',
  'portForward',
] as const satisfies readonly ActionKind[];
export type RecordedAction = (typeof RECORDED_ACTIONS)[number];

export interface SessionMatch {
  readonly users?: readonly string[];
  readonly groups?: readonly string[];
  readonly nodes?: readonly string[];
  /** Of the pod. A container of it is no way around: debug containers are in the same pod. */
  readonly namespaces?: readonly string[];
  readonly actions?: readonly RecordedAction[];
}

/** What a rule looks at. */
export type SessionSubject = Pick<Resolved, 'authentication' | 'node' | 'action'>;

/** False for an action that is not about a pod. */
export function createSessionMatcher(match: SessionMatch): (subject: SessionSubject) => boolean {
  const { users, groups, nodes, namespaces, actions } = match;
  const isUser = toTest(users);
  const isGroup = toTest(groups);
  const isNode = toTest(nodes);
  const isNamespace = toTest(namespaces);
  const isAction = toTest(actions);
  return ({ authentication: { user }, node, action }) =>
    'pod' in action &&
    isAction(action.kind) &&
    isNode(node) &&
    isNamespace(action.pod.namespace) &&
    isUser(user.name) &&
    (groups === undefined || user.groups.some(isGroup));
}

/** An empty list holds nothing. */
function toTest(list: readonly string[] | undefined): (value: string) => boolean {
  if (list === undefined) return () => true;
  const values = new Set(list);
  return (value) => values.has(value);
}
