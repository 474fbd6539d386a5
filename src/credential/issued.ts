// The credentials of the configuration that are issued while the gateway runs: tokens of ServiceAccounts, and certificates
// for each user. What was issued outlives a reload, in the Renewal that is handed in; who issues it does not.

import { readFileSync } from 'node:fs';
import type {
  CredentialSource,
  FileCredentialSource,
  ServiceAccountTokenSource,
  UserCertificateSource,
} from '../core/credential-source.ts';
import type { KubeConnection } from '../core/kube-connection.ts';
import type { KubeletCredential } from '../core/node.ts';
import type { Clock, Log } from '../core/ports.ts';
import type { Authentication } from '../core/user.ts';
import type { IssuingClient } from '../kube/issuing-client.ts';
import type { Issuing, Renewal } from './renewal.ts';
import type { UserCertificateSigner } from './user-certificate.ts';
import { Fault } from '../core/fault.ts';
import { toConnectionKey } from '../kube/agent.ts';
import { createIssuingClient } from '../kube/issuing-client.ts';
import { readMintingAuthority } from '../pki/mint.ts';
import { createKeptFiles } from './kept-files.ts';
import { toTokenIssuing } from './service-account-token.ts';
import { toCertificateIssuing } from './user-certificate.ts';
import { toUserSubject } from './user-subject.ts';

export type IssuedSource = ServiceAccountTokenSource | UserCertificateSource;

export interface IssuedCredentials {
  readonly names: ReadonlySet<string>;
  /** Whether it says the user's own name to the kubelet, which therefore asks for the user's own rights on the node. */
  isPersonal(name: string): boolean;
  /**
   * Throws, or rejects with, a Fault: Forbidden when none may be made for this user, ServiceUnavailable when there is none.
   */
  get(name: string, authentication: Authentication): KubeletCredential | Promise<KubeletCredential>;
  /** Ends the connections to API servers, at once. */
  close(): void;
}

export interface IssuedDependencies {
  readonly clock: Clock;
  readonly log: Log;
  readonly renewal: Renewal;
  /** Told whether the authority's files are usable, and whether the last attempt to issue was, for a gauge. */
  readonly onState?: (credential: string, part: 'authority' | 'issuing', usable: boolean) => void;
}

/** How often the files of an authority are looked at, at most. */
const CHECK_INTERVAL_MS = 5000;

export const isFileSource = (source: CredentialSource): source is FileCredentialSource =>
  source.kind === 'certificate' || source.kind === 'bearerToken';

export const isIssuedSource = (source: CredentialSource): source is IssuedSource => !isFileSource(source);

/** Throws a TypeError when an API server cannot be asked. */
export function createIssuedCredentials(
  dependencies: IssuedDependencies,
  sources: readonly IssuedSource[],
): IssuedCredentials {
  const { clock, renewal, onState } = dependencies;
  const clients = new Map<string, IssuingClient>();
  const clientOf = (connection: KubeConnection): IssuingClient => {
    const key = toConnectionKey(connection);
    const client = clients.get(key) ?? createIssuingClient({ clock }, connection);
    clients.set(key, client);
    return client;
  };
  const issuers = new Map<string, (authentication: Authentication) => Issuing>();
  for (const source of sources) {
    issuers.set(
      source.name,
      source.kind === 'serviceAccountToken'
        ? toTokenIssuer(clock, clientOf, source)
        : toCertificateIssuer(dependencies, clientOf, source),
    );
  }
  const personal = new Set(sources.filter(({ kind }) => kind === 'userCertificate').map(({ name }) => name));
  return {
    names: new Set(issuers.keys()),
    isPersonal: (name) => personal.has(name),
    get: (name, authentication) => {
      const issuer = issuers.get(name);
      if (issuer === undefined) throw unusable(new TypeError(`no credential ${JSON.stringify(name)}`));
      const onAttempt = (isSuccess: boolean): void => onState?.(name, 'issuing', isSuccess);
      return renewal.get({ ...issuer(authentication), onAttempt });
    },
    close: () => {
      for (const client of clients.values()) client.close();
    },
  };
}

function toTokenIssuer(
  clock: Clock,
  clientOf: (connection: KubeConnection) => IssuingClient,
  source: ServiceAccountTokenSource,
): () => Issuing {
  const client = clientOf(source.connection);
  const requestToken: IssuingClient['requestToken'] = (spec, signal) => client.requestToken(spec, signal);
  const issuing = toTokenIssuing({ clock, requestToken }, source);
  return () => issuing;
}

function toCertificateIssuer(
  dependencies: IssuedDependencies,
  clientOf: (connection: KubeConnection) => IssuingClient,
  source: UserCertificateSource,
): (authentication: Authentication) => Issuing {
  const signer = toSigner(dependencies, clientOf, source);
  return (authentication) => {
    const subject = toUserSubject(source, authentication);
    return toCertificateIssuing({ clock: dependencies.clock, signer: signer() }, source, subject);
  };
}

function toSigner(
  { clock, log, onState }: IssuedDependencies,
  clientOf: (connection: KubeConnection) => IssuingClient,
  { name, issuedBy }: UserCertificateSource,
): () => UserCertificateSigner {
  if (issuedBy.kind === 'certificateSigningRequest') {
    const { connection, signerName, approve, timeoutMs } = issuedBy;
    const client = clientOf(connection);
    const signer: UserCertificateSigner = {
      kind: 'certificateSigningRequest',
      version: JSON.stringify([connection.server, signerName]),
      signerName,
      timeoutMs,
      request: (spec, signal) => client.requestCertificate(spec, approve, signal),
    };
    return () => signer;
  }
  const { certificateFile, privateKeyFile } = issuedBy;
  const files = createKeptFiles(
    { clock, log, onState: (usable) => onState?.(name, 'authority', usable) },
    {
      files: [certificateFile, privateKeyFile],
      read: () =>
        readMintingAuthority(readFileSync(certificateFile, 'utf8'), readFileSync(privateKeyFile, 'utf8')),
      identify: ({ version }) => version,
      fields: { credential: name },
    },
  );
  // Now, so that what is wrong is in the log when the configuration is put in force.
  files.current(CHECK_INTERVAL_MS);
  return () => {
    const authority = files.current(CHECK_INTERVAL_MS);
    if (authority === undefined) throw unusable(files.problem());
    return { kind: 'authority', authority };
  };
}

const unusable = (cause: unknown): Fault =>
  new Fault('ServiceUnavailable', 'no usable credential for this node', { cause });
