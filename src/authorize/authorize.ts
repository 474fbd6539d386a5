// The authorize stage: asks the alternatives of a requirement in their order (any-of, pkg/kubelet/server/auth.go) and
// alone makes a Grant. The first allow wins; a deny, an error or nobody's opinion lets nobody through.

import type { AnyAttributes } from '../core/attributes.ts';
import type { Authorizer, Decision, Grant } from '../core/decision.ts';
import type { Authorizable } from '../core/exchange.ts';
import { isPath } from '../core/attributes.ts';
import { isSought } from '../core/exchange.ts';
import { Fault } from '../core/fault.ts';
import { toForbiddenMessage, toRefusal, toRight } from './explain.ts';

type Granted<Asked> = Asked & { readonly grant: Grant };

/**
 * Answers at once while the authorizer does: a cached decision makes no promise.
 *
 * Throws, or rejects with, Forbidden when no alternative is allowed or one is denied; InternalError when the authorizer
 * fails before an allow (never a fall-through to the next alternative); a Fault of the authorizer's own, such as
 * TooManyRequests, as it is.
 */
export const createAuthorize =
  ({ authorizer }: { readonly authorizer: Authorizer }) =>
  <Asked extends Authorizable>(resolved: Asked): Granted<Asked> | Promise<Granted<Asked>> =>
    askFrom(authorizer, resolved, 0, []);

function askFrom<Asked extends Authorizable>(
  authorizer: Authorizer,
  resolved: Asked,
  start: number,
  refusals: string[],
): Granted<Asked> | Promise<Granted<Asked>> {
  const { requirement, authentication } = resolved;
  for (let i = start; i < requirement.length; i += 1) {
    const attributes = requirement[i];
    if (attributes === undefined) break;
    const answer = ask(authorizer, resolved, attributes);
    if (answer instanceof Promise) {
      return answer.then(
        (decision) =>
          settle(resolved, attributes, decision, refusals) ?? askFrom(authorizer, resolved, i + 1, refusals),
        (error: unknown) => {
          throw undecided(error);
        },
      );
    }
    const authorized = settle(resolved, attributes, answer, refusals);
    if (authorized !== undefined) return authorized;
  }
  throw forbidden(authentication.user.name, resolved, refusals);
}

function ask(
  authorizer: Authorizer,
  resolved: Authorizable,
  attributes: AnyAttributes,
): Decision | Promise<Decision> {
  try {
    return authorizer(resolved.authentication.user, attributes);
  } catch (error) {
    throw undecided(error);
  }
}

/** The exchange with its Grant, or undefined: the next alternative is to be asked. Throws when it must not be. */
function settle<Asked extends Authorizable>(
  resolved: Asked,
  attributes: AnyAttributes,
  decision: Decision,
  refusals: string[],
): Granted<Asked> | undefined {
  switch (decision.kind) {
    case 'allow':
      return { ...resolved, grant: toGrant(attributes, decision) };
    case 'deny':
      refusals.push(toRefusal(attributes, decision));
      throw forbidden(resolved.authentication.user.name, resolved, refusals);
    case 'noOpinion':
      refusals.push(toRefusal(attributes, decision));
      return undefined;
    default:
      throw undecided(new TypeError('the authorizer answered with no decision', { cause: decision }));
  }
}

/** The one place in which evidence of a decision is made. */
const toGrant = (by: AnyAttributes, { reason, staleForMs }: Decision): Grant =>
  ({
    by,
    reason: reason === '' ? `allowed: ${toRight(by)}` : reason,
    ...(staleForMs === undefined ? {} : { staleForMs }),
  }) as Grant;

const undecided = (error: unknown): Fault =>
  error instanceof Fault
    ? error
    : new Fault('InternalError', 'authorization could not be decided', { cause: error });

const NAME_THE_NODE =
  '; with a right on some nodes only, name the node in the server URL: --server https://GATEWAY/nodes/NODE';

const forbidden = (userName: string, resolved: Authorizable, refusals: readonly string[]): Fault => {
  const [first] = resolved.requirement;
  // Whoever holds a right on some nodes is not told where the pod is, but how to say it.
  const hint = isSought(resolved) ? NAME_THE_NODE : '';
  return new Fault('Forbidden', `${toForbiddenMessage(userName, resolved.requirement)}${hint}`, {
    cause: refusals.join('; '),
    ...(isPath(first) ? {} : { details: { kind: first.resource, name: first.name } }),
  });
};
