// The gateway's configuration as typed values, with every fixed file that it names already read and checked.
// `config/` makes it from YAML; `compose.ts` hands each part to the stage that needs it. Paths are absolute.

import type { ActionKind } from './action.ts';
import type { AuditChainSettings } from './audit-chain.ts';
import type { AuditPolicy } from './audit-policy.ts';
import type { AuthenticationConfiguration } from './authentication-configuration.ts';
import type { CredentialMapping, CredentialSource } from './credential-source.ts';
import type { KubeConnection } from './kube-connection.ts';
import type { LoginSettings } from './login.ts';
import type { NodesSettings } from './node-source.ts';
import type { RbacObjects } from './rbac.ts';
import type { RecordingSettings } from './recording.ts';
import type { SessionPolicyRule } from './session-policy.ts';
import type { StepUpRule } from './step-up.ts';
import type { Secret } from './secret.ts';

export const TLS_VERSIONS = ['VersionTLS12', 'VersionTLS13'] as const;
export type TlsVersion = (typeof TLS_VERSIONS)[number];

/** What a server shows at a TLS handshake. */
export interface ServingCertificate {
  /** PEM, leaf first. */
  readonly certificate: string;
  /** PEM, not encrypted. */
  readonly privateKey: Secret;
}

export interface ListenerConfiguration {
  readonly name: string;
  readonly address: string;
  /** 0: any free port. */
  readonly port: number;
  readonly tls: ServingCertificate & { readonly minVersion: TlsVersion };
  readonly clientCertificates: {
    /** Whether a client certificate is asked for. It is never required. */
    readonly request: boolean;
    /** SNI names, in lower case, at which none is asked for. */
    readonly exceptServerNames: readonly string[];
  };
  /** CIDRs of the peers whose `X-Forwarded-For` counts. */
  readonly trustedProxies: readonly string[];
}

export interface AdminConfiguration {
  readonly address: string;
  /** 0: any free port. */
  readonly port: number;
  /** Absent: plain HTTP, and nothing but health, and metrics where they are open. */
  readonly tls?: ServingCertificate;
  /** Whether `/metrics` is served to anybody who can reach the listener. */
  readonly openMetrics: boolean;
}

/** The JWS algorithms (RFC 7518) that Kubernetes accepts from an OIDC issuer: asymmetric ones only. */
export const JWT_ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'ES256',
  'ES384',
  'ES512',
  'PS256',
  'PS384',
  'PS512',
] as const;
export type JwtAlgorithm = (typeof JWT_ALGORITHMS)[number];

export interface AuthenticationSettings {
  /** Empty: no JWT is accepted. */
  readonly issuers: AuthenticationConfiguration;
  /** PEM bundle; absent: no X.509 users. */
  readonly clientCertificateAuthority?: string;
  /** PEM or DER, of authorities in the bundle; absent: no certificate is revoked. */
  readonly clientRevocationLists?: Uint8Array;
  /** Of a client certificate, from its notBefore to its notAfter. */
  readonly maxClientCertificateLifetimeMs?: number;
  readonly jwt: {
    readonly algorithms: readonly JwtAlgorithm[];
    readonly clockSkewMs: number;
    readonly jwksMaxAgeMs: number;
    readonly jwksCooldownMs: number;
    readonly jwksMaxStaleMs: number;
    /** Whether users and groups that start with `system:` may come from a JWT. */
    readonly allowSystemNames: boolean;
  };
  readonly tokenCache: { readonly ttlMs: number; readonly maxEntries: number };
  /** Absent: no tokens but those of the issuers. */
  readonly tokenReview?: TokenReviewSettings;
}

export interface TokenReviewSettings {
  readonly connection: KubeConnection;
  /** A token must be for one of them. */
  readonly audiences: readonly [string, ...string[]];
  readonly authenticatedTtlMs: number;
  readonly unauthenticatedTtlMs: number;
  /** Of each of the two caches. */
  readonly maxEntries: number;
  readonly timeoutMs: number;
  /** Reviews on their way. */
  readonly maxInFlight: number;
  readonly maxInFlightPerSource: number;
}

export interface SubjectAccessReviewSettings {
  readonly connection: KubeConnection;
  readonly authorizedTtlMs: number;
  readonly unauthorizedTtlMs: number;
  /** Of each of the two caches. */
  readonly maxEntries: number;
  readonly timeoutMs: number;
  readonly maxInFlightPerUser: number;
  /** Absent: changes of roles and bindings are not followed. */
  readonly watch?: {
    /** How long allowed answers are remembered while changes are not heard of. */
    readonly ttlWithoutMs: number;
    /** How long the watch may be broken before it is so. */
    readonly graceMs: number;
  };
  /** Age up to which answers stand in for an API server that is away; 0: they do not. */
  readonly staleAllowMs: number;
}

export type AuthorizationSettings = {
  /** Whether rights on `pods/exec` and the like are alternatives to the kubelet's own attributes. */
  readonly podSubresources: boolean;
} & (
  | { readonly mode: 'SubjectAccessReview'; readonly subjectAccessReview: SubjectAccessReviewSettings }
  | { readonly mode: 'RBAC'; readonly rbac: RbacObjects }
);

/** Groups of endpoints that are off unless the configuration lists them. */
export const OPTIONAL_ENDPOINTS = ['run', 'checkpoint', 'debug', 'flagz', 'statusz'] as const;
export type OptionalEndpoint = (typeof OPTIONAL_ENDPOINTS)[number];

export interface ForwardingSettings {
  readonly connectTimeoutMs: number;
  /** Until the head of the answer. */
  readonly answerTimeoutMs: number;
  /** How long an unused connection to a kubelet is kept. */
  readonly keepAliveTimeoutMs: number;
  /** Per node and credential. */
  readonly maxConnectionsPerNode: number;
  readonly runTimeoutMs: number;
  readonly checkpointTimeoutMs: number;
  readonly profileTimeoutMs: number;
}

/** Actions whose exchanges last, and have limits of their own. */
export const SESSION_ACTIONS = [
  'exec',
  'attach',
  'portForward',
  'containerLogs',
] as const satisfies readonly ActionKind[];
export type SessionAction = (typeof SESSION_ACTIONS)[number];

export interface SessionLimits {
  /** Without a byte in either direction. */
  readonly idleMs: number;
  readonly absoluteMs: number;
}

export type SessionSettings = Readonly<Record<SessionAction | 'default', SessionLimits>> & {
  /** How long a stream outlives the credential that opened it. */
  readonly credentialExpiryGraceMs: number;
};

export const AUDIT_MODES = ['blocking-strict', 'blocking', 'batch'] as const;
export type AuditMode = (typeof AUDIT_MODES)[number];

/** How the right to a running stream is asked for again. */
export interface RecheckSettings {
  readonly intervalMs: number;
  /** How long a stream goes on without an answer. */
  readonly graceMs: number;
}

export interface AuditSettings {
  readonly policy: AuditPolicy;
  readonly mode: AuditMode;
  readonly fsync: boolean;
  readonly file?: {
    readonly path: string;
    readonly maxBytes: number;
    readonly maxAgeMs: number;
    /** Rotated files that are kept. */
    readonly maxFiles: number;
  };
  /** Absent: the lines of the file are not chained. */
  readonly chain?: AuditChainSettings | undefined;
  readonly stdout: boolean;
}

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface GatewayConfiguration {
  readonly listeners: readonly ListenerConfiguration[];
  readonly admin: AdminConfiguration;
  readonly authentication: AuthenticationSettings;
  readonly authorization: AuthorizationSettings;
  readonly nodes: NodesSettings;
  readonly credentials: readonly CredentialSource[];
  readonly credentialMappings: readonly CredentialMapping[];
  readonly endpoints: { readonly enabled: readonly OptionalEndpoint[] };
  readonly forwarding: ForwardingSettings;
  readonly sessions: SessionSettings;
  readonly audit: AuditSettings;
  /** Absent: no session is recorded. */
  readonly recording?: RecordingSettings;
  /** Empty: every session that somebody has the right to is let through. */
  readonly sessionPolicy: readonly SessionPolicyRule[];
  /** Empty: any login will do. */
  readonly stepUp: readonly StepUpRule[];
  /** Absent: nobody signs in with a browser. */
  readonly login?: LoginSettings;
  readonly recheck: RecheckSettings;
  readonly shutdown: { readonly graceMs: number };
  readonly log: { readonly level: LogLevel };
}
