// Who decides what a user may do, from the configuration.

import type { GatewayConfiguration } from '../core/configuration.ts';
import type { Authorizer } from '../core/decision.ts';
import type { Foundation } from './foundation.ts';
import { createRbacAuthorizer } from '../authorize/rbac.ts';
import { createSarAuthorizer } from '../authorize/sar.ts';
import { createKubeClient } from '../kube/client.ts';

export function composeAuthorizer(
  { clock, log, metrics }: Foundation,
  { authorization }: GatewayConfiguration,
): { readonly authorizer: Authorizer; readonly flush?: () => void; readonly release: () => void } {
  if (authorization.mode === 'RBAC') {
    return { authorizer: createRbacAuthorizer(authorization.rbac), release: () => undefined };
  }
  const settings = authorization.subjectAccessReview;
  const client = createKubeClient({ clock }, settings.connection);
  const authorizer = createSarAuthorizer(
    {
      reviews: (spec, signal) => client.createSubjectAccessReview(spec, signal),
      clock,
      log,
      metrics: metrics.sar,
    },
    settings,
  );
  // Questions that are on their way may still be answered.
  return {
    authorizer,
    flush: () => authorizer.flush(),
    release: () => void clock.after(settings.timeoutMs, () => client.close()),
  };
}
