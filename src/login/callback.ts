// The end of a sign-in: what the provider sent the browser back with becomes a session. Everything must fit together: the
// browser that was sent, the state, the nonce, the verifier, the issuer, and the gateway's own rules about tokens.

import { randomBytes } from 'node:crypto';
import type { Authentication } from '../core/user.ts';
import type { OidcProvider, ProviderTokens } from '../oidc/provider.ts';
import type { Session } from '../browser-session/session.ts';
import type { LoginPorts, PageRequest } from './ports.ts';
import type { PageReply } from './reply.ts';
import type { Transaction } from './transaction.ts';
import { Fault } from '../core/fault.ts';
import { SignInFailure } from '../oidc/problem.ts';
import { findSessionEnd, toSessionLabel, toSignIn } from '../browser-session/session.ts';
import { html } from './html.ts';
import { problemPage } from './problems.ts';
import { page, seeOther } from './reply.ts';
import { TRANSACTION_MS, dropTransaction, findTransaction } from './transaction.ts';

/** There are providers that do not know `prompt=none`, or not like this: they may answer anything but a session. */
const PERHAPS_WITH_A_PERSON: ReadonlySet<string> = new Set(['needsPerson', 'denied', 'misconfigured']);

/** GET /-/callback/{provider}. */
export async function callback(ports: LoginPorts, request: PageRequest): Promise<PageReply> {
  const provider = ports.providers.get(request.provider);
  if (provider === undefined) return problemPage('noProvider', 'there is no provider of this name');
  const [state = '', ...others] = request.query.getAll('state');
  const transaction = await findTransaction(ports.sealer, request.cookies, state, ports.clock.now());
  const notes = { 'login-provider': provider.settings.name };
  if (
    others.length > 0 ||
    transaction === undefined ||
    transaction.provider !== provider.settings.name ||
    transaction.origin !== request.origin
  ) {
    return problemPage('stale', 'the answer of a provider without a sign-in of this browser', { notes });
  }
  const again = `/-/login?choose&return=${encodeURIComponent(transaction.returnTo)}`;
  const setCookies = [dropTransaction(state)];
  if (!(await ports.store.once(`login:${state}`, TRANSACTION_MS))) {
    return problemPage('stale', 'the answer of a provider came twice', { again, setCookies, notes });
  }
  try {
    return await complete(ports, request, provider, transaction);
  } catch (error) {
    const problem = toProblem(error);
    if (problem === undefined) throw error;
    const { why, detail } = problem;
    ports.log.warn(
      { provider: provider.settings.name, problem: problem.kind, error: why },
      'a sign-in failed',
    );
    // Asked without a person, and nobody but a person will do: they are asked whether to, and not sent away again.
    if (transaction.isSilent && PERHAPS_WITH_A_PERSON.has(problem.kind)) {
      return seeOther(again, { setCookies, notes });
    }
    return problemPage(problem.kind, why, {
      again,
      setCookies,
      notes: { ...notes, 'login-problem': problem.kind },
      ...(detail === undefined ? {} : { detail }),
    });
  }
}

function toProblem(error: unknown):
  | {
      readonly kind: SignInFailure['problem'] | 'notAccepted';
      readonly why: string;
      readonly detail?: string;
    }
  | undefined {
  if (error instanceof SignInFailure) return { kind: error.problem, why: error.message };
  if (!(error instanceof Fault)) return undefined;
  if (error.reason === 'ServiceUnavailable') return { kind: 'unavailable', why: error.message };
  if (error.reason !== 'Unauthorized') return undefined;
  // The rule, in the gateway's own words.
  const detail = error.message.replace(
    /^the bearer token is refused: its?\b/,
    'The token of the provider is refused: it',
  );
  return /issued in the future|not valid yet/.test(error.message)
    ? { kind: 'clock', why: error.message }
    : { kind: 'notAccepted', why: error.message, detail };
}

async function complete(
  ports: LoginPorts,
  request: PageRequest,
  provider: OidcProvider,
  transaction: Transaction,
): Promise<PageReply> {
  const { store, sessions, clock } = ports;
  const { target } = request.received;
  const tokens = await provider.exchange(new URL(target, transaction.origin), transaction);
  const authentication = await ports.authenticate(tokens.idToken);
  const problem = store.problem();
  if (problem !== undefined) return problemPage('storeAway', problem);
  const former = await sessions.open(request.cookies);
  const session = await toSession(ports, provider, tokens, authentication, (now) =>
    transaction.isSilent ? toContinued(ports, former, now) : now,
  );
  await endFormer(ports, former, session);
  const label = toSessionLabel(session.id);
  const { returnTo, isForeign, state } = transaction;
  const isRenewal = session.id === former?.id;
  return page(
    'Signed in',
    html`<div class="card">
      <h1>You are signed in</h1>
      <p>As <strong>${authentication.user.name}</strong>, by ${provider.settings.displayName}.</p>
      <p><a class="button" href="${returnTo}">Go on</a></p>
      ${isForeign ? html`<p class="faint">You will open <code>${returnTo}</code></p>` : undefined}
    </div>`,
    {
      authentication: { ...authentication, method: 'session' },
      setCookies: [dropTransaction(state), ...(await sessions.set(session, request.cookies, clock.now()))],
      notes: {
        login: isRenewal ? 'renewed by the provider' : 'signed in',
        'login-provider': provider.settings.name,
        'login-session': label,
      },
      ...(isRenewal ? { onStored: () => ports.onRenewed(session, authentication) } : {}),
      // The provider's page began this visit: a redirect would still be its doing, in the browser's eyes.
      ...(isForeign ? {} : { goOnTo: returnTo }),
    },
  );
}

/** Rejects with a SignInFailure for a token that names another issuer than the one that was asked. */
async function toSession(
  { clock, refreshTokens, store }: LoginPorts,
  { settings }: OidcProvider,
  { idToken, refreshToken }: ProviderTokens,
  { signIn, expiresAt }: Authentication,
  settle: (session: Session) => Session,
): Promise<Session> {
  if (signIn?.issuer !== settings.issuer)
    throw new SignInFailure('refused', 'the token is of another issuer');
  if (store.isRevoked(signIn)) throw new SignInFailure('expired', 'the sign-in was ended at the provider');
  const now = clock.now();
  const session: Session = {
    id: randomBytes(24).toString('base64url'),
    provider: settings.name,
    idToken,
    tokenExpiresAt: expiresAt,
    issuer: signIn.issuer,
    subject: signIn.subject,
    signedInAt: signIn.at,
    startedAt: now,
    seenAt: now,
    ...(signIn.sid === undefined ? {} : { sid: signIn.sid }),
  };
  return refreshTokens.keep(settle(session), refreshToken);
}

/**
 * The session that the browser has, with the new token, where the provider says that it is of the very same sign-in: then
 * nobody has signed in, and what runs in it goes on. Without a `sid` that would be guessed.
 */
function toContinued(
  { clock, settings, store }: LoginPorts,
  former: Session | undefined,
  now: Session,
): Session {
  if (former === undefined || now.sid === undefined || former.sid !== now.sid) return now;
  if (former.provider !== now.provider || former.issuer !== now.issuer || former.subject !== now.subject)
    return now;
  const isOver = findSessionEnd(former, settings, clock.now()) !== undefined;
  if (isOver || store.isRevoked(toSignIn(former))) return now;
  const { id, signedInAt, startedAt } = former;
  return { ...now, id, signedInAt, startedAt };
}

/** Whatever session this browser had is over: a cookie that somebody else has put there, or has copied, with it. */
async function endFormer(
  { store, refreshTokens }: LoginPorts,
  former: Session | undefined,
  now: Session,
): Promise<void> {
  if (former === undefined || former.id === now.id) return;
  await store.revoke({ kind: 'session', session: former.id });
  void refreshTokens.drop(former, now);
}
