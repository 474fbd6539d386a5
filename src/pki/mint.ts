// Short-lived client certificates (RFC 5280): keys, the gateway's own signature or a request for another's (RFC 2986), and
// a look at what came of it. Promises: a subject is built from values and never from a text, a certificate serves
// clients only and is of no authority, and one that says anything else than what was asked for is an error.

import './reflect.ts';
import type { KeyObject } from 'node:crypto';
import { createHash, createPrivateKey, randomBytes, webcrypto, X509Certificate } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import type { UserKeyType } from '../core/credential-source.ts';
import { Secret } from '../core/secret.ts';
import { parseCertificate } from './certificate.ts';

/** Who a certificate is of: CN, and each O an attribute of its own (apiserver pkg/authentication/request/x509). */
export interface CertificateSubject {
  readonly commonName: string;
  readonly organizations: readonly string[];
}

export interface MintedKeys {
  readonly publicKey: webcrypto.CryptoKey;
  readonly privateKey: webcrypto.CryptoKey;
  /** PEM, PKCS #8. */
  readonly pem: Secret;
}

export interface MintingAuthority {
  /** Differs when the authority does. */
  readonly version: string;
  /** Milliseconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** PEM, leaf first, with the intermediates above it. */
  issue(subject: CertificateSubject, publicKey: webcrypto.CryptoKey, validity: Validity): Promise<string>;
}

export interface Validity {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
const SERIAL_BYTES = 16;
const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

interface SigningAlgorithm extends webcrypto.Algorithm {
  readonly namedCurve?: string;
  readonly hash?: string;
}

const P256: SigningAlgorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const ED25519: SigningAlgorithm = { name: 'Ed25519' };

const KEY_ALGORITHMS: Readonly<Record<UserKeyType, SigningAlgorithm>> = { 'P-256': P256, Ed25519: ED25519 };

/** By OpenSSL's name of the curve. */
const CURVE_ALGORITHMS: Readonly<Record<string, SigningAlgorithm>> = {
  prime256v1: P256,
  secp384r1: { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' },
  secp521r1: { name: 'ECDSA', namedCurve: 'P-521', hash: 'SHA-512' },
};

export async function generateKeys(keyType: UserKeyType): Promise<MintedKeys> {
  const keys = (await webcrypto.subtle.generateKey(KEY_ALGORITHMS[keyType], true, [
    'sign',
    'verify',
  ])) as webcrypto.CryptoKeyPair;
  const der = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  const pem = new Secret(`${x509.PemConverter.encode(der, 'PRIVATE KEY')}\n`);
  return { publicKey: keys.publicKey, privateKey: keys.privateKey, pem };
}

/** PEM of a PKCS #10 request. */
export async function createSigningRequest(
  subject: CertificateSubject,
  keys: MintedKeys,
  keyType: UserKeyType,
): Promise<string> {
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: toName(subject),
    keys: { publicKey: keys.publicKey, privateKey: keys.privateKey },
    signingAlgorithm: KEY_ALGORITHMS[keyType],
  });
  return `${request.toString('pem')}\n`;
}

/**
 * `certificate` is PEM: the authority, and after it the authorities above it if there are any. Throws an Error whose
 * message says what is wrong and quotes nothing.
 */
export function readMintingAuthority(certificate: string, key: string): MintingAuthority {
  const chain = (certificate.match(PEM_CERTIFICATE) ?? []).map((pem) => new X509Certificate(pem));
  const [own] = chain;
  if (own === undefined) throw new Error('there is no PEM certificate of an authority');
  const privateKey = readKey(key);
  if (!own.checkPrivateKey(privateKey)) throw new Error('the private key does not belong to the authority');
  const facts = parseCertificate(own.raw);
  if (!facts.authority || !facts.mayCertify) {
    throw new Error('the certificate is not that of an authority that may sign certificates');
  }
  const signingAlgorithm = toSigningAlgorithm(privateKey);
  let imported: Promise<webcrypto.CryptoKey> | undefined;
  const issuer = new x509.X509Certificate(new Uint8Array(own.raw));
  // A root is in the kubelets' bundle or nothing is: what lies between it and the leaf has to be shown.
  const above = chain.filter((link) => !link.checkIssued(link)).map((link) => link.toString());
  return {
    version: createHash('sha256').update(certificate).digest('hex'),
    notBefore: own.validFromDate.getTime(),
    notAfter: own.validToDate.getTime(),
    issue: async (subject, publicKey, validity) => {
      const signingKey = await (imported ??= importSigningKey(privateKey, signingAlgorithm));
      const leaf = await x509.X509CertificateGenerator.create({
        serialNumber: toSerialNumber(),
        subject: toName(subject),
        issuer: issuer.subjectName,
        publicKey,
        signingKey,
        signingAlgorithm,
        ...validity,
        extensions: [
          new x509.BasicConstraintsExtension(false, undefined, true),
          new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
          new x509.ExtendedKeyUsageExtension([CLIENT_AUTH]),
          await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
        ],
      });
      return [leaf.toString('pem'), ...above].map((pem) => `${pem.trim()}\n`).join('');
    },
  };
}

/**
 * Throws an Error unless the first certificate of `pem` is of exactly this subject and key, for clients and nobody else.
 * Returns when it expires, in milliseconds since the epoch.
 */
export async function checkMinted(
  pem: string,
  subject: CertificateSubject,
  publicKey: webcrypto.CryptoKey,
): Promise<number> {
  const leaf = new X509Certificate(pem.match(PEM_CERTIFICATE)?.[0] ?? '');
  const spki = Buffer.from(await webcrypto.subtle.exportKey('spki', publicKey));
  if (!leaf.publicKey.export({ type: 'spki', format: 'der' }).equals(spki)) {
    throw new Error('the certificate is of another key');
  }
  const facts = parseCertificate(leaf.raw);
  const { commonNames, organizations, attributeCount } = facts.subject;
  const isSame =
    JSON.stringify([commonNames, organizations.toSorted()]) ===
    JSON.stringify([[subject.commonName], subject.organizations.toSorted()]);
  if (!isSame || attributeCount !== 1 + subject.organizations.length) {
    throw new Error('the certificate is of another subject');
  }
  if (facts.authority) throw new Error('the certificate is that of an authority');
  if (facts.extendedKeyUsages?.join() !== CLIENT_AUTH) {
    throw new Error('the certificate is not for clients alone');
  }
  return leaf.validToDate.getTime();
}

/** OpenSSL's own words may quote what it could not read. */
function readKey(pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch {
    throw new Error('the private key of the authority cannot be read');
  }
}

/** One attribute after the other, typed: no value is ever parsed for separators, or for a leading `#`. */
function toName({ commonName, organizations }: CertificateSubject): x509.Name {
  const typed = (value: string): x509.JsonAttributeObject[] => [{ utf8String: value }];
  const parts: Record<string, x509.JsonAttributeObject[]>[] = [
    ...organizations.map((organization) => ({ O: typed(organization) })),
    { CN: typed(commonName) },
  ];
  return new x509.Name(parts);
}

/** 128 random bits, positive, and of one length whatever they are (RFC 5280 §4.1.2.2). */
function toSerialNumber(): string {
  // A leading 0x40 needs no padding and is never taken away.
  return `40${randomBytes(SERIAL_BYTES).toString('hex')}`;
}

function importSigningKey(key: KeyObject, algorithm: SigningAlgorithm): Promise<webcrypto.CryptoKey> {
  const der = key.export({ type: 'pkcs8', format: 'der' });
  return webcrypto.subtle.importKey('pkcs8', der, algorithm, false, ['sign']);
}

function toSigningAlgorithm(key: KeyObject): SigningAlgorithm {
  const curve = CURVE_ALGORITHMS[key.asymmetricKeyDetails?.namedCurve ?? ''];
  if (key.asymmetricKeyType === 'ed25519') return ED25519;
  if (key.asymmetricKeyType === 'rsa') return { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
  if (key.asymmetricKeyType === 'ec' && curve !== undefined) return curve;
  throw new Error('the key of the authority is neither Ed25519 nor RSA nor on P-256, P-384 or P-521');
}
