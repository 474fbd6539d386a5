// People who sign in with a browser: the pages, the sessions that count on the line, and what ends them.

import type { GatewayConfiguration } from '../core/configuration.ts';
import type { Found, Identified, Received } from '../core/exchange.ts';
import type { LoginProviderSettings, LoginSettings } from '../core/login.ts';
import type { Ending } from '../core/observation.ts';
import type { Clock, Log } from '../core/ports.ts';
import type { Identify, SessionUse } from '../identify/identify.ts';
import type { JwtAuthenticator } from '../identify/jwt/authenticator.ts';
import type { LoginPorts } from '../login/ports.ts';
import type { SessionStore } from '../login-store/store.ts';
import type { Foundation } from './foundation.ts';
import { composeLoginStore, toStoreKey } from './login-store.ts';
import { createSessionNews } from './session-news.ts';
import { createSessionSealer } from '../browser-session/session-cookie.ts';
import { isOwnPath } from '../browser-session/own-path.ts';
import type { Purpose } from '../browser-session/keys.ts';
import { createSealer } from '../browser-session/seal.ts';
import type { LoginDemand } from '../core/fault.ts';
import { Fault } from '../core/fault.ts';
import { isSessionId } from '../core/operation.ts';
import type { LiveSessions } from '../core/session.ts';
import { MAX_TOKEN_LENGTH } from '../identify/bearer.ts';
import { createOpenSession } from '../identify/session.ts';
import { findForeignUse, isNavigation, refuseDangerousRead } from '../identify/session-rules.ts';
import { addCookies, sendAnswer } from '../listen/answer.ts';
import { toLoginQuery } from '../login/demand.ts';
import { createLoginPages } from '../login/login.ts';
import { toRefusalPage } from '../login/refusal-page.ts';
import { createRefreshTokens } from '../login/refresh-tokens.ts';
import { createOidcProvider } from '../oidc/provider.ts';
import { createFetch } from '../outbound/fetch.ts';

export interface ComposedLogin {
  readonly session: SessionUse;
  /** Serves `/-/…`, and `/` to people. False: not one of ours. */
  servePage(received: Received): boolean;
  /** Refuses whose sign-in is over, and keeps the exchange within reach of a logout. Throws a Fault. */
  readonly admit: (identified: Identified) => Identified;
  /** Throws a Fault for what a cookie alone must not reach. */
  readonly check: (found: Found) => Found;
  /** Shows a person the refusal as a page, or sends them to where they can sign in; undefined for everybody else. */
  readonly refusePerson: (received: Received, fault: Fault) => Ending | undefined;
  start(): Promise<void>;
  release(): void;
}

/** Throws an Error when a key cannot be used. */
export function composeLogin(
  foundation: Foundation,
  { login: settings, authentication }: GatewayConfiguration,
  {
    tokens,
    readableNodes,
  }: { readonly tokens: JwtAuthenticator; readonly readableNodes: LoginPorts['readableNodes'] },
): ComposedLogin | undefined {
  if (settings === undefined) return undefined;
  const { clock, log, observer } = foundation;
  const sessions = createSessionSealer(settings.cookieKeys, settings);
  const toSealer = (purpose: Purpose) => createSealer(settings.cookieKeys, purpose);
  const sealer = toSealer('login');
  const { providers, close } = composeProviders({ clock, log }, settings.providers, authentication.jwt);
  const held = foundation.loginStores.take(toStoreKey(settings), () =>
    composeLoginStore(foundation, settings),
  );
  const { store } = held.value;
  const kept = { clock, log, store, sealer: toSealer('tokens'), providers };
  const refreshTokens = createRefreshTokens(kept, settings);
  const authenticate = (idToken: string) => tokens.authenticate(refuseTooLong(idToken));
  const { renew } = refreshTokens;
  const { leases } = foundation;
  const news = createSessionNews({ clock, leases, store, sealer: toSealer('news') }, settings);
  const openSession = createOpenSession(
    { clock, log, store, sealer: sessions, authenticate, renew, onUsed: news.onUsed },
    settings,
  );
  const origins = new Set(settings.origins);
  const serve = createLoginPages({
    ...{ clock, log, observe: observer, settings, providers, store, sessions, sealer, refreshTokens },
    findForeignUse: (received) => findForeignUse(received, origins),
    openSession: (received) => {
      const isUse = findForeignUse(received, origins) === undefined;
      return openSession({ headers: received.headers, isUse });
    },
    onRenewed: (session, authentication) => news.onUsed({ session, authentication, isNews: true }),
    ...{ authenticate, readableNodes, ...toOwnSessions(foundation.sessions) },
    readLogout: (issuer, clientID, token) => tokens.readLogout(issuer, clientID, token),
  });
  return {
    session: {
      ...{ open: openSession, follow: news.follow },
      ...{ origins, setCookies: addCookies },
    },
    servePage: (received) => {
      if (!isPage(received)) return false;
      serve(received);
      return true;
    },
    ...createLineRules(foundation, settings, store),
    start: () => held.value.start(),
    release: () => {
      news.stop();
      held.release();
      close();
    },
  };
}

/** What a person may see and end of what runs: their own, and by its name, which is what rules go by. */
const toOwnSessions = (live: LiveSessions): Pick<LoginPorts, 'ownSessions' | 'endOwnSession'> => ({
  ownSessions: (userName) =>
    Array.from(live.list(), (session) => session.info()).filter(({ user }) => user === userName),
  endOwnSession: (userName, id) => {
    const session = isSessionId(id) ? live.get(id) : undefined;
    if (session?.info().user !== userName) return false;
    session.terminate(userName, undefined);
    return true;
  },
});

/** The limit of any bearer token; a longer one would not fit into the cookies of a session. */
function refuseTooLong(idToken: string): string {
  if (idToken.length <= MAX_TOKEN_LENGTH) return idToken;
  const words = `it is longer than ${MAX_TOKEN_LENGTH} characters; the provider has to put fewer groups into it`;
  throw new Fault('Unauthorized', `the bearer token is refused: ${words}`);
}

/** What the stages of the line are told. */
function createLineRules(
  { clock, signIns }: Foundation,
  { providers }: LoginSettings,
  store: SessionStore,
): Pick<ComposedLogin, 'admit' | 'check' | 'refusePerson'> {
  const issuers = new Set(providers.map(({ issuer }) => issuer));
  return {
    admit: (identified) => {
      const { signIn } = identified.authentication;
      if (signIn === undefined || !issuers.has(signIn.issuer)) return identified;
      // First within reach, then asked about: a logout in between finds it.
      signIns.add(signIn, identified.lifetime);
      if (!store.isRevoked(signIn)) return identified;
      throw new Fault('Unauthorized', 'the sign-in that this credential comes of has been ended');
    },
    check: (found) => {
      refuseDangerousRead(found);
      return found;
    },
    refusePerson: (received, fault) => {
      if (!mayBeSent(received)) return undefined;
      const { target, auditId } = received;
      const answer =
        fault.reason === 'Unauthorized' ? toLogin(target, fault.login) : toRefusalPage(fault, auditId);
      return { ...sendAnswer(received, answer, clock), fault };
    },
  };
}

/** The stage identify, with what a logout has to say about it. */
export const withLogin =
  (login: ComposedLogin | undefined, identify: Identify): Identify =>
  (received) => {
    const identified = identify(received);
    if (login === undefined) return identified;
    return identified instanceof Promise ? identified.then(login.admit) : login.admit(identified);
  };

/** A person, with no credential but a cookie. */
const mayBeSent = (received: Received): boolean =>
  isNavigation(received) && received.headers.first('authorization') === undefined;

function toLogin(target: string, demand: LoginDemand | undefined) {
  const query = new URLSearchParams({
    ...(isOwnPath(target) ? { return: target } : {}),
    ...(demand === undefined ? {} : toLoginQuery(demand)),
  });
  return {
    status: 303,
    contentType: 'text/plain; charset=utf-8',
    body: 'See Other\n',
    headers: { location: `/-/login${query.size === 0 ? '' : `?${query.toString()}`}` },
  };
}

const isPage = (received: Received): boolean =>
  received.reply.kind === 'http' &&
  (received.target.startsWith('/-/') || (received.target === '/' && isNavigation(received)));

function composeProviders(
  { clock }: { readonly clock: Clock; readonly log: Log },
  settings: readonly LoginProviderSettings[],
  options: { readonly clockSkewMs: number },
) {
  const made = settings.map((provider) => {
    const client = createFetch({ certificateAuthority: provider.certificateAuthority });
    const made = createOidcProvider({ clock, fetch: client.fetch }, provider, options);
    return { name: provider.name, provider: made, client };
  });
  return {
    providers: new Map(made.map(({ name, provider }) => [name, provider])),
    close: () => {
      for (const { client } of made) void client.close();
    },
  };
}
