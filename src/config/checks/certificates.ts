// Checks PEM certificates and keys when the configuration is read, so that a mistake is a message at the start and not
// a failed handshake later: syntax, validity, key length, and that key and certificate belong together.

import type { KeyObject } from 'node:crypto';
import { X509Certificate, createPrivateKey } from 'node:crypto';

export interface Verdict {
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;
const PRIVATE_KEY = /-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----/;
const MIN_RSA_BITS = 2048;
const DAY_MS = 86_400_000;
/** A certificate with less time left is a warning. */
const SOON_MS = 14 * DAY_MS;

/** A bundle of authorities that peers must chain to. `now` in milliseconds since the epoch. */
export function checkAuthorities(pem: string, now: number): Verdict {
  const certificates = parseCertificates(pem);
  if (typeof certificates === 'string') return { problems: [certificates], warnings: [] };
  const warnings: string[] = [];
  const problems = certificates.flatMap((certificate) =>
    checkKeyLength(certificate.publicKey, 'the certificate'),
  );
  const valid = certificates.filter((certificate) => isValid(certificate, now));
  if (valid.length === 0) problems.push('no certificate in it is valid now');
  else if (valid.length < certificates.length) warnings.push('a certificate in it is not valid now');
  if (certificates.some((certificate) => !certificate.ca)) {
    warnings.push('a certificate in it is not that of an authority (CA:TRUE is missing)');
  }
  if (PRIVATE_KEY.test(pem)) warnings.push('it also holds a private key, which is not needed here');
  return { problems, warnings };
}

/** A certificate chain and its key, as a TLS server or client shows them. */
export function checkPair(certificatePem: string, keyPem: string, now: number): Verdict {
  const certificates = parseCertificates(certificatePem);
  if (typeof certificates === 'string') return { problems: [certificates], warnings: [] };
  const key = parseKey(keyPem);
  if (typeof key === 'string') return { problems: [key], warnings: [] };
  const [leaf] = certificates;
  const problems: string[] = [];
  if (leaf === undefined) return { problems: ['there is no certificate in it'], warnings: [] };
  if (!leaf.checkPrivateKey(key)) problems.push('the private key does not belong to the certificate');
  problems.push(...checkKeyLength(leaf.publicKey, 'the certificate'));
  const warnings: string[] = [];
  const from = leaf.validFromDate.getTime();
  const to = leaf.validToDate.getTime();
  if (to <= now) problems.push(`the certificate expired at ${leaf.validToDate.toISOString()}`);
  else if (from > now)
    warnings.push(`the certificate is not valid before ${leaf.validFromDate.toISOString()}`);
  else if (to - now < SOON_MS) warnings.push(`the certificate expires at ${leaf.validToDate.toISOString()}`);
  return { problems, warnings };
}

/** The certificates of a PEM text; words when there are none or one is broken. */
function parseCertificates(pem: string): readonly X509Certificate[] | string {
  const blocks = pem.match(CERTIFICATE);
  if (blocks === null) return 'there is no PEM certificate in it';
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch {
    return 'a PEM certificate in it cannot be read';
  }
}

function parseKey(pem: string): KeyObject | string {
  if (!PRIVATE_KEY.test(pem)) {
    return pem.includes('ENCRYPTED PRIVATE KEY')
      ? 'the private key is encrypted'
      : 'there is no PEM private key in it';
  }
  // The traditional form says so in a header instead of in its first line.
  if (pem.includes('Proc-Type: 4,ENCRYPTED') || pem.includes('BEGIN ENCRYPTED'))
    return 'the private key is encrypted';
  try {
    return createPrivateKey(pem);
  } catch {
    return 'the PEM private key cannot be read';
  }
}

const isValid = (certificate: X509Certificate, now: number): boolean =>
  certificate.validFromDate.getTime() <= now && now < certificate.validToDate.getTime();

function checkKeyLength(key: KeyObject, owner: string): string[] {
  const { modulusLength, namedCurve } = key.asymmetricKeyDetails ?? {};
  if (modulusLength !== undefined && modulusLength < MIN_RSA_BITS) {
    return [`${owner} has a key of ${modulusLength} bits, and ${MIN_RSA_BITS} are the least`];
  }
  if (namedCurve !== undefined && /1(?:12|28|60|92)|224/.test(namedCurve)) {
    return [`${owner} has a key on the curve ${namedCurve}, which is too short`];
  }
  return [];
}
