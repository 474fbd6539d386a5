// Certificates that no sound authority would issue, for tests of those who must refuse them.

import '../../src/pki/reflect.ts';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import type { PresentedCertificate } from '../../src/core/exchange.ts';
import type { IssuedCertificate, Authority } from '../../src/pki/issue.ts';

/** As `listen` hands it on: DER, the leaf first. */
export function presented(pem: string): PresentedCertificate {
  const [leaf, ...intermediates] = x509.PemConverter.decode(pem).map((der) => new Uint8Array(der));
  if (leaf === undefined) throw new Error('no certificate');
  return { leaf, intermediates };
}

export type KeyKind = 'ec' | 'rsa2048' | 'rsa1024';

export interface OddOptions {
  readonly subject?: string;
  /** Key of the authority. */
  readonly authorityKey?: KeyKind;
  /** Key of the leaf. */
  readonly key?: KeyKind;
  readonly hash?: 'SHA-1' | 'SHA-256';
  readonly pss?: boolean;
  readonly extensions?: readonly x509.Extension[];
  /** basicConstraints of the authority; default a CA. */
  readonly authorityExtensions?: readonly x509.Extension[];
}

const RSA = { publicExponent: new Uint8Array([1, 0, 1]) };

function toAlgorithm(
  kind: KeyKind,
  hash: string,
  pss: boolean,
): webcrypto.EcKeyGenParams | webcrypto.RsaHashedKeyGenParams {
  if (kind === 'ec') return { name: 'ECDSA', namedCurve: 'P-256' };
  const name = pss ? 'RSA-PSS' : 'RSASSA-PKCS1-v1_5';
  return { ...RSA, name, hash, modulusLength: kind === 'rsa1024' ? 1024 : 2048 };
}

/** A root and one leaf under it. */
export async function oddChain(options: OddOptions): Promise<{ root: string; leaf: string }> {
  const { authorityKey = 'ec', key = 'ec', hash = 'SHA-256', pss = false } = options;
  const generate = (kind: KeyKind): Promise<webcrypto.CryptoKeyPair> =>
    webcrypto.subtle.generateKey(toAlgorithm(kind, hash, pss), true, ['sign', 'verify']);
  const [rootKeys, leafKeys] = await Promise.all([generate(authorityKey), generate(key)]);
  const signingAlgorithm = { ...toAlgorithm(authorityKey, hash, pss), hash, saltLength: 32 };
  const root = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=odd',
    keys: rootKeys,
    signingAlgorithm,
    notAfter: new Date(Date.now() + 86_400_000),
    extensions: [
      ...(options.authorityExtensions ?? [new x509.BasicConstraintsExtension(true, undefined, true)]),
    ],
  });
  const leaf = await x509.X509CertificateGenerator.create({
    subject: options.subject ?? 'CN=alice',
    issuer: root.subjectName,
    publicKey: leafKeys.publicKey,
    signingKey: rootKeys.privateKey,
    signingAlgorithm,
    notAfter: new Date(Date.now() + 86_400_000),
    extensions: [...(options.extensions ?? [])],
  });
  return { root: root.toString('pem'), leaf: leaf.toString('pem') };
}

/** The certificates of several answers of an authority, one after the other. */
export const bundle = (...parts: readonly (IssuedCertificate | Authority)[]): string =>
  parts.map(({ certificate }) => certificate).join('');
