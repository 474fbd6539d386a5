// The parts of GatewayConfiguration that are about who may come in and what they may do.

import { z } from 'zod';
import { JWT_ALGORITHMS } from '../../core/configuration.ts';
import { count, duration, fileName, nonEmpty } from './scalars.ts';
import { distinct, someOf, strict } from './strict.ts';

const jwt = strict({
  algorithms: someOf(z.enum(JWT_ALGORITHMS), 'algorithm')
    .check(distinct('algorithm'))
    .prefault(['RS256', 'ES256'])
    .describe('Signature algorithms that are accepted.'),
  clockSkew: duration('0s', '5m')
    .prefault('30s')
    .describe('How far the clocks of issuer and gateway may be apart.'),
  jwksMaxAge: duration('10s', '24h')
    .prefault('10m')
    .describe("How long an issuer's keys are used before they are fetched again."),
  jwksCooldown: duration('1s', '1h')
    .prefault('30s')
    .describe('The least time between two fetches of keys, however many unknown key ids are presented.'),
  jwksMaxStale: duration('0s', '7d')
    .prefault('1h')
    .describe('How long known keys are kept when the issuer cannot be reached.'),
  allowSystemNames: z
    .boolean()
    .prefault(false)
    .describe('Accept users and groups that start with "system:" from a JWT issuer.'),
})
  .prefault({})
  .describe('How tokens are verified.');

const exactlyOneServer = (
  value: { readonly kubeconfigFile?: string; readonly inCluster?: true },
  ctx: z.RefinementCtx,
): void => {
  if ((value.kubeconfigFile === undefined) === (value.inCluster === undefined)) {
    ctx.addIssue({ code: 'custom', message: 'needs exactly one of kubeconfigFile and inCluster' });
  }
};

const tokenReview = strict({
  kubeconfigFile: fileName.exactOptional().describe('Kubeconfig of the API server that is asked.'),
  inCluster: z
    .literal(true, { error: 'must be true, or be left out' })
    .exactOptional()
    .describe("Ask the API server of the cluster that the gateway runs in, with its pod's ServiceAccount."),
  audiences: someOf(nonEmpty, 'audience')
    .check(distinct('audience'))
    .describe(
      "A token must be for one of them. Use one of the gateway's own, so that a token for the gateway is good for nothing else.",
    ),
  authenticatedTTL: duration('0s', '10m')
    .prefault('2m')
    .describe("How long an accepted token is remembered, never past the token's own exp."),
  unauthenticatedTTL: duration('0s', '10m')
    .prefault('30s')
    .describe('How long a token that was not accepted is remembered.'),
  maxEntries: count(1, 1_000_000).prefault(8192).describe('How many tokens of each kind are remembered.'),
  timeout: duration('100ms', '1m').prefault('10s').describe('How long one question may take.'),
  maxInFlight: count(1, 10_000)
    .prefault(100)
    .describe('How many questions may wait for an answer at the same time. More are answered 429.'),
  maxInFlightPerSource: count(1, 10_000).prefault(20).describe('The same for one client address.'),
})
  .superRefine(exactlyOneServer)
  .describe(
    'Tokens that no issuer of configurationFile has issued are checked by TokenReview: those of ServiceAccounts, and opaque ones.',
  );

export const authentication = strict({
  configurationFile: fileName
    .exactOptional()
    .describe("Kubernetes' AuthenticationConfiguration (apiserver.config.k8s.io/v1) with the JWT issuers."),
  clientCAFile: fileName
    .exactOptional()
    .describe('PEM bundle that client certificates must chain to. Without it there are no X.509 users.'),
  clientCRLFile: fileName
    .exactOptional()
    .describe(
      'Revocation lists, PEM or DER. Each must be signed by an authority of clientCAFile; once nextUpdate has passed, certificates of that authority are refused.',
    ),
  maxClientCertificateLifetime: duration('1m', '36500d')
    .exactOptional()
    .describe(
      'Client certificates that are valid for longer than this in all are refused: a rule instead of revocation lists.',
    ),
  jwt,
  tokenCache: strict({
    ttl: duration('0s', '1m')
      .prefault('60s')
      .describe('How long a verified token is remembered, never past its exp.'),
    maxEntries: count(1, 1_000_000).prefault(10_000).describe('How many tokens are remembered.'),
  })
    .prefault({})
    .describe('Verified tokens of the issuers, kept by their digest.'),
  tokenReview: tokenReview.exactOptional(),
})
  .superRefine((value, ctx) => {
    if (value.clientCAFile !== undefined) return;
    for (const key of ['clientCRLFile', 'maxClientCertificateLifetime'] as const) {
      if (value[key] === undefined) continue;
      ctx.addIssue({
        code: 'custom',
        path: [key],
        message: 'is about client certificates: it needs clientCAFile',
      });
    }
  })
  .describe('Who may come in. At least one of configurationFile, clientCAFile and tokenReview is needed.');

const subjectAccessReview = strict({
  kubeconfigFile: fileName.exactOptional().describe('Kubeconfig of the API server that is asked.'),
  inCluster: z
    .literal(true, { error: 'must be true, or be left out' })
    .exactOptional()
    .describe("Ask the API server of the cluster that the gateway runs in, with its pod's ServiceAccount."),
  authorizedTTL: duration('0s', '24h').prefault('5m').describe('How long an allowed answer is remembered.'),
  unauthorizedTTL: duration('0s', '1h').prefault('30s').describe('How long a denied answer is remembered.'),
  watch: z
    .boolean()
    .prefault(true)
    .describe(
      'Follow roles and bindings, and forget the answers about those whom a change may concern. Needs list and watch on them. Rights from elsewhere (webhooks, ABAC) are not followed: the TTLs are their bound.',
    ),
  authorizedTTLWithoutWatch: duration('0s', '1h')
    .prefault('10s')
    .describe(
      'With watch: how long an allowed answer is remembered while roles and bindings cannot be followed.',
    ),
  watchGrace: duration('0s', '5m')
    .prefault('5s')
    .describe('How long they may not be followed before that is so.'),
  staleAllow: strict({
    maxAge: duration('1s', '24h').describe('Age up to which they count.'),
  })
    .exactOptional()
    .describe(
      'While the API server is away, remembered answers count beyond their TTL, and the audit event says so. A right that is revoked in that time is not noticed. Absent: whoever would have to be asked about is refused.',
    ),
  maxEntries: count(1, 10_000_000)
    .prefault(100_000)
    .describe(
      'How many answers of each kind are remembered. About 10 for each user, and half a kilobyte each.',
    ),
  timeout: duration('100ms', '1m').prefault('10s').describe('How long one question may take.'),
  maxInFlightPerUser: count(1, 10_000)
    .prefault(50)
    .describe(
      'How many questions about one user may wait for an answer at the same time. As many again, 8 at most, are for what runs already.',
    ),
})
  .superRefine(exactlyOneServer)
  .describe('Questions to a Kubernetes API server. For mode SubjectAccessReview.');

export const authorization = strict({
  mode: z
    .enum(['SubjectAccessReview', 'RBAC'])
    .describe('Who decides: a Kubernetes API server, or RBAC manifests.'),
  podSubresources: z
    .enum(['enabled', 'disabled'], {
      error: (issue) =>
        issue.input === undefined
          ? 'must be set explicitly, to enabled or disabled: enabled lets rights on pods/exec and the like count'
          : undefined,
    })
    .describe(
      'Whether create on pods/exec, pods/attach and pods/portforward and get on pods/log count as alternatives to the rights on nodes that a kubelet asks for. There is no default. Admission webhooks for CONNECT do not run on this path.',
    ),
  subjectAccessReview: subjectAccessReview.exactOptional(),
  rbac: strict({
    manifestFiles: someOf(fileName, 'manifest file')
      .check(distinct('file'))
      .describe('YAML files with ClusterRoles, Roles and their bindings.'),
  })
    .exactOptional()
    .describe('Manifests. For mode RBAC.'),
})
  .superRefine((value, ctx) => {
    const needed = value.mode === 'RBAC' ? 'rbac' : 'subjectAccessReview';
    if (value[needed] === undefined) {
      ctx.addIssue({ code: 'custom', path: [needed], message: `is required in mode ${value.mode}` });
    }
  })
  .describe('What they may do.');
