// Checks of the credentials that are issued while the gateway runs: that the users they are for can sign in, and what in a
// set-up that works is less safe than it looks. Whoever holds a minting authority is anybody to whatever trusts it.

import { X509Certificate } from 'node:crypto';
import type { GatewayConfiguration } from '../../core/configuration.ts';
import type { ServiceAccountTokenSource, UserCertificateSource } from '../../core/credential-source.ts';
import type { KubeConnection } from '../../core/kube-connection.ts';
import type { Path } from '../problem.ts';
import type { Reading } from '../reading.ts';
import type { Sections } from '../schema/gateway.ts';
import { readMintingAuthority } from '../../pki/mint.ts';
import { checkPair } from './certificates.ts';
import { createFileReader, resolveFile } from '../files.ts';
import type { Files } from '../files.ts';
import { toSuggestion } from '../nearest.ts';

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

export function checkMinting(configuration: GatewayConfiguration, reading: Reading): void {
  configuration.credentials.forEach((source, index) => {
    if (source.kind === 'serviceAccountToken') checkToken(source, reading, ['credentials', index]);
    if (source.kind === 'userCertificate') {
      const path = ['credentials', index, 'userCertificate'];
      checkUsers(source, configuration, reading, path);
      checkApproval(source, reading, path);
    }
  });
}

function checkToken(
  source: ServiceAccountTokenSource,
  { findings, source: place }: Reading,
  path: Path,
): void {
  const at = [...path, 'serviceAccountToken'];
  findings.warning(
    place,
    at,
    'every node that this token is shown to could use it at the other nodes and at the API server until it expires: give the ServiceAccount no other rights than those on nodes, or prefer certificates',
  );
  if (source.audiences.length === 0) return;
  const message =
    "a kubelet accepts tokens of the API server's own audience only: leave audiences out unless yours are those";
  findings.warning(place, [...at, 'audiences'], message);
}

/** Users who cannot sign in would have no certificate, and a misspelt issuer would say so to every one of its users. */
function checkUsers(
  { issuers, clientCertificateUsers, reviewedTokenUsers }: UserCertificateSource,
  { authentication }: GatewayConfiguration,
  { findings, source: place }: Reading,
  path: Path,
): void {
  const known = authentication.issuers.jwt.map(({ issuer }) => issuer.url);
  issuers.forEach((issuer, index) => {
    if (known.includes(issuer)) return;
    const message = `there is no issuer of this URL in authentication.configurationFile${toSuggestion(issuer, known)}`;
    findings.problem(place, [...path, 'issuers', index], message);
  });
  if (clientCertificateUsers && authentication.clientCertificateAuthority === undefined) {
    findings.problem(place, [...path, 'clientCertificateUsers'], 'needs authentication.clientCAFile');
  }
  if (reviewedTokenUsers && authentication.tokenReview === undefined) {
    findings.problem(place, [...path, 'reviewedTokenUsers'], 'needs authentication.tokenReview');
  }
}

function checkApproval(
  { issuedBy }: UserCertificateSource,
  { findings, source: place }: Reading,
  path: Path,
): void {
  if (issuedBy.kind !== 'certificateSigningRequest') return;
  findings.warning(
    place,
    [...path, 'certificateSigningRequest'],
    issuedBy.approve
      ? 'whoever takes over this gateway can make certificates for anybody at the API server (system:masters excepted), and none of them can be revoked; an authority that only kubelets trust is safer'
      : "certificates of this signer are good at the API server too: whoever sees a user's could use it there; an authority that only kubelets trust is safer",
  );
}

/** The files of the authorities that the gateway signs with, for check-config. `configuration`: if it could be read. */
export async function checkMintingFiles(
  sections: Sections,
  configuration: GatewayConfiguration | undefined,
  reading: Reading,
  files: Files,
): Promise<void> {
  // A reader of its own: these files are not part of the configuration, and changing them reloads nothing.
  const reader = createFileReader(files, reading.findings);
  const { findings, source: place, folder, now } = reading;
  for (const [index, credential] of (sections.credentials ?? []).entries()) {
    if (credential.kind !== 'userCertificate' || credential.userCertificate.authority === undefined) continue;
    const { authority } = credential.userCertificate;
    const path = ['credentials', index, 'userCertificate', 'authority'];
    const read = (key: 'certificateFile' | 'privateKeyFile'): Promise<string | undefined> =>
      reader.read(resolveFile(folder, authority[key]), place, [...path, key]);
    const certificate = await read('certificateFile');
    const key = await read('privateKeyFile');
    if (certificate === undefined || key === undefined) continue;
    const { problems, warnings } = checkPair(certificate, key, now);
    const unusable = problems.length > 0 ? undefined : toUnusable(certificate, key);
    for (const message of [...problems, ...(unusable ?? [])]) findings.problem(place, path, message);
    for (const message of warnings) findings.warning(place, path, message);
    if (problems.length > 0 || configuration === undefined) continue;
    for (const message of toOthersWhoTrust(certificate, configuration))
      findings.warning(place, path, message);
  }
}

function toUnusable(certificate: string, key: string): readonly string[] {
  try {
    readMintingAuthority(certificate, key);
    return [];
  } catch (error) {
    return [error instanceof Error ? error.message : 'cannot be used'];
  }
}

/** As far as it can be known from here who else believes what this authority signs. */
function toOthersWhoTrust(certificate: string, configuration: GatewayConfiguration): readonly string[] {
  const own = toFingerprints(certificate);
  const isIn = (bundle: string | undefined): boolean =>
    bundle !== undefined && toFingerprints(bundle).some((fingerprint) => own.includes(fingerprint));
  const messages: string[] = [];
  if (isIn(configuration.authentication.clientCertificateAuthority)) {
    messages.push(
      'is also in authentication.clientCAFile: certificates that are made for kubelets would sign in here; use an authority that only kubelets trust',
    );
  }
  if (toConnections(configuration).some(({ certificateAuthority }) => isIn(certificateAuthority))) {
    messages.push(
      'also signs for the API server, which as a rule trusts it for clients too: whoever holds its key is anybody there; use an authority that only kubelets trust',
    );
  }
  return messages;
}

function toConnections({
  authentication,
  authorization,
  credentials,
}: GatewayConfiguration): readonly KubeConnection[] {
  const { tokenReview } = authentication;
  return [
    ...(tokenReview === undefined ? [] : [tokenReview.connection]),
    ...(authorization.mode === 'SubjectAccessReview' ? [authorization.subjectAccessReview.connection] : []),
    ...credentials.flatMap((source) => (source.kind === 'serviceAccountToken' ? [source.connection] : [])),
  ];
}

function toFingerprints(pem: string): readonly string[] {
  return (pem.match(PEM_CERTIFICATE) ?? []).map((block) => new X509Certificate(block).fingerprint256);
}
