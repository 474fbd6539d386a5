// Verifies that a presented client certificate was issued under given certificate authorities (RFC 5280 §6, less what
// clients do not need: policies and name constraints are refused, never ignored). Time is not looked at here: the
// result says in which time it holds, because it is kept for as long as the connection lives.
//
// Walked from the authorities downwards, so that nothing but a signature check is spent on a certificate that no
// trusted key has signed.

import { X509Certificate } from 'node:crypto';
import type { PresentedCertificate } from '../core/exchange.ts';
import { parseCertificate } from './certificate.ts';
import type { CertificateFacts } from './certificate.ts';
import { toSerialNumber } from './revocation.ts';

/** In which time a chain holds: from the latest notBefore to the earliest notAfter, milliseconds since the epoch. */
export interface Validity {
  readonly notBefore: number;
  readonly notAfter: number;
}

/** A certificate of a chain, as its issuer's revocation list knows it. */
export interface Link {
  /** SHA-256 fingerprint of the issuer. */
  readonly issuer: string;
  readonly serialNumber: bigint;
}

/** A way from the certificate to an authority: when it holds, and the certificates on it but for the authority. */
export interface Way extends Validity {
  readonly links: readonly Link[];
}

export type ChainResult =
  | {
      readonly kind: 'trusted';
      readonly facts: CertificateFacts;
      /** The certificate's own. */
      readonly validity: Validity;
      readonly ways: readonly [Way, ...Way[]];
    }
  /** `message` completes "the client certificate …". */
  | { readonly kind: 'refused'; readonly message: string };

interface Issuer extends Way {
  readonly certificate: X509Certificate;
  readonly depth: number;
  /** How many intermediates may follow. */
  readonly pathLength: number;
}

const MAX_INTERMEDIATES = 8;
const MAX_DEPTH = 5;
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
const ANY_USAGE = '2.5.29.37.0';
const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

// ECDSA, RSA PKCS #1 v1.5 with SHA-256, -384, -512, and Ed25519. Not SHA-1, not MD5; RSA-PSS hides its hash in the
// parameters, where the default is SHA-1, and is left out until somebody has such a CA.
const SIGNATURES = new Set([
  '1.2.840.10045.4.3.2',
  '1.2.840.10045.4.3.3',
  '1.2.840.10045.4.3.4',
  '1.2.840.113549.1.1.11',
  '1.2.840.113549.1.1.12',
  '1.2.840.113549.1.1.13',
  '1.3.101.112',
]);
const MIN_RSA_BITS = 2048;

/**
 * `authorities` is PEM with one or more certificates; throws an Error when there is none or one of them cannot issue.
 * The verifier never throws.
 */
export function createChainVerifier(authorities: string): (presented: PresentedCertificate) => ChainResult {
  const anchors = (authorities.match(PEM_CERTIFICATE) ?? []).map((pem) => toAnchor(new X509Certificate(pem)));
  if (anchors.length === 0) throw new Error('the client CA bundle holds no certificate');
  return (presented) => {
    try {
      return verify(anchors, presented);
    } catch {
      return { kind: 'refused', message: 'cannot be read' };
    }
  };
}

function verify(anchors: readonly Issuer[], presented: PresentedCertificate): ChainResult {
  if (presented.intermediates.length > MAX_INTERMEDIATES) {
    return { kind: 'refused', message: `comes with more than ${MAX_INTERMEDIATES} others` };
  }
  const leaf = new X509Certificate(presented.leaf);
  if (anchors.some((anchor) => anchor.certificate.fingerprint256 === leaf.fingerprint256)) {
    return { kind: 'refused', message: 'is that of the certificate authority itself' };
  }
  const { issuers, problem } = findIssuers(
    anchors,
    presented.intermediates.map((der) => new X509Certificate(der)),
  );
  const [first, ...others] = issuers
    .filter((issuer) => isSignedBy(leaf, issuer.certificate))
    .map((issuer) => extend(issuer, leaf));
  if (first === undefined) {
    return { kind: 'refused', message: problem ?? 'was not issued by an accepted certificate authority' };
  }
  const facts = parseCertificate(leaf.raw);
  const weakness = signatureProblem(leaf) ?? usageProblem(facts);
  if (weakness !== undefined) return { kind: 'refused', message: weakness };
  return { kind: 'trusted', facts, validity: validityOf(leaf), ways: [first, ...others] };
}

/** The authorities and every presented intermediate that may issue under them, with what forbade the first other. */
function findIssuers(
  anchors: readonly Issuer[],
  intermediates: readonly X509Certificate[],
): { issuers: readonly Issuer[]; problem: string | undefined } {
  const issuers: Issuer[] = [...anchors];
  let problem: string | undefined;
  // An intermediate that two authorities signed is two issuers; each is walked once, at most MAX_DEPTH below its root.
  for (let i = 0; i < issuers.length && i < 64; i++) {
    const parent = issuers[i];
    if (parent === undefined || parent.depth === MAX_DEPTH) continue;
    for (const certificate of intermediates) {
      if (certificate.fingerprint256 === parent.certificate.fingerprint256) continue;
      if (!isSignedBy(certificate, parent.certificate)) continue;
      const facts = parseCertificate(certificate.raw);
      const forbidden =
        parent.pathLength === 0
          ? 'comes with a longer chain than an authority of it allows'
          : (signatureProblem(certificate) ?? authorityProblem(facts) ?? usageProblem(facts));
      if (forbidden !== undefined) {
        problem ??= forbidden;
        continue;
      }
      issuers.push({
        certificate,
        depth: parent.depth + 1,
        pathLength: Math.min(parent.pathLength - 1, facts.pathLength ?? Infinity),
        ...extend(parent, certificate),
      });
    }
  }
  return { issuers, problem };
}

function toAnchor(certificate: X509Certificate): Issuer {
  const facts = parseCertificate(certificate.raw);
  // Its own signature is not looked at: it is trusted because the configuration names it.
  const problem = keyProblem(certificate) ?? authorityProblem(facts) ?? usageProblem(facts);
  if (problem !== undefined) throw new Error(`a certificate of the client CA bundle ${problem}`);
  return {
    certificate,
    depth: 0,
    pathLength: facts.pathLength ?? Infinity,
    links: [],
    ...validityOf(certificate),
  };
}

/** OpenSSL compares names and key identifiers, and the algorithm inside the signed part with the one outside. */
const isSignedBy = (certificate: X509Certificate, issuer: X509Certificate): boolean =>
  certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);

const validityOf = (certificate: X509Certificate): Validity => ({
  notBefore: Date.parse(certificate.validFrom),
  notAfter: Date.parse(certificate.validTo),
});

/** The way to the issuer, with one step more. */
function extend(issuer: Issuer, certificate: X509Certificate): Way {
  const { notBefore, notAfter } = validityOf(certificate);
  const link = {
    issuer: issuer.certificate.fingerprint256,
    serialNumber: toSerialNumber(certificate.serialNumber),
  };
  return {
    notBefore: Math.max(issuer.notBefore, notBefore),
    notAfter: Math.min(issuer.notAfter, notAfter),
    links: [...issuer.links, link],
  };
}

const signatureProblem = (certificate: X509Certificate): string | undefined =>
  SIGNATURES.has(certificate.signatureAlgorithmOid)
    ? keyProblem(certificate)
    : 'is signed with an algorithm that is not accepted';

function keyProblem({ publicKey }: X509Certificate): string | undefined {
  const { modulusLength } = publicKey.asymmetricKeyDetails ?? {};
  return modulusLength !== undefined && modulusLength < MIN_RSA_BITS
    ? `has an RSA key of fewer than ${MIN_RSA_BITS} bits`
    : undefined;
}

function authorityProblem(facts: CertificateFacts): string | undefined {
  if (!facts.authority) return 'was issued by a certificate that is no certificate authority';
  return facts.mayCertify ? undefined : 'was issued by a key that may not sign certificates';
}

/** An absent extension allows any usage, as in Go's crypto/x509 and so in Kubernetes. */
function usageProblem(facts: CertificateFacts): string | undefined {
  if (facts.unsupportedExtensions.length > 0) {
    return `has an extension that is not supported (${facts.unsupportedExtensions.join(', ')})`;
  }
  const usages = facts.extendedKeyUsages;
  return usages === undefined || usages.includes(CLIENT_AUTH) || usages.includes(ANY_USAGE)
    ? undefined
    : 'is not for client authentication';
}
