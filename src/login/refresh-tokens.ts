// Where refresh tokens are kept, and how they are used. In the session's cookie, where that is safe; in the shared store
// where a provider gives each out for one use and several gateways would use it; nowhere where there is no such store.

import type { LoginProviderSettings, LoginSettings } from '../core/login.ts';
import type { Clock, Log } from '../core/ports.ts';
import type { OidcProvider, ProviderTokens } from '../oidc/provider.ts';
import type { Sealer } from '../browser-session/seal.ts';
import type { Session } from '../browser-session/session.ts';
import type { SessionStore, SharedTokens } from '../login-store/store.ts';
import { Fault } from '../core/fault.ts';
import { SignInFailure } from '../oidc/problem.ts';

export type Place = 'cookie' | 'store' | 'nowhere';

const toPlace = (
  { replicas, redis }: Pick<LoginSettings, 'replicas' | 'redis'>,
  { rotatesRefreshTokens }: Pick<LoginProviderSettings, 'rotatesRefreshTokens'>,
): Place => {
  if (replicas === 'one' || !rotatesRefreshTokens) return 'cookie';
  return redis === undefined ? 'nowhere' : 'store';
};

export interface RefreshTokens {
  /** The session with its refresh token put where it belongs. Rejects with a Fault when the store is out of reach. */
  keep(session: Session, refreshToken: string | undefined): Promise<Session>;
  /** Undefined: there is nothing to renew it with. The function rejects with a Fault. */
  readonly renew: (session: Session) => undefined | (() => Promise<ProviderTokens>);
  /**
   * The session is over: forgets its newest token, here and at the provider. `successor`: the session that the same browser
   * has now, whose tokens may be of the same grant, which a provider revokes as a whole (RFC 7009 §2.1). Never rejects.
   */
  drop(session: Session, successor?: Session): Promise<void>;
}

/** An ID token in the store that is good for so long need not be renewed. */
const FRESH_MS = 45_000;

export interface RefreshPorts {
  readonly clock: Clock;
  readonly log: Log;
  readonly store: SessionStore;
  /** For the shared store. */
  readonly sealer: Sealer;
  readonly providers: ReadonlyMap<string, OidcProvider>;
}

export function createRefreshTokens(
  ports: RefreshPorts,
  settings: Pick<LoginSettings, 'replicas' | 'redis' | 'absoluteMs'>,
): RefreshTokens {
  const { log, store, providers } = ports;
  const shared = store.tokens === undefined ? undefined : createSharedSessions(ports, store.tokens, settings);
  /** The shared store, where this session's tokens are there. */
  const sharedOf = ({ provider }: Session): SharedSessions | undefined => {
    const known = providers.get(provider);
    return known !== undefined && toPlace(settings, known.settings) === 'store' ? shared : undefined;
  };

  return {
    keep: async (session, refreshToken) => {
      const known = providers.get(session.provider);
      if (refreshToken === undefined || known === undefined) return session;
      if (toPlace(settings, known.settings) === 'cookie') return { ...session, refreshToken };
      const { idToken, tokenExpiresAt } = session;
      await sharedOf(session)?.write(session, { idToken, tokenExpiresAt, refreshToken });
      return session;
    },
    renew: (session) => {
      const provider = providers.get(session.provider);
      if (provider === undefined) return undefined;
      const { refreshToken } = session;
      if (refreshToken !== undefined) return () => toFaults(() => provider.renew(refreshToken));
      const place = sharedOf(session);
      return place && (() => place.renew(session, provider));
    },
    drop: async (session, successor) => {
      try {
        const kept = await sharedOf(session)?.take(session);
        if (successor !== undefined && mayBeOneGrant(session, successor)) return;
        const refreshToken = session.refreshToken ?? kept?.refreshToken;
        if (refreshToken !== undefined) await providers.get(session.provider)?.forget(refreshToken);
      } catch (error) {
        const why = error instanceof Error ? error.message : 'unknown';
        log.debug({ provider: session.provider, error: why }, 'a refresh token was not taken back');
      }
    },
  };
}

/** Providers grant by sign-in of theirs, where they say which it was; who is somebody else has another grant in any case. */
const mayBeOneGrant = (one: Session, other: Session): boolean =>
  one.provider === other.provider &&
  one.subject === other.subject &&
  (one.sid === undefined || other.sid === undefined || one.sid === other.sid);

interface SharedSessions {
  write(session: Session, kept: Kept): Promise<void>;
  /** What is kept, and from now on is not: the newest, because a renewal that runs is waited for. */
  take(session: Session): Promise<Kept | undefined>;
  renew(session: Session, provider: OidcProvider): Promise<ProviderTokens>;
}

/** Sealed values in the shared store, of which one gateway at a time renews one. */
function createSharedSessions(
  { clock, sealer }: RefreshPorts,
  tokens: SharedTokens,
  { absoluteMs }: Pick<LoginSettings, 'absoluteMs'>,
): SharedSessions {
  const read = async ({ id }: Session): Promise<Kept | undefined> => {
    const text = await tokens.read(id);
    return text === undefined ? undefined : parse(await sealer.open(text));
  };
  const write = async ({ id, startedAt }: Session, kept: Kept): Promise<void> =>
    tokens.write(id, await sealer.seal(kept), startedAt + absoluteMs - clock.now());
  return {
    write,
    take: (session) =>
      tokens.alone(session.id, async () => {
        const kept = await read(session);
        if (kept !== undefined) await tokens.remove(session.id);
        return kept;
      }),
    renew: (session, provider) =>
      tokens.alone(session.id, async () => {
        const kept = await read(session);
        if (kept === undefined) throw new Fault('Unauthorized', 'the session cannot be renewed');
        // Another gateway has done it in the meantime.
        const isNewer = kept.idToken !== session.idToken && kept.tokenExpiresAt > clock.now() + FRESH_MS;
        if (isNewer) return { idToken: kept.idToken };
        const { idToken, refreshToken = kept.refreshToken } = await toFaults(() =>
          provider.renew(kept.refreshToken),
        );
        await write(session, { idToken, tokenExpiresAt: readExpiry(idToken), refreshToken });
        return { idToken };
      }),
  };
}

async function toFaults<Result>(task: () => Promise<Result>): Promise<Result> {
  try {
    return await task();
  } catch (cause) {
    if (!(cause instanceof SignInFailure)) throw cause;
    const isFinal = cause.problem !== 'unavailable' && cause.problem !== 'misconfigured';
    throw isFinal
      ? new Fault('Unauthorized', 'the identity provider does not renew the session', { cause })
      : new Fault('ServiceUnavailable', 'the identity provider cannot be reached to renew the session', {
          cause,
        });
  }
}

interface Kept {
  readonly idToken: string;
  readonly tokenExpiresAt: number;
  readonly refreshToken: string;
}

function parse(value: unknown): Kept | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { idToken, tokenExpiresAt, refreshToken } = value as Readonly<Record<string, unknown>>;
  if (typeof idToken !== 'string' || typeof refreshToken !== 'string') return undefined;
  return typeof tokenExpiresAt === 'number' ? { idToken, tokenExpiresAt, refreshToken } : undefined;
}

/** Of a token straight from its provider: only whether to ask again hangs on it. In milliseconds since the epoch. */
function readExpiry(idToken: string): number {
  try {
    const claims: unknown = JSON.parse(Buffer.from(idToken.split('.')[1] ?? '', 'base64url').toString());
    const exp = typeof claims === 'object' && claims !== null && 'exp' in claims ? claims.exp : 0;
    return typeof exp === 'number' ? exp * 1000 : 0;
  } catch {
    return 0;
  }
}
