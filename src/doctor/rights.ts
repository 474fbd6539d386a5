// What a kubelet lets the credential do, by GETs that change nothing, and whether it asks anybody before it does.
// Paths and their attributes: pkg/kubelet/server/auth.go.

import type { ActionKind } from '../core/action.ts';
import type { KubeletCredential } from '../core/node.ts';
import type { Ask, KubeletAnswer } from './ask.ts';
import type { KubeletSettings } from './configz.ts';
import type { Finding } from './finding.ts';
import { parseSettings } from './configz.ts';
import { info, quoteForeign } from './finding.ts';

export interface Probe {
  readonly path: string;
  readonly right: string;
  readonly actions: readonly ActionKind[];
}

const NO_SUCH_POD = '/containerLogs/kubelet-gateway-doctor/no-such-pod/none';

/** No pod has this name, and a GET of a log or of nothing runs nothing. */
const PROBES: readonly Probe[] = [
  { path: '/healthz', right: 'get nodes/healthz', actions: ['healthz'] },
  { path: '/metrics', right: 'get nodes/metrics', actions: ['metrics'] },
  { path: '/stats/summary?only_cpu_and_memory=true', right: 'get nodes/stats', actions: ['stats'] },
  { path: '/pods', right: 'get nodes/pods', actions: ['pods', 'runningPods'] },
  { path: '/logs/', right: 'get nodes/log', actions: ['nodeLogs'] },
  { path: '/configz', right: 'get nodes/configz', actions: ['configz'] },
  {
    path: NO_SUCH_POD,
    right: 'get nodes/proxy',
    actions: ['containerLogs', 'pprof'],
  },
];

export interface Answered {
  readonly probe: Probe;
  readonly answer: KubeletAnswer;
}

export interface Rights {
  readonly findings: readonly Finding[];
  readonly settings: KubeletSettings | undefined;
  readonly answers: readonly Answered[];
}

/** Asks everything, one after the other. `needed`: the actions that the mappings can send with this credential. */
export async function judgeRights(
  ask: Ask,
  credential: KubeletCredential,
  needed: ReadonlySet<ActionKind>,
): Promise<Rights> {
  const answers: Answered[] = [];
  for (const probe of PROBES) {
    const answer = await ask(probe.path);
    answers.push({ probe, answer });
    // Whoever fails once, or is not known, need not be asked seven times.
    if (answer.kind === 'failed' || answer.code === 401) break;
  }
  const configz = answers.find(({ probe }) => probe.path === '/configz')?.answer;
  const settings =
    configz?.kind === 'answer' && configz.code === 200 ? parseSettings(configz.body) : undefined;
  return { findings: judge(answers, credential, needed), settings, answers };
}

function judge(
  answers: readonly Answered[],
  credential: KubeletCredential,
  needed: ReadonlySet<ActionKind>,
): Finding[] {
  const name = JSON.stringify(credential.name);
  const last = answers.at(-1);
  if (last?.answer.kind === 'failed') return [toBroken(last.probe, last.answer.error)];
  if (last?.answer.kind === 'answer' && last.answer.code === 401) return [toRejected(credential)];
  const codes = answers.flatMap(({ probe, answer }) => (answer.kind === 'answer' ? [{ probe, answer }] : []));
  const refused = codes.filter(({ answer }) => answer.code === 403);
  // A path that a kubelet does not serve is 404 before anybody is asked about it; a pod that it has not is 404 after.
  const allowed = codes.filter(
    ({ probe, answer }) => answer.code !== 403 && (answer.code !== 404 || probe.path === NO_SUCH_POD),
  );
  return [
    info(
      'credential-rights',
      `the credential ${name} is accepted; it may ${toList(allowed) || 'nothing that was tried'}` +
        `${refused.length === 0 ? '' : ` and may not ${toList(refused)}`}; what runs something (create nodes/proxy) was not tried`,
    ),
    ...refused
      .filter(({ probe }) => probe.actions.some((action) => needed.has(action)))
      .map(({ probe, answer }): Finding => {
        const actions = probe.actions.filter((action) => needed.has(action)).join(', ');
        return {
          id: 'credential-lacks-right',
          severity: 'warning',
          what: `the credential ${name} may not ${probe.right}: ${quoteForeign(answer.body)}`,
          why: `A credential mapping can choose it for ${actions}, and users would be told that the gateway's credential was refused.`,
          todo: `Bind a ClusterRole with ${probe.right} to the user that the kubelet names, or narrow the actions of the mapping.`,
        };
      }),
  ];
}

const toList = (answers: readonly { readonly probe: Probe }[]): string =>
  answers.map(({ probe }) => probe.right).join(', ');

const toBroken = ({ path }: Probe, error: Error): Finding => ({
  id: 'no-answer',
  severity: 'error',
  what: `${path} was not answered: ${quoteForeign(error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message)}`,
  why: 'The connection stands, and what speaks at its other end does not answer as a kubelet does.',
  todo: 'Look at the log of the kubelet at this time, and at whatever stands between it and the gateway.',
});

const toRejected = ({ name, material }: KubeletCredential): Finding => ({
  id: 'credential-rejected',
  severity: 'error',
  what: `the kubelet does not accept the credential ${JSON.stringify(name)}: 401`,
  why: 'The gateway cannot do anything at this node.',
  todo:
    material.kind === 'certificate'
      ? "The certificate must be by an authority in the kubelet's clientCAFile (authentication.x509), be within its time by the node's clock, and be for clients (clientAuth)."
      : "A kubelet accepts tokens only with authentication.webhook.enabled, and only those that the API server's TokenReview accepts for the API server's own audience; a token that has expired, or was made for another audience, is 401.",
});
