// What runs in the person's own name at this gateway, wherever they have begun it: shown on the first page, and ended there
// with a click. Nobody else's is: for those who look after others there is the admin API, with rights of its own.

import type { SessionInfo } from '../core/session.ts';
import type { Html } from './html.ts';
import type { LoginPorts, PageRequest } from './ports.ts';
import type { PageReply } from './reply.ts';
import { HOME_PATH } from '../browser-session/own-path.ts';
import { toHumanDuration } from '../kubectl/human-duration.ts';
import { html, toTime } from './html.ts';
import { isOwnForm } from './ports.ts';
import { problemPage } from './problems.ts';
import { seeOther } from './reply.ts';

export const END_PATH = '/-/sessions/end';

/** The rest ends with the oldest, or is listed by `kubelet-gateway sessions`. */
const MAX_SHOWN = 100;
const MAX_COMMAND = 200;

/** The longest first. */
export function toOwnSessions({ clock, settings, ownSessions }: LoginPorts, user: string): Html {
  const all = [...ownSessions(user)].sort((one, other) => one.startedAt - other.startedAt);
  const now = clock.now();
  return html`
    <h2>What you have running</h2>
    ${
      all.length === 0
        ? html`<p class="faint">Nothing: no exec, attach, port-forward or followed log.</p>`
        : html`<div class="card scroll">
            <table class="stack">
              <caption>
                ${String(all.length)} ${all.length === 1 ? 'session' : 'sessions'} of yours, in this browser
                or with kubectl. ${all.length > MAX_SHOWN ? `The oldest ${MAX_SHOWN} are shown.` : undefined}
              </caption>
              <thead>
                <tr>
                  <th scope="col">What</th>
                  <th scope="col">Where</th>
                  <th scope="col">Since</th>
                  <th scope="col">From</th>
                  <th scope="col"><span class="unseen">End it</span></th>
                </tr>
              </thead>
              <tbody>
                ${all.slice(0, MAX_SHOWN).map((info) => toRow(info, now))}
              </tbody>
            </table>
          </div>`
    }
    ${settings.replicas === 'several' ? html`<p class="faint">At this gateway; others may have more of them.</p>` : undefined}
  `;
}

function toRow(info: SessionInfo, now: number): Html {
  const { id, action, node, namespace, pod, container, startedAt, clientAddresses, recorded } = info;
  const place = namespace === '' ? node : `${namespace}/${pod}`;
  const command = info.command?.join(' ') ?? '';
  return html`<tr>
    <th scope="row">
      ${toWords(action)} ${command === '' ? undefined : html`<code>${shortened(command)}</code>`}
      ${recorded ? html`<span class="faint">recorded</span>` : undefined}
    </th>
    <td>
      ${place}${container === undefined ? undefined : html` <span class="faint">(${container})</span>`}
      ${namespace === '' ? undefined : html`<br /><span class="faint">on ${node}</span>`}
    </td>
    <td>${toHumanDuration(now - startedAt)} ago<br /><span class="faint">${toTime(startedAt)}</span></td>
    <td>${clientAddresses.at(0) ?? ''}</td>
    <td>
      <form method="post" action="${END_PATH}">
        <input type="hidden" name="id" value="${id}" />
        <button class="plain" aria-label="End ${toWords(action)} in ${place}">End</button>
      </form>
    </td>
  </tr>`;
}

/** As the commands that begin them are called. */
function toWords(action: string): string {
  if (action === 'containerLogs') return 'logs -f';
  return action === 'portForward' ? 'port-forward' : action;
}

const shortened = (command: string): string =>
  command.length <= MAX_COMMAND ? command : `${command.slice(0, MAX_COMMAND)}…`;

/** POST /-/sessions/end: one of the person's own, from a page of the gateway. */
export async function endOwnSession(ports: LoginPorts, request: PageRequest): Promise<PageReply> {
  if (!isOwnForm(request))
    return problemPage('foreignForm', "ending a session needs the gateway's own Origin");
  const current = await ports.openSession(request.received);
  if (current.kind !== 'open') return problemPage('needsPerson', 'the session of the browser is over');
  const { authentication, setCookies } = current;
  const known = { authentication, setCookies };
  const [id = '', ...others] = request.form.getAll('id');
  if (others.length > 0 || !ports.endOwnSession(authentication.user.name, id)) {
    return problemPage('noSession', 'no session of this user runs under this id', known);
  }
  return seeOther(HOME_PATH, { ...known, notes: { 'ended-session': id } });
}
