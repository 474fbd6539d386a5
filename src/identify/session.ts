// Sessions of browsers: from the cookies of a request to the user. The ID token in the cookie is verified and mapped like
// any bearer token of its issuer, each time; on top come the session's own limits and the list of those that are over.

import type { HeaderLines } from '../core/headers.ts';
import type { Clock, Log } from '../core/ports.ts';
import type { Authentication, SignIn } from '../core/user.ts';
import type { Cookies } from '../browser-session/cookies.ts';
import type { Session, SessionLimits } from '../browser-session/session.ts';
import type { SessionSealer } from '../browser-session/session-cookie.ts';
import type { SessionStore } from '../login-store/store.ts';
import type { Renewed } from './session-renewal.ts';
import { Fault } from '../core/fault.ts';
import { clearSplitCookie, readCookies, SESSION_COOKIE } from '../browser-session/cookies.ts';
import { findSessionEnd, toSignIn } from '../browser-session/session.ts';
import { createRenewal } from './session-renewal.ts';

/** What the cookies of a request are worth. */
export type SessionOutcome =
  | { readonly kind: 'none' }
  /** `setCookies` are lines that take the cookie away. `session` is known where only its time is over. */
  | {
      readonly kind: 'over';
      readonly why: SessionEnd;
      readonly session?: Session;
      readonly setCookies: readonly string[];
    }
  | OpenedSession;

/** `setCookies` are lines that bring the cookie up to date; usually none. */
export interface OpenedSession {
  readonly kind: 'open';
  readonly session: Session;
  readonly authentication: Authentication;
  readonly setCookies: readonly string[];
}

/** expired: the ID token is, and could not be renewed, or may not be for this request. */
export type SessionEnd = 'unreadable' | 'future' | 'idle' | 'absolute' | 'signedOut' | 'expired' | 'refused';

export interface SessionRequest {
  readonly headers: HeaderLines;
  /**
   * False where another site may have made the browser ask: that keeps no session from being idle, and renews none, whatever
   * is answered.
   */
  readonly isUse: boolean;
}

/** Rejects with a Fault (ServiceUnavailable) when it cannot be told. */
export type OpenSession = (request: SessionRequest) => Promise<SessionOutcome>;

export interface SessionPorts {
  readonly clock: Clock;
  readonly log: Log;
  readonly store: SessionStore;
  readonly sealer: SessionSealer;
  /** Verifies and maps an ID token. Throws or rejects with a Fault. */
  readonly authenticate: (idToken: string) => Authentication | Promise<Authentication>;
  /**
   * Renews at the session's provider: undefined when there is nothing to renew with. Rejects with a Fault: Unauthorized
   * when the provider will not, ServiceUnavailable when it cannot be asked.
   */
  readonly renew: (session: Session) => undefined | (() => Promise<Renewed>);
  /** Told of every use that counts. `isNews`: the cookie is brought up to date with it. */
  readonly onUsed?: (use: {
    readonly session: Session;
    readonly authentication: Authentication;
    readonly isNews: boolean;
  }) => void;
}

/** How long before its end an ID token is renewed. */
const EARLY_MS = 30_000;
/** How old `seenAt` in the cookie may become, as a part of the idle limit. */
const SEEN_PART = 10;
const SEEN_MS = 60_000;

export function createOpenSession(ports: SessionPorts, limits: SessionLimits): OpenSession {
  const { clock, log, store, sealer } = ports;
  const renewal = createRenewal({ clock });
  const seenMs = Math.min(SEEN_MS, limits.idleMs / SEEN_PART);

  const over = (cookies: Cookies, why: SessionEnd, session?: Session): SessionOutcome => {
    log.debug({ why }, 'a session is over');
    const setCookies = clearSplitCookie(SESSION_COOKIE, cookies);
    return { kind: 'over', why, setCookies, ...(session === undefined ? {} : { session }) };
  };

  const renewed = async (session: Session, isUse: boolean): Promise<Session | 'expired'> => {
    if (session.tokenExpiresAt - EARLY_MS > clock.now()) return session;
    const renew = isUse ? ports.renew(session) : undefined;
    if (renew !== undefined) {
      try {
        const tokens = await renewal(session.id, session.refreshToken ?? session.idToken, renew);
        return await toRenewed(ports, session, tokens);
      } catch (error) {
        if (!(error instanceof Fault)) throw error;
        // Until the token's own end the provider need not be there.
        const isLate = session.tokenExpiresAt <= clock.now();
        if (error.reason !== 'Unauthorized' && isLate) throw error;
        if (error.reason === 'Unauthorized') return 'expired';
      }
    }
    return session.tokenExpiresAt > clock.now() ? session : 'expired';
  };

  return async ({ headers, isUse }) => {
    const cookies = readCookies(headers);
    if (!cookies.has(SESSION_COOKIE)) return { kind: 'none' };
    const before = await sealer.open(cookies);
    if (before === undefined) return over(cookies, 'unreadable');
    const end = findSessionEnd(before, limits, clock.now());
    if (end !== undefined) return over(cookies, end);
    refuseUnlessKnown(store);
    if (store.isRevoked(toSignIn(before))) return over(cookies, 'signedOut');
    const session = await renewed(before, isUse);
    if (session === 'expired') return over(cookies, 'expired', before);
    const authentication = await authenticateSession(ports, session, limits);
    if (authentication === undefined) return over(cookies, 'refused', before);
    // It may have been ended while the provider was asked.
    if (store.isRevoked(toSignIn(session))) return over(cookies, 'signedOut');
    const now = clock.now();
    const seenAt = isUse ? now : before.seenAt;
    const isFresh = session === before && seenAt - before.seenAt < seenMs;
    if (isUse) ports.onUsed?.({ session, authentication, isNews: !isFresh });
    const setCookies = isFresh ? [] : await sealer.set({ ...session, seenAt }, cookies, now);
    return { kind: 'open', session, authentication, setCookies };
  };
}

/** Whoever was signed out elsewhere must not be let in here: no list, no sessions. */
function refuseUnlessKnown(store: SessionStore): void {
  const problem = store.problem();
  if (problem === undefined) return;
  throw new Fault(
    'ServiceUnavailable',
    'sessions of browsers cannot be checked at present: try again later',
    {
      cause: new Error(problem),
    },
  );
}

/** OpenID Connect Core 1.0 §12.2: the new token is of the same issuer and person. */
async function toRenewed(
  { authenticate }: SessionPorts,
  session: Session,
  tokens: Renewed,
): Promise<Session> {
  const { signIn, expiresAt } = await authenticate(tokens.idToken);
  if (signIn?.issuer !== session.issuer || signIn.subject !== session.subject) {
    throw new Fault('Unauthorized', 'the renewed token is of somebody else');
  }
  const { refreshToken = session.refreshToken } = tokens;
  return {
    ...session,
    idToken: tokens.idToken,
    tokenExpiresAt: expiresAt,
    ...(refreshToken === undefined ? {} : { refreshToken }),
  };
}

/** Undefined: the issuer's rules do not let the person in (any more). */
async function authenticateSession(
  { authenticate }: SessionPorts,
  session: Session,
  { absoluteMs }: SessionLimits,
): Promise<Authentication | undefined> {
  try {
    const found = await authenticate(session.idToken);
    if (found.signIn?.issuer !== session.issuer || found.signIn.subject !== session.subject) return undefined;
    return {
      ...found,
      method: 'session',
      signIn: { ...toSignIn(session), ...toStrength(found.signIn) },
      expiresAt: Math.min(found.expiresAt, session.startedAt + absoluteMs),
    };
  } catch (error) {
    if (error instanceof Fault && error.reason === 'Unauthorized') return undefined;
    throw error;
  }
}

/** How the person proved who they are is the current token's to say. */
const toStrength = ({ authenticatedAt, acr, amr }: SignIn): Partial<SignIn> => ({
  ...(authenticatedAt === undefined ? {} : { authenticatedAt }),
  ...(acr === undefined ? {} : { acr }),
  ...(amr === undefined ? {} : { amr }),
});
