// Signs checkpoints and verifies their signatures: compact JWS (RFC 7515) by Ed25519 (RFC 8037), `kid` being the key's
// thumbprint (RFC 7638). The only file here that knows jose.

import { createPrivateKey, createPublicKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import {
  CompactSign,
  calculateJwkThumbprint,
  compactVerify,
  decodeProtectedHeader,
  exportJWK,
  exportPKCS8,
  generateKeyPair,
} from 'jose';
import type { JWK } from 'jose';
import type { Checkpoint } from './checkpoint.ts';
import { isJws, parseCheckpoint } from './checkpoint.ts';

/** What a checkpoint's header says that it is (RFC 7515 section 4.1.9). */
const TYPE = 'kubelet-gateway-checkpoint+jws';
const ALGORITHM = 'EdDSA';

export interface Signer {
  /** The compact JWS of a checkpoint: of this one, or of an equal one that it signed before. Rejects when it cannot. */
  sign(checkpoint: Checkpoint): Promise<string>;
}

export interface LocalSigner extends Signer {
  /** The key's thumbprint, which names it in signatures and key sets. */
  readonly kid: string;
}

/** Throws when the text is not a PKCS#8 PEM of an Ed25519 key; the message does not repeat it. */
export function parseSigningKey(pem: string): KeyObject {
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch {
    throw new Error('it is not a private key in PEM (PKCS#8)');
  }
  if (key.asymmetricKeyType !== 'ed25519') {
    throw new Error(`it is a key of type ${key.asymmetricKeyType ?? 'unknown'}, not Ed25519`);
  }
  return key;
}

/** Rejects as `parseSigningKey` throws. */
export async function createLocalSigner(pem: string): Promise<LocalSigner> {
  const key = parseSigningKey(pem);
  const kid = await calculateJwkThumbprint(await exportJWK(createPublicKey(key)));
  return {
    kid,
    sign: (checkpoint) =>
      new CompactSign(Buffer.from(JSON.stringify(checkpoint)))
        .setProtectedHeader({ alg: ALGORITHM, typ: TYPE, kid })
        .sign(key),
  };
}

export interface NewKey {
  /** PKCS#8 PEM. */
  readonly privateKey: string;
  readonly jwk: JWK;
}

export async function generateSigningKey(): Promise<NewKey> {
  const { privateKey, publicKey } = await generateKeyPair(ALGORITHM, { crv: 'Ed25519', extractable: true });
  return { privateKey: await exportPKCS8(privateKey), jwk: await toPublicJwk(await exportJWK(publicKey)) };
}

async function toPublicJwk({ crv, x }: JWK): Promise<JWK> {
  const jwk = { kty: 'OKP', ...(crv && { crv }), ...(x && { x }) };
  return { ...jwk, kid: await calculateJwkThumbprint(jwk), alg: ALGORITHM, use: 'sig' };
}

/** Resolves to the checkpoint; rejects with an Error that says what is wrong with the signature. */
export type CheckpointVerifier = (jws: string) => Promise<Checkpoint>;

/** Takes a JWK, a JWK set, or PEM of one or several public keys. Throws when there is no Ed25519 key in it. */
export async function createVerifier(texts: readonly string[]): Promise<CheckpointVerifier> {
  const keys = new Map<string, KeyObject>();
  for (const key of texts.flatMap(toPublicKeys)) {
    if (key.asymmetricKeyType !== 'ed25519') throw new Error('a key is not an Ed25519 key');
    keys.set(await calculateJwkThumbprint(await exportJWK(key)), key);
  }
  if (keys.size === 0) throw new Error('there is no key');
  return async (jws) => {
    const kid = readKid(jws);
    const key = kid === undefined ? undefined : keys.get(kid);
    if (key === undefined) throw new Error(`is signed with a key that was not given (${kid ?? 'no kid'})`);
    let payload: Uint8Array;
    try {
      ({ payload } = await compactVerify(jws, key, { algorithms: [ALGORITHM] }));
    } catch (cause) {
      throw new Error('has a signature that is not right', { cause });
    }
    return decodePayload(payload);
  };
}

/** What a JWS says, without a look at its signature. Throws when it is no checkpoint. */
export function readUnverified(jws: string): Checkpoint {
  if (!isJws(jws)) throw new Error('is not a compact JWS');
  return decodePayload(Buffer.from(jws.split('.')[1] ?? '', 'base64url'));
}

function decodePayload(payload: Uint8Array): Checkpoint {
  const value: unknown = JSON.parse(Buffer.from(payload).toString('utf8'));
  return parseCheckpoint(value);
}

/** The key that a JWS names, where it has the form that a checkpoint's signature has. */
function readKid(jws: string): string | undefined {
  const signature = jws.split('.')[2] ?? '';
  // Base64url leaves bits that mean nothing: one text for one signature.
  if (!isJws(jws) || Buffer.from(signature, 'base64url').toString('base64url') !== signature) {
    throw new Error('is not a compact JWS');
  }
  const { alg, typ, kid } = decodeProtectedHeader(jws);
  if (alg !== ALGORITHM || typ !== TYPE) throw new Error('is signed as something else than a checkpoint');
  return kid;
}

const PEM = /-----BEGIN PUBLIC KEY-----[^-]+-----END PUBLIC KEY-----/g;

function toPublicKeys(text: string): KeyObject[] {
  if (!text.trimStart().startsWith('{')) {
    return [...text.matchAll(PEM)].map(([pem]) => createPublicKey(pem));
  }
  const value: unknown = JSON.parse(text);
  const keys = isRecord(value) && Array.isArray(value['keys']) ? (value['keys'] as unknown[]) : [value];
  return keys.map((jwk) => {
    if (!isRecord(jwk) || jwk['kty'] !== 'OKP') throw new Error('a key is not an Ed25519 key');
    const { kty, crv, x } = jwk;
    return createPublicKey({ key: { kty, crv: String(crv), x: String(x) }, format: 'jwk' });
  });
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
