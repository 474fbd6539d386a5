// The stage identify: Received → Identified. Order and meaning are the kubelet's, made strict: a client certificate
// first, then a bearer token; what is presented and fails is 401 and never falls through; anonymous is
// who has no credential at all, and only at the paths that are configured.
//
//   Impersonate-*, X-Remote-*         403
//   no credential                     401, or anonymous
//   one of them, or both, fails       401
//   both, of different users          400
//   both, of one user                 the certificate counts
//   a certificate alone, for a page
//     of another origin               403
//   a session's cookie beside a token   the cookie is not looked at: a browser sends no token by itself
//   a session's cookie beside a
//     certificate of another user     400
//   a session's cookie, and none of the
//     gateway's own pages asks        403 (session-rules.ts)

import type { Identified, Received } from '../core/exchange.ts';
import type { Lifetime } from '../core/lifetime.ts';
import type { Authentication } from '../core/user.ts';
import { ANONYMOUS } from '../core/user.ts';
import { refuseAssertedIdentity } from './asserted-identity.ts';
import { readBearer } from './bearer.ts';
import { refuseForeignPage } from './foreign-page.ts';
import { badRequest, unauthorized } from './refusals.ts';
import type { OpenSession, OpenedSession } from './session.ts';
import { findForeignUse } from './session-rules.ts';
import { SESSION_COOKIE } from '../browser-session/cookies.ts';
import type { CertificateAuthenticator } from './x509.ts';

/**
 * Throws or rejects with a Fault unless the token names a user now. Answers at once when it is known already. `source`
 * is the address that the request came from, for bounds.
 */
export type TokenAuthenticator = (token: string, source: string) => Authentication | Promise<Authentication>;

export interface Authenticators {
  /** Undefined: no X.509 users; a certificate that is presented all the same is refused. */
  readonly certificate: CertificateAuthenticator | undefined;
  /** Undefined: no token users; a token that is presented all the same is refused. */
  readonly token: TokenAuthenticator | undefined;
  /** Paths, exactly as a request writes them, that need no credential. Default none. */
  readonly anonymousPaths?: ReadonlySet<string>;
  /** Undefined: no session of a browser counts, and its cookie is nobody's business. */
  readonly session?: SessionUse | undefined;
}

export interface SessionUse {
  readonly open: OpenSession;
  /** The gateway's own, as browsers write them. */
  readonly origins: ReadonlySet<string>;
  /** The session's user for an exchange, which is told while it runs for how long the session goes on. */
  readonly follow: (opened: OpenedSession, lifetime: Lifetime) => Authentication;
  /** Sends `Set-Cookie` lines with the answer, whatever it will be. */
  readonly setCookies: (received: Received, lines: readonly string[]) => void;
}

export type Identify = (received: Received) => Identified | Promise<Identified>;

/** Throws, or rejects with, a Fault. Answers without a promise whenever nothing has to be waited for. */
export function createIdentify({
  certificate,
  token,
  anonymousPaths = new Set(),
  session,
}: Authenticators): Identify {
  return (received) => {
    refuseAssertedIdentity(received.headers);
    const bearer = readBearer(received.headers);
    const presented = received.peer.certificate;
    const byCertificate = presented === undefined ? undefined : (certificate ?? refuseCertificate)(presented);
    if (bearer === undefined) {
      const cookie = session === undefined || !hasSession(received) ? undefined : session;
      const without = (): Identified => withoutToken(received, byCertificate, anonymousPaths);
      return cookie === undefined ? without() : bySession(cookie, received, byCertificate, without);
    }
    const byToken = (token ?? refuseToken)(bearer, received.peer.sourceIPs[0]);
    return byToken instanceof Promise
      ? byToken.then((authentication) => ({
          ...received,
          authentication: agreed(byCertificate, authentication),
        }))
      : { ...received, authentication: agreed(byCertificate, byToken) };
  };
}

function withoutToken(
  received: Received,
  byCertificate: Authentication | undefined,
  anonymousPaths: ReadonlySet<string>,
): Identified {
  if (byCertificate === undefined) {
    if (!anonymousPaths.has(pathOf(received.target))) throw unauthorized('the request has no credential');
    return { ...received, authentication: { user: ANONYMOUS, method: 'anonymous', expiresAt: NEVER } };
  }
  refuseForeignPage(received);
  return { ...received, authentication: byCertificate };
}

const hasSession = ({ headers }: Received): boolean =>
  headers.first('cookie') !== undefined &&
  headers.all('cookie').some((line) => line.includes(`${SESSION_COOKIE}=`));

/** A session that is over is no credential: what else there is counts, or that there is nothing. */
async function bySession(
  { open, origins, follow, setCookies }: SessionUse,
  received: Received,
  byCertificate: Authentication | undefined,
  without: () => Identified,
): Promise<Identified> {
  const refusal = findForeignUse(received, origins);
  const outcome = await open({ headers: received.headers, isUse: refusal === undefined });
  if (outcome.kind === 'none') return without();
  if (outcome.kind === 'over') {
    // An ID token that has run out: the page for signing in knows from it whom to ask, without asking the person.
    if (outcome.why !== 'expired') setCookies(received, outcome.setCookies);
    return without();
  }
  if (refusal !== undefined) throw refusal;
  setCookies(received, outcome.setCookies);
  if (byCertificate === undefined) {
    return { ...received, authentication: follow(outcome, received.lifetime) };
  }
  if (byCertificate.user.name !== outcome.authentication.user.name) {
    throw badRequest('the client certificate and the session of the browser name different users');
  }
  return { ...received, authentication: byCertificate };
}

/** What stands before the query; another spelling of a path is another path here. */
function pathOf(target: string): string {
  const query = target.indexOf('?');
  return query < 0 ? target : target.slice(0, query);
}

const NEVER = Number.MAX_SAFE_INTEGER;

function agreed(byCertificate: Authentication | undefined, byToken: Authentication): Authentication {
  if (byCertificate === undefined) return byToken;
  if (byCertificate.user.name !== byToken.user.name) {
    throw badRequest('the client certificate and the bearer token name different users');
  }
  return byCertificate;
}

const refuseCertificate = (): never => {
  throw unauthorized('client certificates are not accepted here');
};

const refuseToken = (): never => {
  throw unauthorized('bearer tokens are not accepted here');
};
