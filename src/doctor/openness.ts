// What undoes the gateway: ways into a kubelet that pass it by. What the node does counts before what it says.

import type { KubeletCredential } from '../core/node.ts';
import type { Ask, KubeletAnswer } from './ask.ts';
import type { KubeletSettings } from './configz.ts';
import type { Finding } from './finding.ts';
import type { Answered } from './rights.ts';
import { info, quoteForeign, toPlain } from './finding.ts';

/** Paths that exist on every kubelet. Asked without a credential. */
const ANONYMOUS_PATHS = ['/pods', '/configz', '/healthz'] as const;

const BYPASS =
  'Whoever reaches the port can pass the gateway by, with its sign-in, its rights, its audit log and its recordings.';

export async function judgeAnonymous(ask: Ask, settings: KubeletSettings | undefined): Promise<Finding> {
  const answers: (KubeletAnswer & { readonly path: string })[] = [];
  for (const path of ANONYMOUS_PATHS) answers.push({ ...(await ask(path)), path });
  const codes = answers.flatMap((answer) => (answer.kind === 'answer' ? [answer] : []));
  const served = codes.find(({ code }) => code >= 200 && code < 300);
  const todo =
    "Set authentication.anonymous.enabled: false in the kubelet's configuration (--anonymous-auth=false).";
  if (served !== undefined) {
    return {
      id: 'anonymous-accepted',
      severity: 'critical',
      what: `the kubelet answers ${served.path} with ${served.code} to a request without any credential`,
      why: BYPASS,
      todo: `${todo} A kubelet that is started with flags alone has it on, and AlwaysAllow beside it.`,
    };
  }
  const known = codes.find(({ code }) => code === 403);
  if (known !== undefined || settings?.anonymous === true) {
    return {
      id: 'anonymous-authenticated',
      severity: 'warning',
      what:
        known === undefined
          ? 'the kubelet says that it takes requests without a credential as system:anonymous'
          : `the kubelet takes a request without a credential as somebody: ${quoteForeign(known.body)}`,
      why: 'One binding to system:anonymous or system:unauthenticated, and everybody is in.',
      todo,
    };
  }
  return codes.length > 0 && codes.every(({ code }) => code === 401)
    ? info('anonymous-refused', 'requests without a credential are refused')
    : info('anonymous-unclear', 'whether requests without a credential are refused could not be seen');
}

export function judgeAuthorization(
  settings: KubeletSettings | undefined,
  answers: readonly Answered[],
): Finding {
  if (settings?.authorizationMode === 'AlwaysAllow') {
    return {
      id: 'authorization-always-allow',
      severity: 'critical',
      what: 'the kubelet says that its authorization.mode is AlwaysAllow',
      why: `Everybody whom it authenticates may do everything. ${BYPASS}`,
      todo: "Set authorization.mode: Webhook in the kubelet's configuration (--authorization-mode=Webhook).",
    };
  }
  // AlwaysAllow refuses nobody.
  if (answers.some(({ answer }) => answer.kind === 'answer' && answer.code === 403)) {
    return info(
      'authorization',
      'the kubelet refuses what the credential has no right to: it asks before it answers',
    );
  }
  if (settings?.authorizationMode !== undefined) {
    return info(
      'authorization',
      `the kubelet says that its authorization.mode is ${quoteForeign(settings.authorizationMode)}`,
    );
  }
  return {
    id: 'authorization-unknown',
    severity: 'warning',
    what: 'the kubelet has refused nothing that was tried, and does not tell its authorization.mode',
    why: 'That is what AlwaysAllow looks like; it is also what a credential with all rights looks like.',
    todo: 'Look at authorization.mode on the node; use a credential with fewer rights here.',
  };
}

/** Whether the kubelet is set up to accept a credential of this kind at all. */
export function judgeAuthentication(
  settings: KubeletSettings | undefined,
  { material }: KubeletCredential,
): Finding[] {
  const isOff =
    material.kind === 'certificate'
      ? settings?.clientCAFile === ''
      : settings?.webhookAuthentication === false;
  if (!isOff) return [];
  return [
    {
      id: 'authentication-off',
      severity: 'warning',
      what:
        material.kind === 'certificate'
          ? 'the kubelet says that it has no clientCAFile'
          : 'the kubelet says that authentication.webhook is not enabled',
      why: 'It has answered the credential all the same: it may not have looked at it.',
      todo: 'Set it, and see that requests without a credential are refused.',
    },
  ];
}

/** `ask` speaks plain HTTP to the port; undefined: nothing listens there. */
export async function judgeReadOnlyPort(port: number, ask: Ask | undefined): Promise<Finding> {
  if (ask === undefined)
    return info('read-only-port-closed', `nothing listens at the read-only port ${port}`);
  const answer = await ask('/pods');
  if (answer.kind === 'answer' && answer.code === 200) {
    return {
      id: 'read-only-port-open',
      severity: 'critical',
      what: `port ${port} serves the pods of the node to everybody, in plain HTTP`,
      why: 'Names, images, environment variables and labels of all pods, and all metrics, are there for whoever reaches the port.',
      todo: "Set readOnlyPort: 0 in the kubelet's configuration (--read-only-port=0).",
    };
  }
  return {
    id: 'read-only-port-unclear',
    severity: 'warning',
    what: `something listens at port ${port}, where the read-only port of a kubelet would be`,
    why: 'It does not serve pods as a kubelet does, and is not closed either.',
    todo: `See what it is; if it is the kubelet's, set readOnlyPort: 0.`,
  };
}

/** More than this apart, and certificates or tokens that one side takes for valid the other may not. */
const CLOCK_TOLERANCE_MS = 30_000;

/** `askedAt`: milliseconds since the epoch at which the answer had come. */
export function judgeClock(answers: readonly Answered[], askedAt: number): Finding {
  const date = answers.flatMap(({ answer }) => (answer.kind === 'answer' ? [answer.date] : [])).at(-1);
  const theirs = date === undefined ? NaN : Date.parse(date);
  if (Number.isNaN(theirs)) {
    return info('clock-unknown', 'the node does not say what time it is');
  }
  const apartMs = theirs - askedAt;
  if (Math.abs(apartMs) <= CLOCK_TOLERANCE_MS)
    return info('clock', 'the clock of the node is that of the gateway');
  return {
    id: 'clock-differs',
    severity: 'warning',
    what: `the clock of the node is ${Math.round(Math.abs(apartMs) / 1000)} s ${apartMs > 0 ? 'ahead of' : 'behind'} this one (it says ${toPlain(new Date(theirs).toISOString())})`,
    why: 'Certificates and tokens are valid from one moment to another, by the clock of whoever looks; short-lived ones suffer first.',
    todo: 'Synchronize both clocks (chrony, systemd-timesyncd).',
  };
}
