// The beginning of a sign-in: whom to ask, and the way there. A browser is sent on by itself once at most in a while: who
// comes back without a session is shown a page instead of being sent around in circles.

import type { LoginDemand } from '../core/fault.ts';
import type { OidcProvider } from '../oidc/provider.ts';
import type { LoginPorts, PageRequest } from './ports.ts';
import type { PageReply } from './reply.ts';
import { ATTEMPT_COOKIE, setCookie } from '../browser-session/cookies.ts';
import { HOME_PATH, isOwnPath } from '../browser-session/own-path.ts';
import { SignInFailure } from '../oidc/problem.ts';
import { readDemand, toLoginQuery } from './demand.ts';
import type { Html } from './html.ts';
import { html } from './html.ts';
import { goOn, refuseForeign } from './foreign.ts';
import { isOwnVisit } from './ports.ts';
import { problemPage } from './problems.ts';
import { page, seeOther } from './reply.ts';
import { createProofs, keepTransaction } from './transaction.ts';

/** How long after an automatic attempt there is no other. */
const ATTEMPT_SECONDS = 60;

/** Where the person wants to go; undefined when that is not a page of this gateway. */
function readReturn({ query }: PageRequest): string | undefined {
  const [given, ...others] = query.getAll('return');
  if (given === undefined) return HOME_PATH;
  return others.length === 0 && isOwnPath(given) ? given : undefined;
}

const badReturn = (): PageReply =>
  problemPage('badReturn', 'the address to return to is not a path of the gateway');

/** GET /-/login: goes on for who is signed in, else asks the provider, else the person. */
export async function login(ports: LoginPorts, request: PageRequest): Promise<PageReply> {
  const returnTo = readReturn(request);
  if (returnTo === undefined) return badReturn();
  const foreign = refuseForeign(ports, request);
  if (foreign !== undefined) return foreign;
  const current = await ports.openSession(request.received);
  const demand = readDemand(request.query);
  if (current.kind === 'open' && demand === undefined && !request.query.has('choose')) {
    const { authentication, setCookies } = current;
    const known = { authentication, setCookies };
    return isOwnVisit(request) ? seeOther(returnTo, known) : goOn(returnTo, known);
  }
  // What has run out is renewed by a click that is the person's own, and not by another site's link.
  const hasRunOut = current.kind === 'over' && current.why === 'expired';
  const isPlain = demand === undefined && !request.query.has('choose');
  if (hasRunOut && isPlain && !isOwnVisit(request)) return goOn(returnTo, {});
  // An attempt for any login is none for a better one.
  const attemptValue = demand === undefined ? '1' : 'fresh';
  const wasSent = request.cookies.get(ATTEMPT_COOKIE) === attemptValue;
  const asked =
    wasSent || request.query.has('choose') ? undefined : findAutomatic(ports, current, demand !== undefined);
  if (asked !== undefined) {
    const attempt = setCookie(ATTEMPT_COOKIE, attemptValue, ATTEMPT_SECONDS);
    return begin(ports, request, asked.provider, {
      returnTo,
      silentFor: asked.silentFor,
      demand,
      setCookies: [attempt],
    });
  }
  const cameBack = wasSent && !request.query.has('choose');
  return choose(ports, { returnTo, demand, cameBack });
}

/** Whose session has only run out is asked for silently; a single provider needs no choice. */
function findAutomatic(
  { providers }: LoginPorts,
  current: Awaited<ReturnType<LoginPorts['openSession']>>,
  mustBeFresh: boolean,
): { readonly provider: OidcProvider; readonly silentFor?: string } | undefined {
  if (mustBeFresh && current.kind === 'open') {
    const provider = providers.get(current.session.provider);
    if (provider !== undefined) return { provider };
  }
  if (!mustBeFresh && current.kind === 'over' && current.why === 'expired' && current.session !== undefined) {
    const provider = providers.get(current.session.provider);
    if (provider !== undefined) return { provider, silentFor: current.session.idToken };
  }
  const [only, ...others] = providers.values();
  return only !== undefined && others.length === 0 ? { provider: only } : undefined;
}

/** GET /-/login/{provider}: the person has chosen. */
export async function loginAt(ports: LoginPorts, request: PageRequest): Promise<PageReply> {
  const returnTo = readReturn(request);
  if (returnTo === undefined) return badReturn();
  const provider = ports.providers.get(request.provider);
  if (provider === undefined) return problemPage('noProvider', 'there is no provider of this name');
  const demand = readDemand(request.query);
  return begin(ports, request, provider, { returnTo, silentFor: undefined, demand, setCookies: [] });
}

async function begin(
  { clock, log, sealer }: LoginPorts,
  request: PageRequest,
  provider: OidcProvider,
  {
    returnTo,
    silentFor,
    demand,
    setCookies,
  }: {
    returnTo: string;
    /** The ID token of the session that has run out. */
    silentFor: string | undefined;
    demand: LoginDemand | undefined;
    setCookies: readonly string[];
  },
): Promise<PageReply> {
  const { origin, cookies } = request;
  if (origin === undefined) return problemPage('wrongHost', 'the Host is none of login.externalURLs');
  const { name } = provider.settings;
  const proofs = createProofs();
  try {
    const url = await provider.authorizationURL(toRedirectURI(origin, name), proofs, {
      silentFor,
      ...demand,
    });
    const isForeign = !isOwnVisit(request);
    const transaction = {
      ...proofs,
      provider: name,
      origin,
      returnTo,
      isForeign,
      isSilent: silentFor !== undefined,
      startedAt: clock.now(),
    };
    const kept = await keepTransaction(sealer, transaction, cookies);
    return seeOther(url.href, { setCookies: [...setCookies, ...kept], notes: { 'login-provider': name } });
  } catch (error) {
    if (!(error instanceof SignInFailure)) throw error;
    log.warn({ provider: name, problem: error.problem, error: error.message }, 'a sign-in could not begin');
    const notes = { 'login-provider': name, 'login-problem': error.problem };
    return problemPage(error.problem, 'the identity provider could not be asked', { notes });
  }
}

const toRedirectURI = (origin: string, provider: string): string => `${origin}/-/callback/${provider}`;

/** asked: the first page. The others: after one try that brought no session, or not the login that a rule demands. */
type Occasion = 'asked' | 'noSession' | 'notEnough';

function toAdvice(occasion: Occasion): Html {
  switch (occasion) {
    case 'asked':
      return html`<p>Choose who knows you. You will come back here.</p>`;
    case 'noSession':
      return html`<p class="warning">
        You were sent to sign in a moment ago and came back without a session. If that happens again, check
        that this browser accepts cookies of this site.
      </p>`;
    case 'notEnough':
      return html`<p class="warning">
        What you opened needs a newer or stronger login. You were sent to sign in for it a moment ago, and the
        provider's answer does not show one. Wait a minute and open it again; if this page comes back, ask who
        runs the gateway: the provider has to put <code>auth_time</code>, <code>acr</code> or
        <code>amr</code> into its ID tokens.
      </p>`;
  }
}

interface Asked {
  readonly returnTo: string;
  readonly demand: LoginDemand | undefined;
  /** From a try that did not bring what was wanted. */
  readonly cameBack: boolean;
}

function choose({ providers }: LoginPorts, { returnTo, demand, cameBack }: Asked): PageReply {
  const occasion: Occasion = !cameBack ? 'asked' : demand === undefined ? 'noSession' : 'notEnough';
  const query = new URLSearchParams({
    return: returnTo,
    ...(demand === undefined ? {} : toLoginQuery(demand)),
  });
  return page(
    'Sign in',
    html`<div class="card">
      <h1>Sign in</h1>
      ${toAdvice(occasion)}
      <ul class="actions">
        ${[...providers.values()].map(
          ({ settings: { name, displayName } }) =>
            html`<li>
              <a class="button" href="/-/login/${name}?${query.toString()}">${displayName}</a>
            </li>`,
        )}
      </ul>
    </div>`,
    occasion === 'notEnough' ? { notes: { 'login-problem': occasion } } : {},
  );
}
