// The authorization section: a connection to an API server, or the objects of RBAC manifests.

import type { AuthorizationSettings } from '../../core/configuration.ts';
import type { Reading } from '../reading.ts';
import type { GatewayFile } from '../schema/gateway.ts';
import { resolveFile } from '../files.ts';
import { readApiServer } from './api-server.ts';
import { readManifests } from './rbac.ts';

export async function readAuthorization(
  section: GatewayFile['authorization'],
  reading: Reading,
): Promise<AuthorizationSettings | undefined> {
  const { mode, subjectAccessReview: review, rbac } = section;
  const podSubresources = section.podSubresources === 'enabled';
  if (mode === 'RBAC') {
    const files = (rbac?.manifestFiles ?? []).map((name) => resolveFile(reading.folder, name));
    const objects = await readManifests(files, reading, ['authorization', 'rbac', 'manifestFiles']);
    return objects && { mode, podSubresources, rbac: objects };
  }
  if (review === undefined) return undefined;
  const connection = await readApiServer(review, reading, ['authorization', 'subjectAccessReview']);
  return (
    connection && {
      mode,
      podSubresources,
      subjectAccessReview: {
        connection,
        authorizedTtlMs: review.authorizedTTL,
        unauthorizedTtlMs: review.unauthorizedTTL,
        maxEntries: review.maxEntries,
        timeoutMs: review.timeout,
        maxInFlightPerUser: review.maxInFlightPerUser,
        ...(review.watch
          ? { watch: { ttlWithoutMs: review.authorizedTTLWithoutWatch, graceMs: review.watchGrace } }
          : {}),
        staleAllowMs: review.staleAllow?.maxAge ?? 0,
      },
    }
  );
}
