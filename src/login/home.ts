// Where a person lands: the nodes whose metrics they may read, what they have running, and who they are to the gateway.
// Claims as they were mapped, never a token.

import type { Identified } from '../core/exchange.ts';
import type { Authentication } from '../core/user.ts';
import type { Html } from './html.ts';
import type { LoginPorts, PageRequest } from './ports.ts';
import type { PageReply } from './reply.ts';
import { Fault } from '../core/fault.ts';
import { HOME_PATH } from '../browser-session/own-path.ts';
import { answerForeign, asksForPage } from './foreign.ts';
import { html, toTime } from './html.ts';
import { toOwnSessions } from './own-sessions.ts';
import { problemPage } from './problems.ts';
import { json, page, refusal, seeOther } from './reply.ts';

/** More than a person reads; the rest is reached by its address. */
const MAX_NODES = 1_000;

const LINKS = [
  ['metrics', 'metrics'],
  ['cAdvisor', 'metrics/cadvisor'],
  ['resource', 'metrics/resource'],
  ['stats', 'stats/summary'],
  ['pods', 'pods'],
  ['health', 'healthz'],
] as const;

/** GET /-/home. */
export async function home(ports: LoginPorts, request: PageRequest): Promise<PageReply> {
  const foreign = answerForeign(ports, request, HOME_PATH);
  if (foreign !== undefined) return foreign;
  const current = await ports.openSession(request.received);
  if (current.kind !== 'open') return seeOther(`/-/login?return=${encodeURIComponent(HOME_PATH)}`);
  const { authentication, setCookies } = current;
  const known = { authentication, setCookies };
  const identified: Identified = { ...request.received, authentication };
  let nodes: readonly string[];
  try {
    nodes = await ports.readableNodes(identified);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return problemPage('internal', error.message, { ...known, again: HOME_PATH, detail: error.message });
  }
  return page('Nodes', toHome(nodes, toOwnSessions(ports, authentication.user.name)), known);
}

const toHome = (nodes: readonly string[], sessions: Html): Html => html`
  <h1>Nodes</h1>
  ${
    nodes.length === 0
      ? html`<p>
          There is no node whose metrics you may read. If you expected one, ask the operators of the gateway
          for
          <code>get nodes/metrics</code>. <a href="/-/whoami">Who you are to the gateway</a>
        </p>`
      : html`<div class="card scroll">
            <table class="stack">
              <caption>
                ${String(nodes.length)} ${nodes.length === 1 ? 'node' : 'nodes'} whose metrics you may read.
                ${nodes.length > MAX_NODES ? `The first ${MAX_NODES} are shown.` : undefined}
              </caption>
              <thead>
                <tr>
                  <th scope="col">Node</th>
                  <th scope="col">What it says</th>
                </tr>
              </thead>
              <tbody>
                ${nodes.slice(0, MAX_NODES).map(toRow)}
              </tbody>
            </table>
          </div>
          <p class="faint">
            Each link needs its own right, which is asked for when you follow it.
            <a href="/-/whoami">Who you are to the gateway</a>
          </p>`
  }
  ${sessions}
`;

const toRow = (node: string): Html =>
  html`<tr>
    <th scope="row">${node}</th>
    <td>
      ${LINKS.map(([words, path]) => html`<a href="/nodes/${node}/${path}" aria-label="${words} of ${node}">${words}</a> `)}
    </td>
  </tr>`;

const WHOAMI_PATH = '/-/whoami';

/** GET /-/whoami: a page for people, JSON for programs. */
export async function whoami(ports: LoginPorts, request: PageRequest): Promise<PageReply> {
  const foreign = answerForeign(ports, request, WHOAMI_PATH);
  if (foreign !== undefined) return foreign;
  const current = await ports.openSession(request.received);
  const isPage = asksForPage(request);
  if (current.kind !== 'open') {
    if (isPage) return seeOther(`/-/login?return=${encodeURIComponent(WHOAMI_PATH)}`);
    const message = 'nobody is signed in in this browser';
    return refusal('Unauthorized', message, { kind: 'json', value: { error: message } });
  }
  const { session, authentication, setCookies } = current;
  const known = { authentication, setCookies };
  const facts = {
    provider: session.provider,
    issuer: session.issuer,
    signedInAt: new Date(session.startedAt).toISOString(),
    endsAt: new Date(session.startedAt + ports.settings.absoluteMs).toISOString(),
  };
  const { user } = authentication;
  if (!isPage) {
    const { name: username, uid, groups, extra } = user;
    return json({ user: { username, uid, groups, extra }, session: facts }, known);
  }
  return page('Who you are', toWhoami(user, facts), known);
}

const toWhoami = (
  { name, uid, groups, extra }: Authentication['user'],
  facts: {
    readonly provider: string;
    readonly issuer: string;
    readonly signedInAt: string;
    readonly endsAt: string;
  },
): Html => html`
  <h1>Who you are to the gateway</h1>
  <div class="card">
    <dl>
      <dt>User</dt>
      <dd><strong>${name}</strong></dd>
      ${
        uid === ''
          ? undefined
          : html`<dt>User id</dt>
              <dd>${uid}</dd>`
      }
      <dt>Groups</dt>
      <dd>${groups.join(', ')}</dd>
      ${Object.entries(extra).map(
        ([key, values]) =>
          html`<dt>${key}</dt>
            <dd>${values.join(', ')}</dd>`,
      )}
      <dt>Known by</dt>
      <dd>${facts.provider}, <code>${facts.issuer}</code></dd>
      <dt>Signed in</dt>
      <dd>${toTime(Date.parse(facts.signedInAt))}</dd>
      <dt>Ends at the latest</dt>
      <dd>${toTime(Date.parse(facts.endsAt))}</dd>
    </dl>
  </div>
  <p><a href="${HOME_PATH}">Nodes</a></p>
`;
