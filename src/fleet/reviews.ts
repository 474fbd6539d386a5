// A caller's own rights and name (authorization.k8s.io/v1 SelfSubjectAccessReview, authentication.k8s.io/v1
// SelfSubjectReview), as the gateway itself sees them: the authorizer that is asked is the one that decides requests.

import type { Action } from '../core/action.ts';
import type { AnyAttributes, Attributes, Requirement } from '../core/attributes.ts';
import type { Authorizer, Decision } from '../core/decision.ts';
import type { Identified } from '../core/exchange.ts';
import type { NodeName } from '../core/names.ts';
import type { User } from '../core/user.ts';
import { isPath } from '../core/attributes.ts';
import { Fault } from '../core/fault.ts';
import { isNamespace, isPodName } from '../core/names.ts';
import { readAccessReview } from '../kubectl/review-body.ts';

const MAX_BODY_BYTES = 64 * 1024;

export type ToRequirement = (action: Action, node: NodeName | '') => Requirement;

/** Rejects with a Fault: BadRequest, RequestEntityTooLarge, and the authorizer's own. */
export async function reviewAccess(
  authorizer: Authorizer,
  toRequirement: ToRequirement,
  asked: Identified,
  within: NodeName | '',
): Promise<object> {
  const attributes = readAccessReview(await readBody(asked));
  const decision = await decide(authorizer, toRequirement, asked, attributes, within);
  return toReview(attributes, decision.kind === 'allow', decision.reason);
}

/** What a request for this would be told: the first alternative that is allowed, or the last refusal. */
export async function decide(
  authorizer: Authorizer,
  toRequirement: ToRequirement,
  { authentication: { user } }: Identified,
  attributes: AnyAttributes,
  within: NodeName | '',
): Promise<Decision> {
  const [first, ...others] = toAlternatives(attributes, toRequirement, within);
  let decision = await authorizer(user, first);
  for (const alternative of others) {
    if (decision.kind !== 'noOpinion') break;
    decision = await authorizer(user, alternative);
  }
  return decision;
}

const STREAMS = { stdin: false, stdout: true, stderr: true, tty: false } as const;

/**
 * For what the gateway serves of a pod, what it itself asks then; for everything else the question as it is. With a node in
 * the server URL that is the one which is meant.
 */
function toAlternatives(
  attributes: AnyAttributes,
  toRequirement: ToRequirement,
  within: NodeName | '',
): readonly [AnyAttributes, ...AnyAttributes[]] {
  if (isPath(attributes)) return [attributes];
  const { apiGroup, resource, subresource, verb, namespace, name } = attributes;
  if (resource === 'nodes' && name === '' && within !== '') return [{ ...attributes, name: within }];
  if (apiGroup !== '' || resource !== 'pods' || !(name === '' || isPodName(name))) return [attributes];
  if (!(namespace === '' || isNamespace(namespace))) return [attributes];
  if (subresource === '' && (verb === 'get' || verb === 'list' || verb === 'watch')) {
    return orSame(attributes, toRequirement({ kind: 'pods', view: ANY_VIEW }, within));
  }
  if (namespace === '') return [attributes];
  // A name is part of the question only: where none is given, the right to all names is asked for.
  const action = toAction(`${verb} ${subresource}`, { namespace, name: isPodName(name) ? name : ANY_POD });
  if (action === undefined) return [attributes];
  return orSame(attributes, toRequirement(action, within));
}

/** The question itself stands for the alternative that is about pods. */
function orSame(question: Attributes, requirement: Requirement): readonly [Attributes, ...Attributes[]] {
  const [first, ...others] = requirement.map((one) => (one.resource === 'pods' ? question : one));
  return first === undefined ? [question] : [first, ...others];
}

const ANY_VIEW = { labelSelector: [], fieldSelector: [], as: 'Object', includeObject: 'None' } as const;

type Pod = Extract<Action, { kind: 'exec' }>['pod'];
const ANY_POD = 'any' as Pod['name'];

function toAction(asked: string, pod: Pod): Action | undefined {
  switch (asked) {
    case 'create exec':
      return { kind: 'exec', pod, command: [], streams: STREAMS };
    case 'create attach':
      return { kind: 'attach', pod, streams: STREAMS };
    case 'create portforward':
      return { kind: 'portForward', pod, ports: [] };
    case 'get log':
      return { kind: 'containerLogs', pod, options: {} };
    default:
      return undefined;
  }
}

const toReview = (attributes: AnyAttributes, allowed: boolean, reason: string): object => ({
  kind: 'SelfSubjectAccessReview',
  apiVersion: 'authorization.k8s.io/v1',
  metadata: { creationTimestamp: null },
  spec: isPath(attributes)
    ? { nonResourceAttributes: attributes }
    : { resourceAttributes: { ...attributes, apiGroup: undefined, group: attributes.apiGroup } },
  status: { allowed, ...(reason === '' ? {} : { reason }) },
});

export const toSelfReview = ({ name, uid, groups, extra }: User): object => ({
  kind: 'SelfSubjectReview',
  apiVersion: 'authentication.k8s.io/v1',
  metadata: { creationTimestamp: null },
  status: { userInfo: { username: name, ...(uid === '' ? {} : { uid }), groups, extra } },
});

export async function readBody({ body, lifetime }: Identified): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  // That of all requests without one (listen/accept.ts), at which each reader would leave its listeners for ever.
  if (body.readableEnded) return Buffer.alloc(0);
  for await (const chunk of body) {
    if (!Buffer.isBuffer(chunk)) throw new TypeError('a body of bytes was expected');
    size += chunk.length;
    if (size > MAX_BODY_BYTES) throw new Fault('RequestEntityTooLarge', 'the review is too large');
    if (lifetime.ended) break;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
