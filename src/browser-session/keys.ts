// The keys of sealed cookies, from the secrets that the configuration names: one for each secret and purpose (HKDF, RFC
// 5869), so that what was sealed for one purpose is nothing for another.

import { createHash, hkdfSync } from 'node:crypto';
import type { Secret } from '../core/secret.ts';

/** `login`: a sign-in under way. `session`: who is signed in. `tokens`: the same in a shared store. */
export type Purpose = 'login' | 'session' | 'tokens' | 'news';

export interface SealingKey {
  /** Names the key and says nothing about it. */
  readonly id: string;
  /** 256 bits. */
  readonly bytes: Uint8Array;
}

/** The least that a secret must hold, in bytes. */
const LEAST_SECRET_BYTES = 32;

/** The bytes of a secret as `openssl rand -base64 32` writes it; undefined when it is not base64 of enough of them. */
export function readSecretBytes(secret: Secret): Uint8Array | undefined {
  const text = secret.reveal().trim();
  if (!/^[A-Za-z0-9+/_-]+={0,2}$/.test(text)) return undefined;
  const bytes = Buffer.from(text, 'base64');
  return bytes.length < LEAST_SECRET_BYTES ? undefined : bytes;
}

/** Throws an Error for a secret that cannot be used. */
export function deriveKey(secret: Secret, purpose: Purpose): SealingKey {
  const bytes = readSecretBytes(secret);
  if (bytes === undefined) throw new Error('a cookie key is not base64 of at least 32 bytes');
  const key = new Uint8Array(hkdfSync('sha256', bytes, '', `kubelet-gateway ${purpose}`, 32));
  const id = createHash('sha256').update('kubelet-gateway key id').update(key).digest('base64url');
  return { id: id.slice(0, 11), bytes: key };
}
