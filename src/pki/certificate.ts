// What a certificate says, read from its DER (RFC 5280) by a library; nothing is ever read from its printed form.
// Promises: a subject value of a string type that cannot be read for certain is an error, not an approximation.

import './reflect.ts';
import * as x509 from '@peculiar/x509';

export interface CertificateFacts {
  readonly subject: {
    readonly commonNames: readonly string[];
    /** In the order of the certificate, those of a multi-valued RDN apart. */
    readonly organizations: readonly string[];
    /** Kubernetes' own attribute for a user's UID (apimachinery pkg/apis/asn1/oid.go). */
    readonly uids: readonly string[];
    /** Of whatever type, these and all others. */
    readonly attributeCount: number;
  };
  /** basicConstraints says that it is a CA. */
  readonly authority: boolean;
  /** How many intermediates may follow it. */
  readonly pathLength?: number;
  /** keyUsage allows it to sign certificates, or there is no keyUsage. */
  readonly mayCertify: boolean;
  /** OIDs; absent: any usage. */
  readonly extendedKeyUsages?: readonly string[];
  /** Critical extensions that nobody here evaluates, and name constraints, critical or not. */
  readonly unsupportedExtensions: readonly string[];
}

const COMMON_NAME = '2.5.4.3';
const ORGANIZATION = '2.5.4.10';
const KUBERNETES_UID = '1.3.6.1.4.1.57683.2';

const NAME_CONSTRAINTS = '2.5.29.30';
// basicConstraints, keyUsage, extKeyUsage: evaluated. subjectAltName, subjectKeyIdentifier, authorityKeyIdentifier:
// nothing to evaluate for a client.
const UNDERSTOOD = new Set(['2.5.29.19', '2.5.29.15', '2.5.29.37', '2.5.29.17', '2.5.29.14', '2.5.29.35']);

/** Throws an Error when the bytes are not one certificate, or hold what cannot be read for certain. */
export function parseCertificate(der: Uint8Array): CertificateFacts {
  const certificate = new x509.X509Certificate(new Uint8Array(der));
  const extensions = [...certificate.extensions];
  if (new Set(extensions.map((extension) => extension.type)).size !== extensions.length) {
    throw new Error('the certificate has an extension twice');
  }
  const constraints = certificate.getExtension(x509.BasicConstraintsExtension);
  const keyUsage = certificate.getExtension(x509.KeyUsagesExtension);
  const extendedKeyUsage = certificate.getExtension(x509.ExtendedKeyUsageExtension);
  return {
    subject: readSubject(certificate.subjectName),
    authority: constraints?.ca ?? false,
    ...(constraints?.pathLength === undefined ? {} : { pathLength: constraints.pathLength }),
    mayCertify: keyUsage === null || (keyUsage.usages & x509.KeyUsageFlags.keyCertSign) !== 0,
    ...(extendedKeyUsage === null ? {} : { extendedKeyUsages: Array.from(extendedKeyUsage.usages, String) }),
    unsupportedExtensions: extensions
      .filter(({ type, critical }) => type === NAME_CONSTRAINTS || (critical && !UNDERSTOOD.has(type)))
      .map(({ type }) => type),
  };
}

function readSubject(name: x509.Name): CertificateFacts['subject'] {
  const values = (oid: string, key: string): readonly string[] => {
    const texts = name.getField(oid);
    // The library writes a value of a type that it does not read as `#` and hexadecimal here, and without `#` there.
    const printed = name.toJSON().flatMap((part) => part[key] ?? []);
    if (printed.length !== texts.length || printed.some((text, i) => text !== texts[i])) {
      throw new Error('a subject attribute has a string type that is not read');
    }
    return texts;
  };
  return {
    commonNames: values(COMMON_NAME, 'CN'),
    organizations: values(ORGANIZATION, 'O'),
    uids: values(KUBERNETES_UID, KUBERNETES_UID),
    attributeCount: name.toJSON().flatMap((part) => Object.values(part).flat()).length,
  };
}
