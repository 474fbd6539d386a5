// Certificate revocation lists (RFC 5280 §5, §6.3), complete ones of the authorities themselves. Promises: a list counts
// only when a given authority has signed it, one that is out of date says so instead of saying "not revoked", and a
// list of a kind that is not understood (delta, partial, indirect) is an error and never taken for a complete one.

import './reflect.ts';
import { X509Certificate, verify } from 'node:crypto';
import * as x509 from '@peculiar/x509';

export interface RevocationList {
  /** When it has to be replaced, in milliseconds since the epoch. */
  readonly nextUpdate: number;
  readonly thisUpdate: number;
  isRevoked(serialNumber: bigint): boolean;
}

/** By the SHA-256 fingerprint of the authority. */
export type RevocationLists = ReadonlyMap<string, RevocationList>;

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
const PEM_LIST = /-----BEGIN X509 CRL-----[^-]+-----END X509 CRL-----/g;

const HASHES: Readonly<Record<string, string>> = {
  'SHA-256': 'sha256',
  'SHA-384': 'sha384',
  'SHA-512': 'sha512',
};

/** `authorities` is PEM. Throws an Error whose message completes "the revocation list …". */
export function parseRevocationLists(file: Uint8Array, authorities: string): RevocationLists {
  const issuers = (authorities.match(PEM_CERTIFICATE) ?? []).map((pem) => new X509Certificate(pem));
  const lists = new Map<string, RevocationList>();
  for (const der of toDer(file)) {
    const list = read(der);
    const signers = issuers.filter((issuer) => isSignedBy(der, list, issuer));
    if (signers.length === 0) throw new Error('is not signed by an authority of the client CA bundle');
    const entry = toRevocationList(list);
    for (const { fingerprint256 } of signers) {
      const other = lists.get(fingerprint256);
      // Of two lists of one authority the newer one counts.
      if (other === undefined || other.thisUpdate < entry.thisUpdate) lists.set(fingerprint256, entry);
    }
  }
  revokeAuthorities(issuers, lists);
  return lists;
}

/** An authority of the bundle that another one of it has issued and revoked: all that it has issued is revoked. */
function revokeAuthorities(issuers: readonly X509Certificate[], lists: Map<string, RevocationList>): void {
  for (const authority of issuers) {
    const serialNumber = toSerialNumber(authority.serialNumber);
    for (const issuer of issuers) {
      const list = lists.get(issuer.fingerprint256);
      if (issuer === authority || list?.isRevoked(serialNumber) !== true) continue;
      if (!authority.checkIssued(issuer) || !authority.verify(issuer.publicKey)) continue;
      lists.set(authority.fingerprint256, { ...list, isRevoked: () => true });
    }
  }
}

function toDer(file: Uint8Array): readonly Uint8Array[] {
  if (file[0] === 0x30) return [file];
  const blocks = Buffer.from(file).toString('latin1').match(PEM_LIST);
  if (blocks === null) throw new Error('cannot be read: there is neither PEM nor DER in the file');
  return blocks.map((block) => Buffer.from(block.replace(/-----[^-]+-----/g, ''), 'base64'));
}

function read(der: Uint8Array): x509.X509Crl {
  let list: x509.X509Crl;
  try {
    list = new x509.X509Crl(new Uint8Array(der));
  } catch (error) {
    throw new Error('cannot be read', { cause: error });
  }
  if (list.extensions.some(({ critical }) => critical)) {
    throw new Error('is not a complete list of its authority: it has a critical extension');
  }
  return list;
}

function toRevocationList(list: x509.X509Crl): RevocationList {
  const { nextUpdate, thisUpdate } = list;
  if (nextUpdate === undefined) throw new Error('does not say when it has to be replaced');
  const revoked = new Set<bigint>();
  for (const entry of list.entries) {
    if (entry.extensions.some(({ critical }) => critical)) {
      throw new Error('has an entry with a critical extension');
    }
    revoked.add(toSerialNumber(entry.serialNumber));
  }
  return {
    nextUpdate: nextUpdate.getTime(),
    thisUpdate: thisUpdate.getTime(),
    isRevoked: (serialNumber) => revoked.has(serialNumber),
  };
}

/** From hexadecimal digits, which libraries write with and without leading zeros. */
export const toSerialNumber = (hexadecimal: string): bigint => BigInt(`0x${hexadecimal}`);

function isSignedBy(der: Uint8Array, list: x509.X509Crl, issuer: X509Certificate): boolean {
  const authority = new x509.X509Certificate(new Uint8Array(issuer.raw));
  if (!isEqual(authority.subjectName, list.issuerName)) return false;
  const usages = authority.getExtension(x509.KeyUsagesExtension)?.usages;
  if (usages !== undefined && (usages & x509.KeyUsageFlags.cRLSign) === 0) {
    throw new Error('is of an authority whose key may not sign revocation lists (keyUsage lacks cRLSign)');
  }
  const digest = toDigest(list.signatureAlgorithm);
  if (digest === undefined) throw new Error('is signed with an algorithm that is not accepted');
  return verify(digest, firstElement(der), issuer.publicKey, Buffer.from(list.signature));
}

/** What `verify` of node:crypto is to be told of a WebCrypto algorithm; undefined for one that is not accepted. */
function toDigest(algorithm: unknown): string | null | undefined {
  if (typeof algorithm !== 'object' || algorithm === null || !('name' in algorithm)) return undefined;
  if (algorithm.name === 'Ed25519') return null;
  if (algorithm.name !== 'ECDSA' && algorithm.name !== 'RSASSA-PKCS1-v1_5') return undefined;
  const hash: unknown = 'hash' in algorithm ? algorithm.hash : undefined;
  const name = typeof hash === 'object' && hash !== null && 'name' in hash ? hash.name : hash;
  return typeof name === 'string' ? HASHES[name] : undefined;
}

const isEqual = (a: x509.Name, b: x509.Name): boolean =>
  Buffer.from(a.toArrayBuffer()).equals(Buffer.from(b.toArrayBuffer()));

/** The part that is signed: the first element of the outer SEQUENCE, header and all. */
function firstElement(der: Uint8Array): Uint8Array {
  const start = elementAt(der, 0).contentAt;
  return der.subarray(start, elementAt(der, start).end);
}

/** Where the content of the DER element at `at` begins, and where it ends. The whole has been parsed before. */
function elementAt(der: Uint8Array, at: number): { readonly contentAt: number; readonly end: number } {
  const first = der[at + 1] ?? 0;
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
  let length = lengthBytes === 0 ? first : 0;
  for (let i = 0; i < lengthBytes; i++) length = length * 256 + (der[at + 2 + i] ?? 0);
  const contentAt = at + 2 + lengthBytes;
  return { contentAt, end: contentAt + length };
}
