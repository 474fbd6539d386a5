// Short-lived client certificates that say the user's own name and groups, so that the kubelet authorizes and logs the
// person: signed by an authority in the gateway's hands that only kubelets trust, or by the API server on request.

import type { UserCertificateSource } from '../core/credential-source.ts';
import type { Clock } from '../core/ports.ts';
import type { SigningRequestSpec } from '../kube/certificate-signing-request.ts';
import type { CertificateSubject, MintedKeys, MintingAuthority } from '../pki/mint.ts';
import type { Issued, Issuing } from './renewal.ts';
import { checkMinted, createSigningRequest, generateKeys } from '../pki/mint.ts';
import { toFingerprint } from './material.ts';

/** What the gateway's and the kubelet's clocks may differ by; Kubernetes' own signers do the same. */
const BACKDATED_MS = 5 * 60_000;
const LOCAL_TIMEOUT_MS = 10_000;

/** Whoever signs. */
export type UserCertificateSigner =
  | { readonly kind: 'authority'; readonly authority: MintingAuthority }
  | {
      readonly kind: 'certificateSigningRequest';
      /** Differs when another API server or signer is asked. */
      readonly version: string;
      readonly signerName: string;
      readonly timeoutMs: number;
      /** PEM, leaf first. */
      readonly request: (spec: SigningRequestSpec, signal: AbortSignal) => Promise<string>;
    };

export function toCertificateIssuing(
  { clock, signer }: { readonly clock: Clock; readonly signer: UserCertificateSigner },
  source: Pick<UserCertificateSource, 'name' | 'lifetimeMs' | 'keyType'>,
  subject: CertificateSubject,
): Issuing {
  const { name, lifetimeMs, keyType } = source;
  const version = signer.kind === 'authority' ? signer.authority.version : signer.version;
  const { commonName, organizations } = subject;
  return {
    name,
    kind: 'certificate',
    // As JSON: no name with separators in it meets the key of another user.
    key: JSON.stringify([name, version, lifetimeMs, keyType, commonName, organizations]),
    issue: async (signal) => {
      const keys = await generateKeys(keyType);
      const issuedAt = clock.now();
      const pem =
        signer.kind === 'authority'
          ? await sign(signer.authority, source, subject, keys, issuedAt)
          : await request(signer, source, subject, keys, signal);
      return toIssued(name, subject, keys, pem, { issuedAt, lifetimeMs });
    },
    timeoutMs: signer.kind === 'authority' ? LOCAL_TIMEOUT_MS : signer.timeoutMs,
    problem: "the user's certificate for it was not issued",
    fields: { credential: name, user: commonName },
  };
}

function sign(
  authority: MintingAuthority,
  { lifetimeMs }: Pick<UserCertificateSource, 'lifetimeMs'>,
  subject: CertificateSubject,
  keys: MintedKeys,
  now: number,
): Promise<string> {
  if (now >= authority.notAfter) throw new Error('the authority has expired');
  if (now < authority.notBefore) throw new Error('the authority is not valid yet');
  // Nothing outlives its authority, or is older than it: a kubelet would not accept it.
  const notBefore = new Date(Math.max(now - BACKDATED_MS, authority.notBefore));
  const notAfter = new Date(Math.min(now + lifetimeMs, authority.notAfter));
  return authority.issue(subject, keys.publicKey, { notBefore, notAfter });
}

async function request(
  { signerName, request: send }: Extract<UserCertificateSigner, { kind: 'certificateSigningRequest' }>,
  { lifetimeMs, keyType }: Pick<UserCertificateSource, 'lifetimeMs' | 'keyType'>,
  subject: CertificateSubject,
  keys: MintedKeys,
  signal: AbortSignal,
): Promise<string> {
  const pem = await createSigningRequest(subject, keys, keyType);
  return send({ request: pem, signerName, expirationSeconds: Math.floor(lifetimeMs / 1000) }, signal);
}

/** Whoever has signed it, it must be what was asked for. */
async function toIssued(
  name: string,
  subject: CertificateSubject,
  keys: MintedKeys,
  certificate: string,
  { issuedAt, lifetimeMs }: { readonly issuedAt: number; readonly lifetimeMs: number },
): Promise<Issued> {
  const notAfter = await checkMinted(certificate, subject, keys.publicKey);
  return {
    credential: {
      name,
      fingerprint: toFingerprint('certificate', certificate),
      user: subject.commonName,
      material: { kind: 'certificate', certificate, key: keys.pem },
    },
    issuedAt,
    // A signer that gives more than was asked for does not make it longer used.
    expiresAt: Math.min(notAfter, issuedAt + lifetimeMs),
  };
}
