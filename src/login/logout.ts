// The end of a session: by the person, here and at the provider (OpenID Connect RP-Initiated Logout 1.0), or by the
// provider (Back-Channel Logout 1.0). What is over is over at once, streams that run included.

import type { Revocation } from '../login-store/revocations.ts';
import type { LoginPorts, PageRequest, ProviderLogout } from './ports.ts';
import type { PageReply } from './reply.ts';
import { Fault } from '../core/fault.ts';
import { SESSION_COOKIE, clearSplitCookie } from '../browser-session/cookies.ts';
import { toSessionLabel } from '../browser-session/session.ts';
import { html } from './html.ts';
import { isOwnForm } from './ports.ts';
import { problemPage } from './problems.ts';
import { json, page } from './reply.ts';

export const LOGGED_OUT_PATH = '/-/logged-out';

/** GET /-/logout: a page with a button, for links and bookmarks. Nothing ends by following a link. */
export const askLogout = (): PageReply =>
  page(
    'Sign out',
    html`<div class="card">
      <h1>Sign out?</h1>
      <p>Your session in this browser ends, and with it whatever runs in it.</p>
      <form method="post" action="/-/logout"><button>Sign out</button></form>
    </div>`,
  );

/** POST /-/logout. */
export async function logout(ports: LoginPorts, request: PageRequest): Promise<PageReply> {
  const { origin, cookies } = request;
  if (origin === undefined || !isOwnForm(request)) {
    return problemPage('foreignForm', "a logout needs the gateway's own Origin");
  }
  const setCookies = clearSplitCookie(SESSION_COOKIE, cookies);
  // Whether or not it still counts: it must not count again.
  const session = await ports.sessions.open(cookies);
  if (session === undefined) return loggedOut({ setCookies });
  const current = await findCurrent(ports, request);
  const authentication = current?.authentication;
  const notes = {
    login: 'signed out',
    'login-provider': session.provider,
    'login-session': toSessionLabel(session.id),
  };
  const known = { setCookies, notes, ...(authentication === undefined ? {} : { authentication }) };
  try {
    await ports.store.revoke({ kind: 'session', session: session.id });
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    const detail =
      'You are signed out here. The other gateways could not be told yet; sign out again in a moment.';
    return problemPage('storeAway', error.message, { ...known, detail });
  }
  // To find out who it is may have renewed it: the newest token is the one to give back.
  void ports.refreshTokens.drop(current?.session ?? session);
  const elsewhere = await findEndOfSession(ports, session.provider, session.idToken, origin);
  if (elsewhere === undefined) return loggedOut(known);
  return page(
    'Signing out',
    html`<div class="card">
      <h1>You are signed out here</h1>
      <p>You are being signed out at the identity provider, too.</p>
      <p><a class="button" href="${elsewhere}">Go on</a></p>
    </div>`,
    { ...known, goOnTo: elsewhere },
  );
}

/** For the audit event. */
async function findCurrent({ openSession }: LoginPorts, { received }: PageRequest) {
  try {
    const current = await openSession(received);
    return current.kind === 'open' ? current : undefined;
  } catch {
    return undefined;
  }
}

async function findEndOfSession(
  { providers, log }: LoginPorts,
  name: string,
  idToken: string,
  origin: string,
): Promise<string | undefined> {
  try {
    return (await providers.get(name)?.endSessionURL(idToken, `${origin}${LOGGED_OUT_PATH}`))?.href;
  } catch (error) {
    const why = error instanceof Error ? error.message : 'unknown';
    log.warn({ provider: name, error: why }, 'nobody could be signed out at the identity provider');
    return undefined;
  }
}

/** GET /-/logged-out, and what a logout without a provider ends with. */
export const loggedOut = (known: Partial<PageReply> = {}): PageReply =>
  page(
    'Signed out',
    html`<div class="card">
      <h1>You are signed out</h1>
      <p>Nothing of your session is left in this browser.</p>
      <p><a class="button" href="/-/login?choose">Sign in again</a></p>
    </div>`,
    known,
  );

/** POST /-/backchannel-logout/{provider}: from the provider itself, not from a browser. */
export async function backChannelLogout(ports: LoginPorts, request: PageRequest): Promise<PageReply> {
  const provider = ports.providers.get(request.provider);
  if (provider === undefined) return refuse('NotFound', 'there is no provider of this name');
  const { name, issuer, clientID } = provider.settings;
  const notes = { 'login-provider': name };
  const [token, ...others] = request.form.getAll('logout_token');
  if (token === undefined || others.length > 0) {
    return refuse('BadRequest', 'the form needs one logout_token', notes);
  }
  let logoutOf: ProviderLogout;
  try {
    logoutOf = await ports.readLogout(issuer, clientID, token);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    // §2.8: 400 for a token that does not count. A 5xx says: come again.
    return refuse(error.code >= 500 ? 'ServiceUnavailable' : 'BadRequest', error.message, notes);
  }
  // Before it counts as used: a provider that is told to come again must not be refused then. Twice ends no more than once.
  for (const revocation of toRevocations(logoutOf)) await ports.store.revoke(revocation);
  const ttlMs = Math.max(1_000, logoutOf.expiresAt - ports.clock.now());
  if (!(await ports.store.once(`logout:${JSON.stringify([issuer, logoutOf.id])}`, ttlMs))) {
    return refuse('BadRequest', 'the logout token has been used', notes);
  }
  ports.log.info({ provider: name }, 'the identity provider has signed somebody out');
  return {
    status: 200,
    content: { kind: 'nothing' },
    notes: {
      ...notes,
      login: 'signed out by the provider',
      ...(logoutOf.subject === undefined ? {} : { 'login-subject': logoutOf.subject }),
      ...(logoutOf.sid === undefined ? {} : { 'login-sid': toSessionLabel(logoutOf.sid) }),
    },
  };
}

/**
 * §2.7: with a `sid` that sign-in alone is over, without one all of the person's. Some providers name the `sid` here and
 * not in ID tokens: the person's sessions of which nobody can say which sign-in they are end with any of them.
 */
function toRevocations({ issuer, sid, subject, at }: ProviderLogout): readonly Revocation[] {
  // `at` knows seconds: what began within that second has begun before.
  const until = at + 999;
  const ofPerson = subject === undefined ? [] : [{ kind: 'subject', issuer, subject, until } as const];
  if (sid === undefined) return ofPerson;
  return [
    { kind: 'sid', issuer, sid },
    ...ofPerson.map((one) => ({ ...one, unnamedSessions: true }) as const),
  ];
}

function refuse(
  reason: 'BadRequest' | 'NotFound' | 'ServiceUnavailable',
  message: string,
  notes: Readonly<Record<string, string>> = {},
): PageReply {
  const fault = new Fault(reason, message);
  const value = { error: 'invalid_request', error_description: message };
  return json(value, { status: fault.code, fault, notes });
}
