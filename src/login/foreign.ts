// What pages that show something of a session answer to what another site makes a browser ask: to a link a page with the
// address, which the person opens with a click; to anything else a refusal. Neither tells whether somebody is signed in.

import type { LoginPorts, PageRequest } from './ports.ts';
import type { PageReply } from './reply.ts';
import { SESSION_COOKIE } from '../browser-session/cookies.ts';
import { html } from './html.ts';
import { problemPage } from './problems.ts';
import { page, refusal } from './reply.ts';

/** Undefined: the person asks, or a page of the gateway's own; or there is no session, and so nothing to be told. */
export function answerForeign(
  ports: Pick<LoginPorts, 'findForeignUse'>,
  request: PageRequest,
  path: string,
): PageReply | undefined {
  const isLink = ports.findForeignUse(request.received)?.reason === 'Unauthorized';
  if (isLink) return request.cookies.has(SESSION_COOKIE) ? goOn(path) : undefined;
  return refuseForeign(ports, request);
}

/** The same for what is no link: pages are opened, and not asked for by scripts of other sites. */
export function refuseForeign(
  ports: Pick<LoginPorts, 'findForeignUse'>,
  request: PageRequest,
): PageReply | undefined {
  const fault = ports.findForeignUse(request.received);
  if (fault === undefined || fault.reason === 'Unauthorized') return undefined;
  const { headers } = request.received;
  const hasSession = request.cookies.has(SESSION_COOKIE);
  const isOfBrowser = headers.first('sec-fetch-site') !== undefined || headers.first('origin') !== undefined;
  return hasSession || isOfBrowser ? refuse(request, fault.message) : undefined;
}

function refuse(request: PageRequest, why: string): PageReply {
  if (!asksForPage(request)) return refusal('Forbidden', why, { kind: 'json', value: { error: why } });
  return problemPage(request.origin === undefined ? 'wrongHost' : 'foreignForm', why);
}

export const asksForPage = ({ received: { headers } }: PageRequest): boolean =>
  headers.all('accept').some((line) => /\btext\/html\b/i.test(line));

/** Another site's link to somebody who is signed in: what it opens is opened with a click that is the person's own. */
export const goOn = (returnTo: string, known: Partial<PageReply> = {}): PageReply =>
  page(
    'Go on?',
    html`<div class="card">
      <h1>Go on?</h1>
      <p>Another site has sent you to this page of the gateway:</p>
      <p><code>${returnTo}</code></p>
      <p><a class="button" href="${returnTo}">Open it</a></p>
    </div>`,
    known,
  );
