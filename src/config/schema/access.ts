// The parts of GatewayConfiguration that are about who may come in and what they may do.

import { z } from 'zod';
import { JWT_ALGORITHMS } from '../../core/configuration.ts';
import { count, duration, fileName } from './scalars.ts';
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

export const authentication = strict({
  configurationFile: fileName
    .exactOptional()
    .describe("Kubernetes' AuthenticationConfiguration (apiserver.config.k8s.io/v1) with the JWT issuers."),
  clientCAFile: fileName
    .exactOptional()
    .describe('PEM bundle that client certificates must chain to. Without it there are no X.509 users.'),
  jwt,
  tokenCache: strict({
    ttl: duration('0s', '1m')
      .prefault('60s')
      .describe('How long a verified token is remembered, never past its exp.'),
    maxEntries: count(1, 1_000_000).prefault(10_000).describe('How many tokens are remembered.'),
  })
    .prefault({})
    .describe('Verified tokens, kept by their digest.'),
}).describe('Who may come in. At least one of configurationFile and clientCAFile is needed.');

const subjectAccessReview = strict({
  kubeconfigFile: fileName.exactOptional().describe('Kubeconfig of the API server that is asked.'),
  inCluster: z
    .literal(true, { error: 'must be true, or be left out' })
    .exactOptional()
    .describe("Ask the API server of the cluster that the gateway runs in, with its pod's ServiceAccount."),
  authorizedTTL: duration('0s', '1h').prefault('5m').describe('How long an allowed answer is remembered.'),
  unauthorizedTTL: duration('0s', '1h').prefault('30s').describe('How long a denied answer is remembered.'),
  maxEntries: count(1, 1_000_000).prefault(8192).describe('How many answers of each kind are remembered.'),
  timeout: duration('100ms', '1m').prefault('10s').describe('How long one question may take.'),
  maxInFlightPerUser: count(1, 10_000)
    .prefault(50)
    .describe('How many questions about one user may wait for an answer at the same time.'),
})
  .superRefine((value, ctx) => {
    if ((value.kubeconfigFile === undefined) === (value.inCluster === undefined)) {
      ctx.addIssue({ code: 'custom', message: 'needs exactly one of kubeconfigFile and inCluster' });
    }
  })
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
