// The section `credentials`: what the gateway can show to kubelets, from files, or issued to it while it runs.

import { z } from 'zod';
import { USER_KEY_TYPES } from '../../core/credential-source.ts';
import { count, duration, fileName, fileNamePerNode, label, nonEmpty } from './scalars.ts';
import { distinct, someOf, strict } from './strict.ts';

const kubeconfigFile = fileName.exactOptional().describe('Kubeconfig of the API server that is asked.');
const inCluster = z
  .literal(true, { error: 'must be true, or be left out' })
  .exactOptional()
  .describe("Ask the API server of the cluster that the gateway runs in, with its pod's ServiceAccount.");

/** Of a section with `kubeconfigFile` and `inCluster`. */
const oneApiServer = (
  value: { readonly kubeconfigFile?: string; readonly inCluster?: true },
  ctx: z.RefinementCtx,
): void => {
  if ((value.kubeconfigFile === undefined) === (value.inCluster === undefined)) {
    ctx.addIssue({ code: 'custom', message: 'needs exactly one of kubeconfigFile and inCluster' });
  }
};

/** A DNS-1123 label, and a DNS-1123 subdomain. */
const SERVICE_ACCOUNT = /^([a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?)\/([a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?)$/;

const serviceAccountToken = strict({
  kubeconfigFile,
  inCluster,
  serviceAccount: z
    .string()
    .regex(SERVICE_ACCOUNT, { error: 'must be NAMESPACE/NAME of a ServiceAccount' })
    .describe('NAMESPACE/NAME of the ServiceAccount. The gateway needs the right to create its token.'),
  audiences: z
    .array(nonEmpty)
    .check(distinct('audience'))
    .prefault([])
    .describe("Audiences of the token. Empty: the API server's own, the only one that a kubelet accepts."),
  expirationSeconds: count(600, 86_400)
    .prefault(3600)
    .describe(
      'Life of a token. It is renewed when 80 % of it has passed. The API server may make it shorter.',
    ),
})
  .superRefine(oneApiServer)
  .describe(
    'A token of a ServiceAccount (TokenRequest), kept in memory. A node that has seen it could use it at other nodes, and at the API server.',
  );

const REFUSED_SIGNERS = [
  'kubernetes.io/kube-apiserver-client-kubelet',
  'kubernetes.io/kubelet-serving',
  'kubernetes.io/legacy-unknown',
];

const certificateSigningRequest = strict({
  kubeconfigFile,
  inCluster,
  signerName: z
    .string()
    .regex(/^[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?\/[-A-Za-z0-9_.]+$/, {
      error: 'must be the name of a signer: DOMAIN/NAME',
    })
    .refine((name) => !REFUSED_SIGNERS.includes(name), { error: 'signs no certificates of users' })
    .prefault('kubernetes.io/kube-apiserver-client')
    .describe('Who signs. The kubelets must trust its authority for clients.'),
  approval: z
    .enum(['gateway', 'wait'])
    .describe(
      'gateway: the gateway approves its own requests; whoever holds that right can make themselves anybody at the API server. wait: another approver does. There is no default.',
    ),
  timeout: duration('1s', '5m')
    .prefault('30s')
    .describe('For a certificate, approval included. Longer than that no request waits for it.'),
})
  .superRefine(oneApiServer)
  .describe('Certificates are asked of an API server (CertificateSigningRequest). Lifetime at least 10m.');

const MIN_REQUESTED_MS = 600_000;

const userCertificate = strict({
  authority: strict({
    certificateFile: fileName.describe(
      "PEM file of an authority that only kubelets trust: in their clientCAFile, never in the API server's. Authorities above it may follow.",
    ),
    privateKeyFile: fileName.describe('PEM file of its private key, not encrypted.'),
  })
    .exactOptional()
    .describe('The gateway signs certificates itself. The files are read again when they change.'),
  certificateSigningRequest: certificateSigningRequest.exactOptional(),
  issuers: z
    .array(nonEmpty)
    .check(distinct('issuer'))
    .prefault([])
    .describe('Issuers of JWTs, of the AuthenticationConfiguration, whose users get certificates.'),
  clientCertificateUsers: z
    .boolean()
    .prefault(false)
    .describe('Whether users who sign in with a client certificate get one.'),
  reviewedTokenUsers: z
    .boolean()
    .prefault(false)
    .describe("Whether users whom an API server's TokenReview names get one."),
  lifetime: duration('1m', '24h')
    .prefault('15m')
    .describe('Of a certificate. It is renewed when 80 % of it has passed, and kept in memory only.'),
  keyType: z.enum(USER_KEY_TYPES).prefault('P-256').describe('Kind of the key of a certificate.'),
})
  .superRefine((value, ctx) => {
    const { authority, certificateSigningRequest: request, lifetime } = value;
    if ((authority === undefined) === (request === undefined)) {
      const message = 'needs exactly one of authority and certificateSigningRequest';
      ctx.addIssue({ code: 'custom', message });
    }
    if (request !== undefined && lifetime < MIN_REQUESTED_MS) {
      const message = 'must be at least 10m with a certificateSigningRequest';
      ctx.addIssue({ code: 'custom', path: ['lifetime'], message });
    }
    if (value.issuers.length === 0 && !value.clientCertificateUsers && !value.reviewedTokenUsers) {
      const message =
        'lists nobody: needs issuers, clientCertificateUsers or reviewedTokenUsers, or no certificate is ever made';
      ctx.addIssue({ code: 'custom', path: ['issuers'], message });
    }
  })
  .describe(
    "A short-lived client certificate for each user, which says the user's own name and groups. It serves what rights on nodes allow, and no rights on pods.",
  );

const CREDENTIAL_WORDS =
  'needs exactly one of: certificateFile with privateKeyFile, bearerTokenFile, serviceAccountToken, userCertificate';

export const credentials = someOf(
  strict({
    name: label.describe('Name of the credential, for mappings and the audit log.'),
    certificateFile: fileNamePerNode
      .exactOptional()
      .describe("PEM file of a client certificate. {node} stands for the node's name."),
    privateKeyFile: fileNamePerNode
      .exactOptional()
      .describe('PEM file of its private key. {node} may stand in it.'),
    bearerTokenFile: fileNamePerNode
      .exactOptional()
      .describe(
        'File of a bearer token, instead of a certificate. A node that has seen it could use it at other nodes.',
      ),
    serviceAccountToken: serviceAccountToken.exactOptional(),
    userCertificate: userCertificate.exactOptional(),
  }).transform((value, ctx) => {
    const { name, certificateFile, privateKeyFile, bearerTokenFile } = value;
    const given = Object.keys(value).filter((key) => key !== 'name');
    const isOnly = (...keys: readonly string[]): boolean =>
      given.length === keys.length && keys.every((key) => given.includes(key));
    if (bearerTokenFile !== undefined && isOnly('bearerTokenFile')) {
      return { kind: 'bearerToken' as const, name, bearerTokenFile };
    }
    if (
      certificateFile !== undefined &&
      privateKeyFile !== undefined &&
      isOnly('certificateFile', 'privateKeyFile')
    ) {
      return { kind: 'certificate' as const, name, certificateFile, privateKeyFile };
    }
    if (value.serviceAccountToken !== undefined && isOnly('serviceAccountToken')) {
      return { kind: 'serviceAccountToken' as const, name, serviceAccountToken: value.serviceAccountToken };
    }
    if (value.userCertificate !== undefined && isOnly('userCertificate')) {
      return { kind: 'userCertificate' as const, name, userCertificate: value.userCertificate };
    }
    ctx.addIssue({ code: 'custom', message: CREDENTIAL_WORDS });
    return z.NEVER;
  }),
  'credential',
).describe(
  'What the gateway can show to kubelets (docs/credentials.md). Files are read again when they change.',
);

export type CredentialSection = z.output<typeof credentials>[number];
