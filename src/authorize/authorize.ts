// The authorize stage: asks the alternatives of a requirement in their order (any-of, pkg/kubelet/server/auth.go) and
// alone makes a Grant. The first allow wins; a deny, an error or nobody's opinion lets nobody through.

import type { Attributes } from '../core/attributes.ts';
import type { Authorizer, Decision, Grant } from '../core/decision.ts';
import type { Authorized, Resolved } from '../core/exchange.ts';
import { Fault } from '../core/fault.ts';
import { toForbiddenMessage, toRefusal, toRight } from './explain.ts';

/**
 * Answers at once while the authorizer does: a cached decision makes no promise.
 *
 * Throws, or rejects with, Forbidden when no alternative is allowed or one is denied; InternalError when the authorizer
 * fails before an allow (never a fall-through to the next alternative); a Fault of the authorizer's own, such as
 * TooManyRequests, as it is.
 */
export const createAuthorize =
  ({ authorizer }: { readonly authorizer: Authorizer }) =>
  (resolved: Resolved): Authorized | Promise<Authorized> =>
    askFrom(authorizer, resolved, 0, []);

function askFrom(
  authorizer: Authorizer,
  resolved: Resolved,
  start: number,
  refusals: string[],
): Authorized | Promise<Authorized> {
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
  resolved: Resolved,
  attributes: Attributes,
): Decision | Promise<Decision> {
  try {
    return authorizer(resolved.authentication.user, attributes);
  } catch (error) {
    throw undecided(error);
  }
}

/** The exchange with its Grant, or undefined: the next alternative is to be asked. Throws when it must not be. */
function settle(
  resolved: Resolved,
  attributes: Attributes,
  decision: Decision,
  refusals: string[],
): Authorized | undefined {
  switch (decision.kind) {
    case 'allow':
      return { ...resolved, grant: toGrant(attributes, decision.reason) };
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
const toGrant = (by: Attributes, reason: string): Grant =>
  ({ by, reason: reason === '' ? `allowed: ${toRight(by)}` : reason }) as Grant;

const undecided = (error: unknown): Fault =>
  error instanceof Fault
    ? error
    : new Fault('InternalError', 'authorization could not be decided', { cause: error });

const forbidden = (userName: string, resolved: Resolved, refusals: readonly string[]): Fault => {
  const [{ resource, name }] = resolved.requirement;
  return new Fault('Forbidden', toForbiddenMessage(userName, resolved.requirement), {
    cause: refusals.join('; '),
    details: { kind: resource, name },
  });
};
