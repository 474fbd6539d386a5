// Who asks and who decides, in the benchmark's own process: an issuer with signed tokens for any number of users, and
// an API server that allows every SubjectAccessReview and counts them.

import { setTimeout as wait } from 'node:timers/promises';
import type { ApiServer } from '../../test/support/api-server.ts';
import { startApiServer } from '../../test/support/api-server.ts';
import { createSigningKey, signToken, startRogueIssuer } from '../../test/support/identity-provider.ts';

export const AUDIENCE = 'kubelet-gateway';

export interface Identity {
  readonly issuerUrl: string;
  readonly issuerCertificateAuthority: string;
  readonly api: ApiServer;
  /** The token of a user who is in three groups, as people are. */
  issue(user: string): Promise<string>;
  stop(): Promise<void>;
}

/** `reviewMs`: how long the API server thinks about each question. */
export async function startIdentity(reviewMs = 0): Promise<Identity> {
  const [issuer, key, api] = await Promise.all([
    startRogueIssuer(),
    createSigningKey('bench'),
    startApiServer({
      decide: async () => {
        if (reviewMs > 0) await wait(reviewMs);
        return { allowed: true, reason: 'allowed by the bench' };
      },
    }),
  ]);
  issuer.publish([key.jwk]);
  return {
    issuerUrl: issuer.url,
    issuerCertificateAuthority: issuer.certificateAuthority,
    api,
    issue: (user) => {
      const now = Math.floor(Date.now() / 1000);
      return signToken(key, {
        iss: issuer.url,
        aud: AUDIENCE,
        sub: user,
        groups: ['sre', 'monitoring', 'developers'],
        iat: now,
        exp: now + 86_400,
      });
    },
    stop: async () => {
      await Promise.all([issuer.close(), api.close()]);
    },
  };
}
