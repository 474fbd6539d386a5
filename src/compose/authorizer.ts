// Who decides what a user may do, from the configuration.

import type { Affected } from '../authorize/affected.ts';
import type { GatewayConfiguration, SubjectAccessReviewSettings } from '../core/configuration.ts';
import type { Authorizer } from '../core/decision.ts';
import type { Resolved } from '../core/exchange.ts';
import type { Foundation } from './foundation.ts';
import { createBatches } from '../authorize/batch.ts';
import { createRbacChanges } from '../authorize/rbac-changes.ts';
import { createRbacAuthorizer } from '../authorize/rbac.ts';
import { createSessionPolicy } from '../authorize/session-policy.ts';
import { createStepUp } from '../authorize/step-up.ts';
import { createSarAuthorizer } from '../authorize/sar.ts';
import { createKubeClient } from '../kube/client.ts';
import { follow } from '../kube/watch/follow.ts';

export interface ComposedAuthorizer {
  readonly authorizer: Authorizer;
  /** The same for what runs already, and how many questions about one user it takes at a time. */
  readonly again: { readonly authorizer: Authorizer; readonly maxOfOneUser?: number };
  readonly flush?: () => void;
  readonly release: () => void;
}

export function composeAuthorizer(
  foundation: Foundation,
  { authorization }: GatewayConfiguration,
): ComposedAuthorizer {
  if (authorization.mode === 'RBAC') {
    const authorizer = createRbacAuthorizer(authorization.rbac);
    return { authorizer, again: { authorizer }, release: () => undefined };
  }
  const { clock, log, metrics, rechecks } = foundation;
  const settings = authorization.subjectAccessReview;
  const client = createKubeClient({ clock }, settings.connection);
  const authorizer = createSarAuthorizer(
    {
      reviews: (spec, signal) => client.createSubjectAccessReview(spec, signal),
      clock,
      log,
      metrics: metrics.sar,
      ...(settings.watch === undefined
        ? {}
        : { maxAgeMs: toMaxAge(settings.watch.ttlWithoutMs, (): boolean => changes?.isCurrent() === true) }),
    },
    settings,
  );
  const changes = composeChanges(foundation, settings, (affected) => {
    authorizer.forget(affected);
    rechecks?.affected(affected);
  });
  return {
    authorizer,
    again: { authorizer: authorizer.again, maxOfOneUser: settings.maxInFlightPerUser },
    flush: () => authorizer.flush(),
    release: () => {
      changes?.stop();
      // Questions that are on their way may still be answered.
      clock.after(settings.timeoutMs, () => client.close());
    },
  };
}

const toMaxAge =
  (ttlWithoutMs: number, isCurrent: () => boolean): (() => number) =>
  () =>
    isCurrent() ? Infinity : ttlWithoutMs;

function composeChanges(
  { clock, log, metrics, rechecks }: Foundation,
  { connection, watch }: SubjectAccessReviewSettings,
  forget: (affected: Affected) => void,
) {
  if (watch === undefined || rechecks === undefined) return undefined;
  const batches = createBatches({ clock }, forget);
  return createRbacChanges(
    {
      feed: (follower, options) => follow({ clock }, connection, follower, options),
      clock,
      log,
      onAffected: (affected) => batches.add(affected),
      onCurrent: (isCurrent) => metrics.rightsWatched(isCurrent),
    },
    { graceMs: watch.graceMs },
  );
}

/** What is asked of an exchange beside the right to it, before anything is looked up. */
export interface Admission {
  /** Throws a Fault for what is not let through. */
  readonly check: (resolved: Resolved) => void;
  /** Nodes that rules name: of all others it says the same. */
  readonly named: ReadonlySet<string>;
}

export function composeAdmission(
  { clock }: Foundation,
  { stepUp, sessionPolicy }: GatewayConfiguration,
): Admission {
  const checkLogin = createStepUp({ clock }, stepUp);
  const checkSession = createSessionPolicy(sessionPolicy);
  return {
    check: (resolved) => {
      checkLogin(resolved);
      checkSession(resolved);
    },
    named: new Set([...stepUp, ...sessionPolicy].flatMap(({ nodes = [] }) => nodes)),
  };
}
