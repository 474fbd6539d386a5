// Issuers for tests. `startProvider` is a real OpenID provider with a certificate of its own; `startRogueIssuer` serves
// discovery and keys over real TLS, holds the private keys, counts who asks, and misbehaves on demand.

import { createServer } from 'node:https';
import type { ServerResponse } from 'node:http';
import { SignJWT, exportJWK, generateKeyPair } from 'jose';
import type { CryptoKey, JWK, JWTHeaderParameters, JWTPayload } from 'jose';
import { startIdentityProvider } from '../../demo/identity-provider.ts';
import type { IdentityProvider, IdentityProviderOptions } from '../../demo/identity-provider.ts';
import { createAuthority } from './pki.ts';

export async function startProvider(
  options: Pick<IdentityProviderOptions, 'audience' | 'users'>,
): Promise<IdentityProvider & { readonly certificateAuthority: string }> {
  const authority = await createAuthority('identity provider CA');
  const pair = await authority.issue({
    commonName: 'identity provider',
    ipAddresses: ['127.0.0.1'],
    usages: ['server'],
  });
  const provider = await startIdentityProvider({ ...options, ...pair, port: 0 });
  return { ...provider, certificateAuthority: authority.certificate };
}

export interface SigningKey {
  readonly kid: string;
  readonly alg: string;
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
  /** What a JWKS document says of it. */
  readonly jwk: JWK;
}

export async function createSigningKey(kid: string, alg = 'ES256'): Promise<SigningKey> {
  const pair = await generateKeyPair(alg, { extractable: true });
  return { kid, alg, ...pair, jwk: { ...(await exportJWK(pair.publicKey)), kid, alg, use: 'sig' } };
}

/** A JWT with exactly these claims; an empty `kid` is left out. */
export const signToken = (
  key: SigningKey,
  claims: JWTPayload,
  header: Partial<JWTHeaderParameters> = {},
): Promise<string> =>
  new SignJWT(claims)
    .setProtectedHeader({ alg: key.alg, ...(key.kid === '' ? {} : { kid: key.kid }), ...header })
    .sign(key.privateKey);

export interface RogueIssuer {
  readonly url: string;
  readonly certificateAuthority: string;
  /** Requests since the start, by path. */
  readonly hits: Readonly<Record<'discovery' | 'keys', number>>;
  /** The `Authorization` of the last request for tokens. */
  readonly credentials: string | undefined;
  /** What the JWKS document says. */
  publish(keys: readonly JWK[]): void;
  /** The discovery document; default a right one. */
  describe(document: unknown): void;
  /** What the token endpoint, `/token`, answers; a string is no JSON, undefined closes the connection. */
  grant(answer: { readonly status: number; readonly body: unknown } | undefined): void;
  /** Its keys alone do not answer. */
  hideKeys(): void;
  /** How it answers both; default `json`. `silent` never answers, `down` closes the connection. */
  behave(how: Behaviour): void;
  /** Cuts every connection, those that wait for an answer too. */
  drop(): void;
  close(): Promise<void>;
}

export type Behaviour = 'json' | 'down' | 'error' | 'redirect' | 'huge' | 'html' | 'silent';

export async function startRogueIssuer(): Promise<RogueIssuer> {
  const authority = await createAuthority('rogue issuer CA');
  const pair = await authority.issue({
    commonName: 'rogue',
    ipAddresses: ['127.0.0.1'],
    usages: ['server'],
  });
  const server = createServer({ cert: pair.certificate, key: pair.key });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const url = `https://127.0.0.1:${address.port}`;
  const hits = { discovery: 0, keys: 0 };
  let credentials: string | undefined;
  let keys: readonly JWK[] = [];
  let document: unknown = { issuer: url, jwks_uri: `${url}/keys` };
  let behaviour: Behaviour = 'json';
  let granted: { readonly status: number; readonly body: unknown } | undefined;
  let areKeysHidden = false;
  server.on('request', (request, response) => {
    if (request.url === '/token' && behaviour === 'json') {
      credentials = request.headers.authorization;
      answerToken(response, granted);
      return;
    }
    if (request.url === '/keys' && areKeysHidden) {
      hits.keys++;
      response.destroy();
      return;
    }
    const wanted = request.url === '/keys' ? 'keys' : 'discovery';
    hits[wanted]++;
    answer(response, behaviour, wanted === 'keys' ? { keys } : document);
  });
  return {
    url,
    certificateAuthority: authority.certificate,
    hits,
    get credentials() {
      return credentials;
    },
    publish: (published) => void (keys = published),
    describe: (described) => void (document = described),
    grant: (answer) => void (granted = answer),
    hideKeys: () => void (areKeysHidden = true),
    behave: (how) => void (behaviour = how),
    drop: () => server.closeAllConnections(),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function answerToken(
  response: ServerResponse,
  granted: { readonly status: number; readonly body: unknown } | undefined,
): void {
  if (granted === undefined) {
    response.destroy();
    return;
  }
  const isText = typeof granted.body === 'string';
  response.writeHead(granted.status, { 'content-type': isText ? 'text/html' : 'application/json' });
  response.end(isText ? granted.body : JSON.stringify(granted.body));
}

function answer(response: ServerResponse, behaviour: Behaviour, document: unknown): void {
  switch (behaviour) {
    case 'json':
      response.setHeader('content-type', 'application/json').end(JSON.stringify(document));
      return;
    case 'down':
      response.destroy();
      return;
    case 'error':
      response.writeHead(500).end('{}');
      return;
    case 'redirect':
      response.writeHead(302, { location: '/elsewhere' }).end();
      return;
    case 'huge':
      response.end(JSON.stringify({ ...Object(document), padding: 'x'.repeat(2_000_000) }));
      return;
    case 'html':
      response.end('<!doctype html>');
      return;
    case 'silent':
      return;
  }
}
