// What the pages are handed, and what each of them is asked.

import type { LoginSettings } from '../core/login.ts';
import type { Fault } from '../core/fault.ts';
import type { Identified, Received } from '../core/exchange.ts';
import type { Observer } from '../core/observation.ts';
import type { Clock, Log } from '../core/ports.ts';
import type { SessionInfo } from '../core/session.ts';
import type { Authentication } from '../core/user.ts';
import type { OidcProvider } from '../oidc/provider.ts';
import type { Cookies } from '../browser-session/cookies.ts';
import type { Sealer } from '../browser-session/seal.ts';
import type { SessionSealer } from '../browser-session/session-cookie.ts';
import type { Session } from '../browser-session/session.ts';
import type { SessionStore } from '../login-store/store.ts';
import type { RefreshTokens } from './refresh-tokens.ts';

/** What the cookies of a request are worth (identify/session.ts). */
export type CurrentSession =
  | { readonly kind: 'none' }
  | {
      readonly kind: 'over';
      readonly why: string;
      readonly session?: Session;
      readonly setCookies: readonly string[];
    }
  | {
      readonly kind: 'open';
      readonly session: Session;
      readonly authentication: Authentication;
      readonly setCookies: readonly string[];
    };

/** What a verified logout token says (identify/jwt/logout-token.ts). */
export interface ProviderLogout {
  readonly id: string;
  readonly issuer: string;
  readonly sid?: string;
  readonly subject?: string;
  readonly at: number;
  readonly expiresAt: number;
}

export interface LoginPorts {
  readonly clock: Clock;
  readonly log: Log;
  readonly observe: Observer;
  readonly settings: LoginSettings;
  readonly providers: ReadonlyMap<string, OidcProvider>;
  readonly store: SessionStore;
  readonly sessions: SessionSealer;
  /** For sign-ins under way. */
  readonly sealer: Sealer;
  readonly refreshTokens: RefreshTokens;
  /** The refusal of what another site may have made the browser ask; Unauthorized: a link that a person has followed. */
  readonly findForeignUse: (received: Received) => Fault | undefined;
  /** What another site may have asked for counts as no use of the session. Rejects with a Fault (ServiceUnavailable). */
  readonly openSession: (received: Received) => Promise<CurrentSession>;
  /** The session goes on with another ID token, and what runs in it with it. */
  readonly onRenewed: (session: Session, authentication: Authentication) => void;
  /** Verifies an ID token and maps it to a user. Throws or rejects with a Fault. */
  readonly authenticate: (idToken: string) => Authentication | Promise<Authentication>;
  /** Rejects with a Fault. */
  readonly readLogout: (issuer: string, clientID: string, token: string) => Promise<ProviderLogout>;
  /** Names of the nodes whose metrics the person may read. Rejects with a Fault. */
  readonly readableNodes: (identified: Identified) => Promise<readonly string[]>;
  /** What runs at this gateway in the name of the user. */
  readonly ownSessions: (userName: string) => readonly SessionInfo[];
  /** False: nothing of that user's runs under this id. */
  readonly endOwnSession: (userName: string, id: string) => boolean;
}

export interface PageRequest {
  readonly received: Received;
  /** Which of the gateway's own origins the browser has asked; undefined: none of them. */
  readonly origin: string | undefined;
  readonly query: URLSearchParams;
  readonly cookies: Cookies;
  /** `{provider}` of the path. */
  readonly provider: string;
  /** A form that was posted; empty where none was read. */
  readonly form: URLSearchParams;
}

/** Whether the person came from a page of the gateway, or from nowhere: typed, or a bookmark. */
export function isOwnVisit({ received: { headers } }: PageRequest): boolean {
  const [site, ...others] = headers.all('sec-fetch-site');
  return others.length === 0 && (site === 'same-origin' || site === 'none');
}

/** Whether a form was sent by a page of the gateway, and to the address at which the browser knows it. */
export function isOwnForm({ received: { headers }, origin }: PageRequest): boolean {
  const given = headers.all('origin');
  return origin !== undefined && given.length === 1 && given[0] === origin;
}
