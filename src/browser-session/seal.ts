// Sealed values: JSON that only this gateway can read or write, as a JWE (RFC 7516, dir with A256GCM). The first key
// seals, all open, so that keys can be changed while people are signed in.

import { CompactEncrypt, compactDecrypt, decodeProtectedHeader } from 'jose';
import type { Secret } from '../core/secret.ts';
import { deriveKey } from './keys.ts';
import type { Purpose } from './keys.ts';

export interface Sealer {
  seal(value: object): Promise<string>;
  /** Undefined for what no key of ours has sealed for this purpose, or somebody has changed. Never rejects. */
  open(text: string): Promise<unknown>;
}

const MAX_LENGTH = 65_536;

/** Throws an Error for a secret that cannot be used. */
export function createSealer(secrets: readonly [Secret, ...Secret[]], purpose: Purpose): Sealer {
  const [first, ...others] = secrets;
  const current = deriveKey(first, purpose);
  const keys = new Map(
    [current, ...others.map((secret) => deriveKey(secret, purpose))].map((k) => [k.id, k]),
  );
  // In the header, which is authenticated; the key alone would tell purposes apart already.
  const type = `kubelet-gateway-${purpose}`;
  return {
    seal: (value) =>
      new CompactEncrypt(new TextEncoder().encode(JSON.stringify(value)))
        .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', kid: current.id, typ: type })
        .encrypt(current.bytes),
    open: async (text) => {
      if (text.length > MAX_LENGTH) return undefined;
      try {
        const { kid, typ, zip } = decodeProtectedHeader(text);
        const key = typ === type && zip === undefined && kid !== undefined ? keys.get(kid) : undefined;
        if (key === undefined) return undefined;
        const { plaintext } = await compactDecrypt(text, key.bytes, {
          keyManagementAlgorithms: ['dir'],
          contentEncryptionAlgorithms: ['A256GCM'],
        });
        return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(plaintext)) as unknown;
      } catch {
        return undefined;
      }
    },
  };
}
