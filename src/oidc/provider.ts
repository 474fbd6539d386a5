// The gateway as a client of an OpenID provider (OpenID Connect Core 1.0 §3.1, RFC 7636, RP-Initiated Logout 1.0): sends
// people there, takes what they come back with, renews it. The library checks what the provider answers; who the ID
// token names, and whether its signature holds, is for those who know the issuer's keys.

import type { ClientAuth, Configuration as Client, ServerMetadata } from 'openid-client';
import {
  AuthorizationResponseError,
  ClientError,
  ClientSecretPost,
  Configuration,
  None,
  ResponseBodyError,
  WWWAuthenticateChallengeError,
  authorizationCodeGrant,
  buildAuthorizationUrl,
  buildEndSessionUrl,
  calculatePKCECodeChallenge,
  clockTolerance,
  customFetch,
  refreshTokenGrant,
  tokenRevocation,
} from 'openid-client';
import type { LoginDemand } from '../core/fault.ts';
import type { LoginProviderSettings } from '../core/login.ts';
import type { Clock } from '../core/ports.ts';
import type { SignInProblem } from './problem.ts';
import { SignInFailure } from './problem.ts';
import { isTrouble, isWordlessRefusal } from '../outbound/refusal.ts';

/** `fetch`, as far as it is needed; bounded in time and size, and to the provider's roots. */
export type ProviderFetch = (
  url: string,
  request: {
    readonly method: string;
    readonly headers: Record<string, string>;
    readonly body: string | URLSearchParams | Uint8Array | ArrayBuffer | null | undefined;
    readonly signal: AbortSignal | undefined;
  },
) => Promise<Response>;

export interface ProviderTokens {
  readonly idToken: string;
  readonly refreshToken?: string;
}

/** What binds the answer to the browser that was sent. */
export interface Proofs {
  readonly state: string;
  readonly nonce: string;
  /** RFC 7636 §4.1. */
  readonly verifier: string;
}

/** All reject with a SignInFailure. */
export interface OidcProvider {
  readonly settings: LoginProviderSettings;
  /** Where to send the browser. `silentFor`, the ID token of a session: an answer without a person, for that very one. */
  authorizationURL(
    redirectURI: string,
    proofs: Proofs,
    options: LoginDemand & { readonly silentFor?: string | undefined },
  ): Promise<URL>;
  /** `callback` is the whole URL of the answer. */
  exchange(callback: URL, proofs: Proofs): Promise<ProviderTokens>;
  renew(refreshToken: string): Promise<ProviderTokens>;
  /** Where to sign out at the provider; undefined when it has no such place. */
  endSessionURL(idToken: string, returnTo: string): Promise<URL | undefined>;
  /** Tells the provider that the refresh token is not needed any more. Nothing depends on it. */
  forget(refreshToken: string): Promise<void>;
}

/** How long the discovery document is used. */
const METADATA_MS = 3_600_000;

/** Answers of people that are being checked with the provider. */
const MAX_EXCHANGES = 50;

export function createOidcProvider(
  { clock, fetch }: { readonly clock: Clock; readonly fetch: ProviderFetch },
  settings: LoginProviderSettings,
  { clockSkewMs }: { readonly clockSkewMs: number },
): OidcProvider {
  let known: { readonly client: Promise<Client>; readonly until: number } | undefined;

  const connect = (): Promise<Client> => {
    const now = clock.now();
    if (known === undefined || known.until <= now) {
      const client = discover(fetch, settings, clockSkewMs);
      const entry = { client, until: now + METADATA_MS };
      known = entry;
      // The next one asks again.
      client.catch(() => {
        if (known === entry) known = undefined;
      });
    }
    return known.client;
  };

  const bounded = createBound();
  return {
    settings,
    authorizationURL: async (redirectURI, { state, nonce, verifier }, { silentFor, ...demand }) =>
      buildAuthorizationUrl(await connect(), {
        redirect_uri: redirectURI,
        scope: settings.scopes.join(' '),
        state,
        nonce,
        code_challenge: await calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
        ...toPrompt(settings, silentFor),
        ...toDemanded(demand),
      }),
    exchange: async (callback, { state, nonce, verifier }) => {
      const client = await connect();
      const expected = { expectedState: state, expectedNonce: nonce, pkceCodeVerifier: verifier };
      const checks = { ...expected, idTokenExpected: true };
      return bounded(() =>
        explained(async () => toTokens(await authorizationCodeGrant(client, callback, checks))),
      );
    },
    renew: async (refreshToken) => {
      const client = await connect();
      return explained(async () => toTokens(await refreshTokenGrant(client, refreshToken)), 'expired');
    },
    endSessionURL: async (idToken, returnTo) => {
      const client = await connect();
      if (client.serverMetadata().end_session_endpoint === undefined) return undefined;
      const url = buildEndSessionUrl(client, { id_token_hint: idToken, post_logout_redirect_uri: returnTo });
      return url.protocol === 'https:' ? url : undefined;
    },
    forget: async (refreshToken) => {
      const client = await connect();
      if (client.serverMetadata().revocation_endpoint === undefined) return;
      await explained(() => tokenRevocation(client, refreshToken));
    },
  };
}

/** Beyond this a hint is left out: servers bound the length of an address, most at 8 kB. */
const MAX_HINT_CHARS = 4_096;

/**
 * OpenID Connect Core 1.0 §3.1.2.1: who is asked for without a question is named, and some providers insist on it. §11: a
 * refresh token for when the person is away needs their consent.
 */
function toPrompt({ scopes }: LoginProviderSettings, silentFor: string | undefined): Record<string, string> {
  if (silentFor === undefined) return scopes.includes('offline_access') ? { prompt: 'consent' } : {};
  return { prompt: 'none', ...(silentFor.length > MAX_HINT_CHARS ? {} : { id_token_hint: silentFor }) };
}

/** OpenID Connect Core 1.0 §3.1.2.1: how fresh the login must be, and which kinds of it will do. */
const toDemanded = ({ maxAgeSeconds, acrValues }: LoginDemand): Record<string, string> => ({
  ...(maxAgeSeconds === undefined ? {} : { max_age: String(maxAgeSeconds) }),
  ...(acrValues === undefined ? {} : { acr_values: acrValues.join(' ') }),
});

/** Anybody can begin a sign-in and make up an answer to it: the provider is not asked about many at once. */
function createBound() {
  let running = 0;
  return async <Result>(task: () => Promise<Result>): Promise<Result> => {
    if (running >= MAX_EXCHANGES) throw new SignInFailure('unavailable', 'too many sign-ins at once');
    running += 1;
    try {
      return await task();
    } finally {
      running -= 1;
    }
  };
}

/** OpenID Connect Discovery 1.0 §4. The document must be of the issuer that the configuration names. */
async function discover(
  fetch: ProviderFetch,
  settings: LoginProviderSettings,
  clockSkewMs: number,
): Promise<Client> {
  const { issuer, discoveryURL, clientID, clientSecret } = settings;
  const url = discoveryURL ?? `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const metadata = await explained(async () => {
    const headers = { accept: 'application/json' };
    const answer = await fetch(url, { method: 'GET', headers, body: undefined, signal: undefined });
    if (answer.status !== 200) throw new Error(`${url} answered ${answer.status} instead of 200`);
    return toMetadata(await answer.json(), issuer);
  });
  const client = new Configuration(
    metadata,
    clientID,
    undefined,
    toClientAuth(metadata, clientSecret?.reveal()),
  );
  client[customFetch] = (to, { method, headers, body, signal }) => {
    if (body instanceof ReadableStream) throw new TypeError('a request with a stream for a body');
    return fetch(to, { method, headers, body, signal });
  };
  // Node's own clock counts here: the library has no other.
  Object.assign(client, { [clockTolerance]: clockSkewMs / 1000 });
  return client;
}

function toMetadata(document: unknown, issuer: string): ServerMetadata {
  if (typeof document !== 'object' || document === null || !('issuer' in document)) {
    throw new Error('the discovery document is not one');
  }
  if (document.issuer !== issuer) throw new Error('the discovery document is of another issuer');
  for (const name of ['authorization_endpoint', 'token_endpoint']) {
    const endpoint: unknown = Reflect.get(document, name);
    if (typeof endpoint !== 'string' || !endpoint.startsWith('https://')) {
      throw new Error(`the discovery document has no ${name} with https`);
    }
  }
  return { ...document, issuer };
}

function toClientAuth(metadata: ServerMetadata, secret: string | undefined): ClientAuth {
  if (secret === undefined) return None();
  const methods = metadata.token_endpoint_auth_methods_supported;
  // OpenID Connect Discovery 1.0 §3: basic, unless the document says otherwise.
  return methods === undefined || methods.includes('client_secret_basic')
    ? toBasicAuth(secret)
    : ClientSecretPost(secret);
}

/**
 * RFC 6749 §2.3.1, with no more characters encoded than its appendix B asks for. There are servers that decode nothing:
 * to them `kubelet-gateway` is a client, and the `kubelet%2Dgateway` that the library would send is not.
 */
const toBasicAuth =
  (secret: string): ClientAuth =>
  (_server, { client_id: id }, _body, headers) => {
    const credentials = Buffer.from(`${toFormText(id)}:${toFormText(secret)}`).toString('base64');
    headers.set('authorization', `Basic ${credentials}`);
  };

const toFormText = (text: string): string => new URLSearchParams({ '': text }).toString().slice(1);

function toTokens(answer: { readonly id_token?: string; readonly refresh_token?: string }): ProviderTokens {
  const { id_token: idToken, refresh_token: refreshToken } = answer;
  if (idToken === undefined) throw new SignInFailure('refused', 'the provider gave no ID token');
  return { idToken, ...(refreshToken === undefined ? {} : { refreshToken }) };
}

/** `wordless`: what a refusal means that gives no reason. Most are of a client that is not known, or not by this secret. */
async function explained<Result>(
  task: () => Promise<Result>,
  wordless: SignInProblem = 'misconfigured',
): Promise<Result> {
  try {
    return await task();
  } catch (error) {
    if (error instanceof SignInFailure) throw error;
    throw isWordlessRefusal(error)
      ? new SignInFailure(wordless, "the provider's token endpoint refused without a reason", error)
      : new SignInFailure(toProblem(error), toWords(error), error);
  }
}

const DENIED = ['access_denied', 'consent_required', 'interaction_required', 'login_required'];
const NEEDS_A_PERSON = [
  'login_required',
  'interaction_required',
  'consent_required',
  'account_selection_required',
];

function toProblem(error: unknown): SignInProblem {
  if (error instanceof AuthorizationResponseError) {
    if (NEEDS_A_PERSON.includes(error.error)) return 'needsPerson';
    if (DENIED.includes(error.error)) return 'denied';
    return isTrouble(error.error) ? 'unavailable' : 'misconfigured';
  }
  if (error instanceof ResponseBodyError) {
    if (error.error === 'invalid_grant') return 'expired';
    return error.status >= 500 || isTrouble(error.error) ? 'unavailable' : 'misconfigured';
  }
  if (error instanceof WWWAuthenticateChallengeError) return 'misconfigured';
  if (error instanceof ClientError) {
    switch (error.code) {
      case 'OAUTH_JWT_TIMESTAMP_CHECK_FAILED':
        return 'clock';
      case 'OAUTH_TIMEOUT':
      case 'OAUTH_ABORT':
      case 'OAUTH_RESPONSE_IS_NOT_CONFORM':
      case 'OAUTH_RESPONSE_IS_NOT_JSON':
      case 'OAUTH_PARSE_ERROR':
        return 'unavailable';
      default:
        return 'refused';
    }
  }
  return 'unavailable';
}

/** For the log: codes and no more, because the rest is the provider's text, or that of whoever wrote the URL. */
function toWords(error: unknown): string {
  if (error instanceof AuthorizationResponseError) return `the provider answered with ${toCode(error.error)}`;
  if (error instanceof ResponseBodyError)
    return `the provider's token endpoint answered ${error.status} with ${toCode(error.error)}`;
  if (error instanceof ClientError)
    return `the provider's answer does not hold: ${error.code ?? error.message}`;
  return error instanceof Error ? error.message : 'the provider did not answer';
}

const toCode = (text: string): string => (/^[a-z_]{1,64}$/.test(text) ? text : 'an unknown code');
