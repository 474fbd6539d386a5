// The credentials section as typed values, with the API servers that issue some of them. The files of certificates, tokens
// and authorities are left to `credential/`, which reads them again when they change.

import type { CredentialSource, UserCertificateSource } from '../../core/credential-source.ts';
import type { Path } from '../problem.ts';
import type { Reading } from '../reading.ts';
import type { CredentialSection } from '../schema/credentials.ts';
import { resolveFile } from '../files.ts';
import { readApiServer } from './api-server.ts';

/** Undefined when there is a problem, which has been told. */
export async function readCredentials(
  section: readonly CredentialSection[],
  reading: Reading,
): Promise<readonly CredentialSource[] | undefined> {
  const sources = await Promise.all(
    section.map((credential, index) => readCredential(credential, reading, ['credentials', index])),
  );
  const good = sources.filter((source) => source !== undefined);
  return good.length === sources.length ? good : undefined;
}

async function readCredential(
  credential: CredentialSection,
  reading: Reading,
  path: Path,
): Promise<CredentialSource | undefined> {
  const { name } = credential;
  const toFile = (file: string): string => resolveFile(reading.folder, file);
  switch (credential.kind) {
    case 'certificate':
      return {
        kind: 'certificate',
        name,
        certificateFile: toFile(credential.certificateFile),
        privateKeyFile: toFile(credential.privateKeyFile),
      };
    case 'bearerToken':
      return { kind: 'bearerToken', name, bearerTokenFile: toFile(credential.bearerTokenFile) };
    case 'serviceAccountToken': {
      const { serviceAccount, audiences, expirationSeconds, ...server } = credential.serviceAccountToken;
      const connection = await readApiServer(server, reading, [...path, 'serviceAccountToken']);
      const [namespace = '', account = ''] = serviceAccount.split('/');
      const token = { namespace, serviceAccount: account, audiences, expirationSeconds };
      return connection && { kind: 'serviceAccountToken', name, connection, ...token };
    }
    case 'userCertificate': {
      const { lifetime, keyType, issuers, clientCertificateUsers, reviewedTokenUsers } =
        credential.userCertificate;
      const issuedBy = await readIssuedBy(credential.userCertificate, reading, [...path, 'userCertificate']);
      const users = { issuers, clientCertificateUsers, reviewedTokenUsers };
      return issuedBy && { kind: 'userCertificate', name, issuedBy, lifetimeMs: lifetime, keyType, ...users };
    }
  }
}

type UserCertificateSection = Extract<CredentialSection, { kind: 'userCertificate' }>['userCertificate'];

async function readIssuedBy(
  { authority, certificateSigningRequest: request }: UserCertificateSection,
  reading: Reading,
  path: Path,
): Promise<UserCertificateSource['issuedBy'] | undefined> {
  if (authority !== undefined) {
    return {
      kind: 'authority',
      certificateFile: resolveFile(reading.folder, authority.certificateFile),
      privateKeyFile: resolveFile(reading.folder, authority.privateKeyFile),
    };
  }
  if (request === undefined) return undefined;
  const { signerName, approval, timeout, ...server } = request;
  const connection = await readApiServer(server, reading, [...path, 'certificateSigningRequest']);
  const signing = { signerName, approve: approval === 'gateway', timeoutMs: timeout };
  return connection && { kind: 'certificateSigningRequest', connection, ...signing };
}
