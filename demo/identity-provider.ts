// A real OpenID provider (the certified oidc-provider package) on loopback, for the demo and for tests. Nobody signs in
// by hand here: a grant of its own gives out an access token (RFC 9068) for a named user, to the one client that knows
// the secret of this process. Discovery, keys, token endpoint and signatures are the package's.

import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createServer, request } from 'node:https';
import type { Server } from 'node:https';
import { text } from 'node:stream/consumers';
import { Provider, errors } from 'oidc-provider';
import type { Adapter, TokenEndpointGrantContext } from 'oidc-provider';

export interface IdentityProviderOptions {
  /** PEM. Must be valid for 127.0.0.1. */
  readonly certificate: string;
  readonly key: string;
  /** On 127.0.0.1; 0: any free port. */
  readonly port: number;
  /** Default: the address that it listens on. */
  readonly issuer?: string;
  /** What the tokens are for: their `aud`. */
  readonly audience: string;
  readonly users: Readonly<Record<string, { readonly groups: readonly string[] }>>;
}

export interface IdentityProvider {
  /** The issuer. */
  readonly url: string;
  /** Asks the token endpoint for a token whose `sub` is the user and whose `groups` are the user's. Default an hour. */
  issueToken(user: string, ttlSeconds?: number): Promise<string>;
  close(): Promise<void>;
}

const GRANT = 'urn:kubelet-gateway:demo:user';
const CLIENT = 'demo';

const nothing = (): Promise<undefined> => Promise.resolve(undefined);
const NO_STORE: Adapter = {
  upsert: nothing,
  find: nothing,
  findByUserCode: nothing,
  findByUid: nothing,
  consume: nothing,
  destroy: nothing,
  revokeByGrantId: nothing,
};

export async function startIdentityProvider(options: IdentityProviderOptions): Promise<IdentityProvider> {
  const server = createServer({ cert: options.certificate, key: options.key });
  await new Promise<void>((resolve) => server.listen(options.port, '127.0.0.1', resolve));
  const origin = `https://127.0.0.1:${portOf(server)}`;
  const url = options.issuer ?? origin;
  const secret = randomBytes(32).toString('base64url');
  const provider = createProvider(url, secret, options);
  const answer = provider.callback();
  server.on('request', (incoming, outgoing) => void answer(incoming, outgoing));
  return {
    url,
    issueToken: (user, ttlSeconds = 3600) =>
      requestToken(`${origin}/token`, options.certificate, secret, { user, ttl: String(ttlSeconds) }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function createProvider(
  issuer: string,
  secret: string,
  { audience, users }: IdentityProviderOptions,
): Provider {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const provider: Provider = new Provider(issuer, {
    clients: [
      {
        client_id: CLIENT,
        client_secret: secret,
        grant_types: [GRANT],
        response_types: [],
        redirect_uris: [],
        id_token_signed_response_alg: 'ES256',
      },
    ],
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'ES256', kid: 'demo-1' }] },
    cookies: { keys: [randomBytes(32).toString('base64url')] },
    // Tokens are self-contained, and nobody has a session: nothing needs to be stored.
    adapter: () => NO_STORE,
    extraTokenClaims: (_ctx, token) =>
      token.kind === 'AccessToken' ? { groups: users[token.accountId]?.groups ?? [] } : undefined,
    features: { devInteractions: { enabled: false } },
    findAccount: (_ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    ttl: { AccessToken: 3600, Grant: 3600, Session: 3600, Interaction: 3600, IdToken: 3600 },
  });
  provider.registerGrantType<{ user?: string; ttl?: string }>(
    GRANT,
    (ctx) => grant(provider, ctx, audience, users),
    ['user', 'ttl'],
  );
  return provider;
}

async function grant(
  provider: Provider,
  ctx: TokenEndpointGrantContext<{ user?: string; ttl?: string }>,
  audience: string,
  users: IdentityProviderOptions['users'],
): Promise<void> {
  const { user, ttl } = ctx.oidc.params;
  const known = user !== undefined && Object.hasOwn(users, user) ? users[user] : undefined;
  const ttlSeconds = Number(ttl);
  if (user === undefined || known === undefined) throw new errors.InvalidGrant('no such user');
  if (!Number.isSafeInteger(ttlSeconds) || ttlSeconds < 1)
    throw new errors.InvalidRequest('ttl is no number');
  const token = new provider.AccessToken({
    accountId: user,
    client: ctx.oidc.client,
    grantId: '',
    gty: GRANT,
    expiresIn: ttlSeconds,
    resourceServer: new provider.ResourceServer('urn:kubelet-gateway', {
      audience,
      scope: '',
      accessTokenFormat: 'jwt',
      jwt: { sign: { alg: 'ES256' } },
    }),
  });
  ctx.body = { access_token: await token.save(), expires_in: ttlSeconds, token_type: 'Bearer' };
}

/** A real request to the real endpoint, as any client would make it. */
async function requestToken(
  endpoint: string,
  certificate: string,
  secret: string,
  parameters: { readonly user: string; readonly ttl: string },
): Promise<string> {
  const body = await new Promise<string>((resolve, reject) => {
    const outgoing = request(
      endpoint,
      {
        method: 'POST',
        agent: false,
        ca: certificate,
        // Only the provider's own certificate is at hand, not the authority that signed it.
        allowPartialTrustChain: true,
        auth: `${CLIENT}:${secret}`,
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
      },
      (incoming) => void text(incoming).then(resolve, reject),
    );
    outgoing.on('error', reject);
    outgoing.end(new URLSearchParams({ grant_type: GRANT, ...parameters }).toString());
  });
  const answer: unknown = JSON.parse(body);
  if (typeof answer === 'object' && answer !== null && 'access_token' in answer) {
    const { access_token: token } = answer;
    if (typeof token === 'string') return token;
  }
  throw new Error(`the identity provider gave no token: ${body}`);
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string')
    throw new Error('the identity provider does not listen');
  return address.port;
}
