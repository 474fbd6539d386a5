// Makes certificate authorities and certificates (RFC 5280, ECDSA P-256 with SHA-256), for the demo and for tests.
// The gateway itself signs nothing. Keys are made fresh for every certificate and leave as unencrypted PKCS #8.

import './reflect.ts';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

export interface IssuedCertificate {
  /** PEM; what an intermediate issued is followed by the intermediates, leaf first, as TLS sends it. */
  readonly certificate: string;
  /** PEM, PKCS #8. */
  readonly key: string;
}

export type CertificateUsage = 'client' | 'server';

/** One relative distinguished name after the other, each `{ type: [values] }`, types by short name or OID. */
export type SubjectParts = readonly Readonly<Record<string, readonly SubjectValue[]>>[];

/** A string (as UTF8String), or one of a named ASN.1 type. */
export type SubjectValue =
  | string
  | { readonly utf8String: string }
  | { readonly printableString: string }
  | { readonly ia5String: string }
  | { readonly bmpString: string };

export interface LeafOptions {
  /** Absent: no CN. */
  readonly commonName?: string;
  /** Each an RDN `O=` of its own. */
  readonly organizations?: readonly string[];
  /** The whole subject, instead of the two above. */
  readonly subject?: SubjectParts;
  readonly dnsNames?: readonly string[];
  readonly ipAddresses?: readonly string[];
  /** Extended key usages; default both. An empty list: no such extension. */
  readonly usages?: readonly CertificateUsage[];
  /** Default an hour ago. */
  readonly notBefore?: Date;
  /** Default in a day. */
  readonly notAfter?: Date;
  /** Marks the certificate as a CA; for certificates that should not issue and yet try. */
  readonly authority?: boolean;
}

export interface AuthorityOptions {
  readonly notBefore?: Date;
  /** Default in a day for an intermediate, in a year for a root. */
  readonly notAfter?: Date;
  /** How many intermediates may follow; absent: any number. */
  readonly pathLength?: number;
  /** Leaves out keyCertSign. For tests of those who must notice. */
  readonly withoutCertSign?: boolean;
}

export interface Authority {
  /** PEM of this authority alone. */
  readonly certificate: string;
  /** PEM, PKCS #8. */
  readonly key: string;
  issue(options?: LeafOptions): Promise<IssuedCertificate>;
  intermediate(name: string, options?: AuthorityOptions): Promise<Authority>;
  /** PEM of a list of revoked certificates, given as PEM. */
  revoke(certificates: readonly string[], options?: RevocationOptions): Promise<string>;
}

export interface RevocationOptions {
  readonly thisUpdate?: Date;
  /** Default in a day. */
  readonly nextUpdate?: Date;
  readonly extensions?: readonly x509.Extension[];
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
/** Certificates and revocation lists. */
const EVERYTHING_SIGNED: x509.KeyUsageFlags = x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign;
const EXTENDED_USAGES = { client: '1.3.6.1.5.5.7.3.2', server: '1.3.6.1.5.5.7.3.1' } as const;

interface Signer {
  readonly certificate: x509.X509Certificate;
  readonly privateKey: webcrypto.CryptoKey;
  /** PEM of the intermediates that a peer needs to reach the root. */
  readonly chain: string;
}

/** Makes a self-signed root with `CN=name`. */
export async function createAuthority(name: string, options: AuthorityOptions = {}): Promise<Authority> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: [{ CN: [name] }],
    keys,
    signingAlgorithm: ALGORITHM,
    ...validity(options, 365 * DAY_MS),
    extensions: await authorityExtensions(keys.publicKey, options),
  });
  return toAuthority({ certificate, privateKey: keys.privateKey, chain: '' });
}

async function toAuthority(signer: Signer): Promise<Authority> {
  return {
    certificate: toPem(signer.certificate),
    key: await toKeyPem(signer.privateKey),
    issue: (options = {}) => issueLeaf(signer, options),
    revoke: (certificates, options = {}) => issueRevocationList(signer, certificates, options),
    intermediate: async (name, options = {}) => {
      const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
      const certificate = await x509.X509CertificateGenerator.create({
        subject: [{ CN: [name] }],
        issuer: signer.certificate.subjectName,
        publicKey: keys.publicKey,
        signingKey: signer.privateKey,
        signingAlgorithm: ALGORITHM,
        ...validity(options, DAY_MS),
        extensions: await authorityExtensions(keys.publicKey, options),
      });
      return toAuthority({
        certificate,
        privateKey: keys.privateKey,
        chain: toPem(certificate) + signer.chain,
      });
    },
  };
}

async function issueRevocationList(
  signer: Signer,
  certificates: readonly string[],
  { thisUpdate, nextUpdate, extensions = [] }: RevocationOptions,
): Promise<string> {
  const list = await x509.X509CrlGenerator.create({
    issuer: signer.certificate.subject,
    signingKey: signer.privateKey,
    signingAlgorithm: ALGORITHM,
    thisUpdate: thisUpdate ?? new Date(Date.now() - HOUR_MS),
    nextUpdate: nextUpdate ?? new Date(Date.now() + DAY_MS),
    extensions: [...extensions],
    entries: certificates.map((pem) => ({ serialNumber: new x509.X509Certificate(pem).serialNumber })),
  });
  return `${x509.PemConverter.encode(list.rawData, 'X509 CRL')}\n`;
}

async function issueLeaf(signer: Signer, options: LeafOptions): Promise<IssuedCertificate> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const usages = options.usages ?? ['client', 'server'];
  const alternativeNames = [
    ...(options.dnsNames ?? []).map((value) => ({ type: 'dns' as const, value })),
    ...(options.ipAddresses ?? []).map((value) => ({ type: 'ip' as const, value })),
  ];
  const certificate = await x509.X509CertificateGenerator.create({
    subject: toName(options),
    issuer: signer.certificate.subjectName,
    publicKey: keys.publicKey,
    signingKey: signer.privateKey,
    signingAlgorithm: ALGORITHM,
    ...validity(options, DAY_MS),
    extensions: [
      new x509.BasicConstraintsExtension(options.authority ?? false, undefined, true),
      new x509.KeyUsagesExtension(
        options.authority === true ? x509.KeyUsageFlags.keyCertSign : x509.KeyUsageFlags.digitalSignature,
        true,
      ),
      ...(usages.length > 0
        ? [new x509.ExtendedKeyUsageExtension(usages.map((usage) => EXTENDED_USAGES[usage]))]
        : []),
      ...(alternativeNames.length > 0 ? [new x509.SubjectAlternativeNameExtension(alternativeNames)] : []),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(signer.certificate.publicKey),
    ],
  });
  return { certificate: toPem(certificate) + signer.chain, key: await toKeyPem(keys.privateKey) };
}

async function authorityExtensions(
  publicKey: webcrypto.CryptoKey,
  options: AuthorityOptions,
): Promise<x509.Extension[]> {
  return [
    new x509.BasicConstraintsExtension(true, options.pathLength, true),
    new x509.KeyUsagesExtension(
      options.withoutCertSign === true ? x509.KeyUsageFlags.cRLSign : EVERYTHING_SIGNED,
      true,
    ),
    await x509.SubjectKeyIdentifierExtension.create(publicKey),
  ];
}

const validity = (
  options: { readonly notBefore?: Date; readonly notAfter?: Date },
  lifetimeMs: number,
): { notBefore: Date; notAfter: Date } => ({
  notBefore: options.notBefore ?? new Date(Date.now() - HOUR_MS),
  notAfter: options.notAfter ?? new Date(Date.now() + lifetimeMs),
});

function toName(options: LeafOptions): x509.Name {
  const parts = options.subject ?? [
    ...(options.organizations ?? []).map((organization) => ({ O: [organization] })),
    ...(options.commonName === undefined ? [] : [{ CN: [options.commonName] }]),
  ];
  return new x509.Name(
    parts.map((part) =>
      Object.fromEntries(Object.entries(part).map(([type, values]) => [type, values.map(toNameValue)])),
    ),
  );
}

/** The library's typed form; a bare string beginning with `#` would be read as hexadecimal DER. */
const toNameValue = (value: SubjectValue): x509.JsonAttributeObject =>
  typeof value === 'string' ? { utf8String: value } : { ...value };

const toPem = (certificate: x509.X509Certificate): string => `${certificate.toString('pem')}\n`;

async function toKeyPem(key: webcrypto.CryptoKey): Promise<string> {
  const der = await webcrypto.subtle.exportKey('pkcs8', key);
  return `${x509.PemConverter.encode(der, 'PRIVATE KEY')}\n`;
}
