// What a credential is made of, read from its files. A certificate must belong to its key; whatever is wrong is a
// thrown error whose text is for the log: it may name a file, and holds nothing of its content.

import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { FileCredentialSource } from '../core/credential-source.ts';
import type { KubeletCredential } from '../core/node.ts';
import { Secret } from '../core/secret.ts';

export const toFiles = (source: FileCredentialSource): readonly string[] =>
  source.kind === 'certificate' ? [source.certificateFile, source.privateKeyFile] : [source.bearerTokenFile];

/** Throws when a file is missing or malformed, or when certificate and key are not a pair. */
export function readCredential(source: FileCredentialSource): KubeletCredential {
  switch (source.kind) {
    case 'certificate': {
      const certificate = readFileSync(source.certificateFile, 'utf8');
      const key = readFileSync(source.privateKeyFile, 'utf8');
      checkPair(certificate, key);
      return {
        name: source.name,
        fingerprint: toFingerprint('certificate', certificate),
        material: { kind: 'certificate', certificate, key: new Secret(key) },
      };
    }
    case 'bearerToken': {
      const token = readFileSync(source.bearerTokenFile, 'utf8').trim();
      // The token68 characters of RFC 6750 and then some: whatever cannot end a header line.
      if (!/^[\x21-\x7e]+$/.test(token)) throw new TypeError('the token file does not hold one token');
      return {
        name: source.name,
        fingerprint: toFingerprint('bearerToken', token),
        material: { kind: 'bearerToken', token: new Secret(token) },
      };
    }
  }
}

function checkPair(certificate: string, key: string): void {
  // The first certificate of the file is the one that a client shows as its own.
  const leaf = new X509Certificate(certificate);
  if (!leaf.checkPrivateKey(createPrivateKey(key))) {
    throw new TypeError('the private key does not belong to the certificate');
  }
}

/** Of a certificate or a token, of which it shows nothing. */
export const toFingerprint = (kind: string, text: string): string =>
  createHash('sha256')
    .update(JSON.stringify([kind, text]))
    .digest('hex');
