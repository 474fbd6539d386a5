// A real OpenID provider (the certified oidc-provider package) on loopback, for the demo and for tests. People sign in by
// saying who they are; for programs, a grant of its own gives out an access token (RFC 9068) for a named user, to the one
// client that knows the secret of this process. Discovery, keys, endpoints, sessions and signatures are the package's.

import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createServer, request } from 'node:https';
import type { Server } from 'node:https';
import { text } from 'node:stream/consumers';
import { Provider, errors } from 'oidc-provider';
import type { ClientMetadata, KoaContextWithOIDC, TokenEndpointGrantContext } from 'oidc-provider';
import { createFetch } from '../src/outbound/fetch.ts';
import { createMemoryAdapters } from './memory-adapter.ts';
import { INTERACTION_PATH, answerInteraction, logoutPage } from './sign-in-page.ts';

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
  /** At which people sign in with a browser. Default none. */
  readonly clients?: readonly BrowserClient[];
  /** PEM of who may have signed the certificates of clients that are told of logouts. */
  readonly trusted?: string;
  /** Default an hour. */
  readonly idTokenSeconds?: number;
}

export interface BrowserClient {
  readonly clientID: string;
  readonly clientSecret: string;
  readonly redirectURIs: readonly string[];
  readonly postLogoutRedirectURIs?: readonly string[];
  readonly backChannelLogoutURI?: string;
}

export interface IdentityProvider {
  /** The issuer. */
  readonly url: string;
  /** Asks the token endpoint for a token whose `sub` is the user and whose `groups` are the user's. Default an hour. */
  issueToken(user: string, ttlSeconds?: number): Promise<string>;
  /** How many refresh tokens were used since the start. */
  readonly renewals: () => number;
  /** Refresh tokens that were given back since the start. */
  readonly handedBack: () => readonly string[];
  close(): Promise<void>;
}

const GRANT = 'urn:kubelet-gateway:demo:user';
const CLIENT = 'demo';

export async function startIdentityProvider(options: IdentityProviderOptions): Promise<IdentityProvider> {
  const server = createServer({ cert: options.certificate, key: options.key });
  await new Promise<void>((resolve) => server.listen(options.port, '127.0.0.1', resolve));
  const origin = `https://127.0.0.1:${portOf(server)}`;
  const url = options.issuer ?? origin;
  const secret = randomBytes(32).toString('base64url');
  const provider = createProvider(url, secret, options);
  let renewals = 0;
  const handedBack: string[] = [];
  provider.on('refresh_token.consumed', () => (renewals += 1));
  provider.on('refresh_token.destroyed', ({ jti }) => handedBack.push(jti));
  const answer = provider.callback();
  server.on('request', (incoming, outgoing) => {
    if (incoming.url?.startsWith(INTERACTION_PATH) !== true) void answer(incoming, outgoing);
    else void answerInteraction(provider, Object.keys(options.users), incoming, outgoing);
  });
  return {
    url,
    issueToken: (user, ttlSeconds = 3600) =>
      requestToken(`${origin}/token`, options.certificate, secret, { user, ttl: String(ttlSeconds) }),
    renewals: () => renewals,
    handedBack: () => handedBack,
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
  { audience, users, clients = [], trusted, idTokenSeconds = 3600 }: IdentityProviderOptions,
): Provider {
  const { fetch } = createFetch({ certificateAuthority: trusted });
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
      ...clients.map(toClient),
    ],
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'ES256', kid: 'demo-1' }] },
    cookies: { keys: [randomBytes(32).toString('base64url')] },
    adapter: createMemoryAdapters(),
    claims: { openid: ['sub', 'groups'] },
    // The gateway reads claims from ID tokens, and asks for no others.
    conformIdTokenClaims: false,
    interactions: { url: (_ctx, { uid }) => `${INTERACTION_PATH}${uid}` },
    issueRefreshToken: (_ctx, client) => Promise.resolve(client.grantTypeAllowed('refresh_token')),
    rotateRefreshToken: true,
    loadExistingGrant: (ctx) => consent(provider, ctx),
    fetch: (to, { method, headers, body, signal } = {}) =>
      fetch(to instanceof Request ? to.url : to.toString(), {
        ...(method === undefined ? {} : { method }),
        headers: Object.fromEntries(new Headers(headers)),
        body: body instanceof URLSearchParams || typeof body === 'string' ? body : undefined,
        signal: signal ?? undefined,
      }),
    extraTokenClaims: (_ctx, token) =>
      token.kind === 'AccessToken' ? { groups: users[token.accountId]?.groups ?? [] } : undefined,
    features: {
      devInteractions: { enabled: false },
      backchannelLogout: { enabled: true },
      rpInitiatedLogout: {
        enabled: true,
        logoutSource: (ctx, form) => {
          ctx.body = logoutPage(form);
        },
      },
      revocation: {
        enabled: true,
        allowedPolicy: (_ctx, client, token) => token.clientId === client.clientId,
      },
    },
    findAccount: (_ctx, id) => ({
      accountId: id,
      claims: () => ({ sub: id, groups: [...(users[id]?.groups ?? [])] }),
    }),
    ttl: {
      AccessToken: 3600,
      Grant: 86_400,
      Session: 86_400,
      Interaction: 3600,
      IdToken: idTokenSeconds,
      RefreshToken: 86_400,
    },
  });
  provider.registerGrantType<{ user?: string; ttl?: string }>(
    GRANT,
    (ctx) => grant(provider, ctx, audience, users),
    ['user', 'ttl'],
  );
  return provider;
}

const toClient = (client: BrowserClient): ClientMetadata => ({
  client_id: client.clientID,
  client_secret: client.clientSecret,
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  redirect_uris: [...client.redirectURIs],
  post_logout_redirect_uris: [...(client.postLogoutRedirectURIs ?? [])],
  id_token_signed_response_alg: 'ES256',
  require_auth_time: true,
  ...(client.backChannelLogoutURI === undefined
    ? {}
    : {
        backchannel_logout_uri: client.backChannelLogoutURI,
        backchannel_logout_session_required: true,
      }),
});

/** Nobody is asked whether the gateway may know who they are. */
async function consent(provider: Provider, { oidc }: KoaContextWithOIDC) {
  const { client, session, result } = oidc;
  if (client === undefined || session?.accountId === undefined) return undefined;
  const id = result?.consent?.grantId ?? session.grantIdFor(client.clientId);
  const known = id === undefined ? undefined : await provider.Grant.find(id);
  if (known !== undefined) return known;
  const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
  grant.addOIDCScope('openid offline_access');
  await grant.save();
  return grant;
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
