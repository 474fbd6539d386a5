// The answer to an authorization question, in the three outcomes of k8s.io/apiserver/pkg/authorization/authorizer.
// There is no outcome "error": an authorizer that cannot decide throws, and nobody is let through.

import type { AnyAttributes } from './attributes.ts';
import type { User } from './user.ts';

export interface Decision {
  readonly kind: 'allow' | 'deny' | 'noOpinion';
  /** For the audit log; for the client only where it is an RBAC reason. */
  readonly reason: string;
  /** An allow of so many milliseconds ago, because nobody could be asked. Absent: it holds now. */
  readonly staleForMs?: number;
}

/**
 * Answers at once when it knows (a cache, a manifest), else with a promise: the cached path of a request must not
 * pay for a turn of the event loop. Throws a Fault when it cannot decide.
 */
export type Authorizer = (user: User, attributes: AnyAttributes) => Decision | Promise<Decision>;

declare const granted: unique symbol;

/** Proof that a requirement was met. Only the authorize stage makes one. */
export interface Grant {
  readonly [granted]: true;
  /** Which alternative of the requirement allowed it. */
  readonly by: AnyAttributes;
  readonly reason: string;
  /** As of the decision. */
  readonly staleForMs?: number;
}
