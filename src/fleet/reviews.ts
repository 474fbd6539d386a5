// A caller's own rights and name (authorization.k8s.io/v1 SelfSubjectAccessReview, authentication.k8s.io/v1
// SelfSubjectReview), as the gateway itself sees them: the authorizer that is asked is the one that decides requests.

import type { Action } from '../core/action.ts';
import type { AnyAttributes, Requirement } from '../core/attributes.ts';
import type { Authorizer } from '../core/decision.ts';
import type { Identified } from '../core/exchange.ts';
import type { NodeName } from '../core/names.ts';
import type { User } from '../core/user.ts';
import { isPath } from '../core/attributes.ts';
import { Fault } from '../core/fault.ts';
import { isNamespace, isPodName } from '../core/names.ts';
import { readAccessReview } from '../kubectl/review-body.ts';

const MAX_BODY_BYTES = 64 * 1024;

type ToRequirement = (action: Action, node: NodeName | '') => Requirement;

/** Rejects with a Fault: BadRequest, RequestEntityTooLarge, and the authorizer's own. */
export async function reviewAccess(
  authorizer: Authorizer,
  toRequirement: ToRequirement,
  asked: Identified,
): Promise<object> {
  const attributes = readAccessReview(await readBody(asked));
  const { user } = asked.authentication;
  let reason = '';
  for (const alternative of toAlternatives(attributes, toRequirement)) {
    const decision = await authorizer(user, alternative);
    if (decision.kind === 'allow') return toReview(attributes, true, decision.reason);
    reason = decision.reason;
    if (decision.kind === 'deny') break;
  }
  return toReview(attributes, false, reason);
}

const STREAMS = { stdin: false, stdout: true, stderr: true, tty: false } as const;

/** For what the gateway serves of a pod, what it itself asks then; for everything else the question as it is. */
function toAlternatives(
  attributes: AnyAttributes,
  toRequirement: ToRequirement,
): readonly [AnyAttributes, ...AnyAttributes[]] {
  if (isPath(attributes)) return [attributes];
  const { apiGroup, resource, subresource, verb, namespace, name } = attributes;
  if (
    apiGroup !== '' ||
    resource !== 'pods' ||
    !isNamespace(namespace) ||
    !(name === '' || isPodName(name))
  ) {
    return [attributes];
  }
  // A name is part of the question only: where none is given, the right to all names is asked for.
  const action = toAction(`${verb} ${subresource}`, { namespace, name: isPodName(name) ? name : ANY_POD });
  if (action === undefined) return [attributes];
  const [first, ...others] = toRequirement(action, '').map((one) =>
    one.resource === 'pods' ? attributes : one,
  );
  return first === undefined ? [attributes] : [first, ...others];
}

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

async function readBody({ body, lifetime }: Identified): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    if (!Buffer.isBuffer(chunk)) throw new TypeError('a body of bytes was expected');
    size += chunk.length;
    if (size > MAX_BODY_BYTES) throw new Fault('RequestEntityTooLarge', 'the review is too large');
    if (lifetime.ended) break;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
