// Signing in at an OpenID provider from the command line (OpenID Connect Core, RFC 8252, RFC 8628): authorization code
// with PKCE, device code, and refresh. The library checks what the provider answers; nothing here trusts a token.

import type { Configuration, TokenEndpointResponse, TokenEndpointResponseHelpers } from 'openid-client';
import {
  AuthorizationResponseError,
  ClientError,
  None,
  ClientSecretPost,
  ResponseBodyError,
  authorizationCodeGrant,
  buildAuthorizationUrl,
  calculatePKCECodeChallenge,
  customFetch,
  discovery,
  initiateDeviceAuthorization,
  pollDeviceAuthorizationGrant,
  randomNonce,
  randomPKCECodeVerifier,
  randomState,
  refreshTokenGrant,
  tokenRevocation,
} from 'openid-client';
import type { Secret } from '../core/secret.ts';
import type { Fetch } from '../outbound/fetch.ts';
import { isTrouble, isWordlessRefusal } from '../outbound/refusal.ts';
import { createSkew } from './skew.ts';
import type { Skew } from './skew.ts';
import { SignInError, toPrintable, tooLate } from './sign-in-error.ts';

export interface ProviderSettings {
  readonly issuer: string;
  readonly clientId: string;
  /** Absent: a public client, as programs on people's machines are (RFC 8252 §8.4). */
  readonly clientSecret?: Secret;
  readonly scopes: readonly string[];
  /** Which of the tokens a gateway takes. Kubernetes takes ID tokens. */
  readonly token: 'id' | 'access';
}

/** How fresh or how strong a login has to be. */
export interface Demand {
  readonly maxAgeSeconds?: number;
  readonly acrValues?: readonly string[];
}

export interface Tokens {
  readonly token: string;
  /** Of `token`, in milliseconds since the epoch by the clock of this machine, as are all times here. */
  readonly expiresAt: number;
  readonly refreshToken?: string;
  /** The user in the provider's words, for a message. */
  readonly subject: string;
  /** When the person last proved who they are. */
  readonly authenticatedAt?: number;
  readonly acr?: string;
}

export interface CodeFlow {
  /** To be opened in a browser. */
  readonly url: string;
  /** A callback without this value is none of ours. */
  readonly state: string;
  redeem(callback: URL): Promise<Tokens>;
}

export interface DeviceFlow {
  readonly userCode: string;
  readonly verificationUri: string;
  /** With the code in it, where the provider offers that. */
  readonly verificationUriComplete?: string;
  wait(signal: AbortSignal): Promise<Tokens>;
}

/** All methods reject with a SignInError. */
export interface Provider {
  readonly hasDeviceFlow: boolean;
  /** How far the clock of this machine is ahead of the provider's, as far as that is more than a moment. */
  readonly clockAheadMs: () => number;
  beginCode(redirectUri: string, demand: Demand): Promise<CodeFlow>;
  beginDevice(demand: Demand): Promise<DeviceFlow>;
  /** Gives the refresh token back (RFC 7009). False: the provider has no place for that. */
  forget(refreshToken: string): Promise<boolean>;
  /** Undefined: the provider does not take the refresh token any more. */
  refresh(refreshToken: string): Promise<Tokens | undefined>;
}

/** Asks the provider for its discovery document. Rejects with a SignInError. */
export async function connectProvider(fetch: Fetch, settings: ProviderSettings): Promise<Provider> {
  const skew = createSkew(fetch);
  const configuration = await explained(settings, () => discover(skew.fetch, settings));
  const toOwn = (answer: Answer): Tokens => toTokens(settings, answer, skew);
  const scope = settings.scopes.join(' ');
  return {
    hasDeviceFlow: configuration.serverMetadata().device_authorization_endpoint !== undefined,
    clockAheadMs: skew.aheadMs,
    beginCode: (redirectUri, demand) =>
      explained(settings, () => beginCode(configuration, settings, { scope, redirectUri, demand, toOwn })),
    beginDevice: (demand) =>
      explained(settings, async () => {
        const offer = await initiateDeviceAuthorization(configuration, { scope, ...toParameters(demand) });
        const complete = offer.verification_uri_complete;
        return {
          userCode: toPrintable(offer.user_code),
          verificationUri: toPrintable(offer.verification_uri),
          ...(complete === undefined ? {} : { verificationUriComplete: toPrintable(complete) }),
          wait: (signal) =>
            explained(settings, async () => {
              try {
                return toOwn(await pollDeviceAuthorizationGrant(configuration, offer, undefined, { signal }));
              } catch (error) {
                throw signal.aborted ? tooLate() : error;
              }
            }),
        };
      }),
    forget: (refreshToken) =>
      explained(settings, async () => {
        if (configuration.serverMetadata().revocation_endpoint === undefined) return false;
        await tokenRevocation(configuration, refreshToken, { token_type_hint: 'refresh_token' });
        return true;
      }),
    refresh: (refreshToken) => refresh(configuration, settings, refreshToken, toOwn),
  };
}

const discover = (
  fetch: Fetch,
  { issuer, clientId, clientSecret }: ProviderSettings,
): Promise<Configuration> =>
  discovery(
    new URL(issuer),
    clientId,
    undefined,
    clientSecret === undefined ? None() : ClientSecretPost(clientSecret.reveal()),
    {
      [customFetch]: (url, { method, headers, body, signal }) => {
        if (body instanceof ReadableStream) throw new TypeError('requests to a provider are never streamed');
        return fetch(url, { method, headers, body, signal });
      },
    },
  );

async function beginCode(
  configuration: Configuration,
  settings: ProviderSettings,
  {
    scope,
    redirectUri,
    demand,
    toOwn,
  }: { scope: string; redirectUri: string; demand: Demand; toOwn: (answer: Answer) => Tokens },
): Promise<CodeFlow> {
  const state = randomState();
  const nonce = randomNonce();
  const verifier = randomPKCECodeVerifier();
  const url = buildAuthorizationUrl(configuration, {
    redirect_uri: redirectUri,
    scope,
    state,
    nonce,
    code_challenge: await calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    // Some providers give out a refresh token only with the consent that comes with this.
    ...(settings.scopes.includes('offline_access') ? { prompt: 'consent' } : {}),
    ...toParameters(demand),
  });
  const checks = {
    expectedState: state,
    expectedNonce: nonce,
    pkceCodeVerifier: verifier,
    idTokenExpected: settings.scopes.includes('openid'),
    ...(demand.maxAgeSeconds === undefined ? {} : { maxAge: demand.maxAgeSeconds }),
  };
  return {
    url: url.href,
    state,
    redeem: (callback) =>
      explained(settings, async () => toOwn(await authorizationCodeGrant(configuration, callback, checks))),
  };
}

async function refresh(
  configuration: Configuration,
  settings: ProviderSettings,
  refreshToken: string,
  toOwn: (answer: Answer) => Tokens,
): Promise<Tokens | undefined> {
  try {
    const answer = await refreshTokenGrant(configuration, refreshToken);
    // A provider may answer without an ID token (OpenID Connect Core §12.2): then only a login brings a new one.
    if (settings.token === 'id' && answer.id_token === undefined) return undefined;
    return { refreshToken, ...toOwn(answer) };
  } catch (error) {
    const isRefusal = error instanceof ResponseBodyError ? !isTrouble(error.error) : isWordlessRefusal(error);
    // Of a provider in trouble a login would meet the same.
    if (isRefusal) return undefined;
    throw toSignInError(settings, error);
  }
}

const toParameters = ({ maxAgeSeconds, acrValues }: Demand): Record<string, string> => ({
  ...(maxAgeSeconds === undefined ? {} : { max_age: String(maxAgeSeconds) }),
  ...(acrValues === undefined ? {} : { acr_values: acrValues.join(' ') }),
});

type Answer = TokenEndpointResponse & TokenEndpointResponseHelpers;

function toTokens({ token: which, issuer }: ProviderSettings, answer: Answer, { aheadMs }: Skew): Tokens {
  const claims = answer.claims();
  const token = which === 'id' ? answer.id_token : answer.access_token;
  if (token === undefined) throw new SignInError(`${issuer} gave no ID token: is "openid" among the scopes?`);
  const lifetimeSeconds = answer.expiresIn();
  const toOwnTime = (seconds: number): number => seconds * 1000 + aheadMs();
  // Without a word about its end a token is asked for anew every time.
  const expiresAt =
    which === 'id'
      ? toOwnTime(claims?.exp ?? 0)
      : lifetimeSeconds === undefined
        ? 0
        : Date.now() + lifetimeSeconds * 1000;
  const acr = claims?.['acr'];
  return {
    token,
    expiresAt,
    subject: toPrintable(claims?.sub ?? 'somebody'),
    ...(answer.refresh_token === undefined ? {} : { refreshToken: answer.refresh_token }),
    ...(claims?.auth_time === undefined ? {} : { authenticatedAt: toOwnTime(claims.auth_time) }),
    ...(typeof acr === 'string' ? { acr } : {}),
  };
}

async function explained<T>(settings: ProviderSettings, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    throw toSignInError(settings, error);
  }
}

/** What went wrong and what to do, in words. */
function toSignInError({ issuer, clientId }: ProviderSettings, error: unknown): SignInError {
  if (error instanceof SignInError) return error;
  if (error instanceof AuthorizationResponseError || error instanceof ResponseBodyError) {
    return new SignInError(toProviderWords(issuer, clientId, error.error, error.error_description), error);
  }
  if (error instanceof ClientError) {
    return new SignInError(`the answer of ${issuer} cannot be accepted: ${toReason(error)}`, error);
  }
  return new SignInError(
    `${issuer} cannot be reached: ${toReason(error)}. Check the network, the URL, and --certificate-authority if its certificate is of a private authority`,
    error,
  );
}

function toProviderWords(issuer: string, clientId: string, code: string, description?: string): string {
  switch (code) {
    case 'access_denied':
      return 'the login was refused or cancelled at the provider; run the command again to retry';
    case 'expired_token':
      return 'the code was not entered in time; run the command again for a new one';
    case 'invalid_client':
    case 'unauthorized_client':
      return `${issuer} does not let the client "${clientId}" sign in like this; ask who registered it there`;
    default:
      return `${issuer} answered ${code}${description === undefined ? '' : ` (${description})`}`;
  }
}

/** The library's errors say little by themselves and name the rest as their cause. */
function toReason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  if (/"exp"|"iat"|"nbf"|too much time has elapsed/.test(error.message)) {
    return `${error.message}; is the clock of this machine right?`;
  }
  return cause instanceof Error ? `${error.message} (${toReason(cause)})` : error.message;
}
