// Step-up authentication (RFC 9470): a login that is too old or too weak for an action is refused with a challenge that
// says what another must be like. Asked after authorization, so that a stranger learns no rule.

import type { Resolved } from '../core/exchange.ts';
import { Fault } from '../core/fault.ts';
import type { Clock } from '../core/ports.ts';
import type { StepUpRule } from '../core/step-up.ts';
import { STEP_UP } from '../core/step-up.ts';
import type { SignIn } from '../core/user.ts';

/**
 * The provider judges the age by its own clock, in whole seconds. Were the gateway not a little more lenient, a provider
 * that still found the login fresh would send people back to be refused again.
 */
const CLOCK_LEEWAY_MS = 5_000;

export type CheckLogin = (resolved: Pick<Resolved, 'authentication' | 'node' | 'action'>) => void;

/** The check throws Unauthorized with what to do, or Forbidden for a credential that comes of no login. */
export function createStepUp({ clock }: { readonly clock: Clock }, rules: readonly StepUpRule[]): CheckLogin {
  const rows = rules.map((rule, index) => ({
    rule,
    matches: toMatcher(rule),
    name: `stepUp.rules[${index}]`,
  }));
  return (resolved) => {
    const row = rows.find(({ matches }) => matches(resolved));
    if (row === undefined) return;
    const { signIn } = resolved.authentication;
    const annotations = { [STEP_UP]: row.name };
    if (signIn === undefined) {
      throw new Fault(
        'Forbidden',
        `${row.name}: this needs a login at the identity provider, and your credential does not come of one`,
        { annotations },
      );
    }
    if (!isEnough(row.rule, signIn, clock.now())) throw toChallenge(row.rule, row.name);
  };
}

/** What the token does not say is not so. */
function isEnough({ maxAgeMs, acrValues, amrValues }: StepUpRule, signIn: SignIn, now: number): boolean {
  const { authenticatedAt, acr, amr = [] } = signIn;
  if (
    maxAgeMs !== undefined &&
    (authenticatedAt === undefined || now - authenticatedAt > maxAgeMs + CLOCK_LEEWAY_MS)
  )
    return false;
  if (acrValues !== undefined && (acr === undefined || !acrValues.includes(acr))) return false;
  return amrValues === undefined || amrValues.every((method) => amr.includes(method));
}

function toChallenge({ maxAgeMs, acrValues = [], amrValues = [] }: StepUpRule, name: string): Fault {
  const maxAge = maxAgeMs === undefined ? undefined : Math.floor(maxAgeMs / 1000);
  const acr = acrValues.join(' ');
  const challenge = [
    'Bearer error="insufficient_user_authentication"',
    'error_description="another login is needed"',
    ...(maxAge === undefined ? [] : [`max_age="${maxAge}"`]),
    ...(acr === '' ? [] : [`acr_values="${acr}"`]),
  ].join(', ');
  const flags = [
    ...(maxAge === undefined ? [] : [`--max-age=${maxAge}s`]),
    ...(acr === '' ? [] : [`--acr-values=${acrValues.join(',')}`]),
    // A method is nothing that a provider can be asked for: what helps is to sign in again, with it.
    ...(maxAge === undefined && acr === '' ? ['--force'] : []),
  ].join(' ');
  const methods = amrValues.length === 0 ? '' : ` with ${amrValues.join(' and ')}`;
  return new Fault(
    'Unauthorized',
    `${name}: this needs a fresh or stronger login${methods}: run "kubelet-gateway login ${flags}", then this command again`,
    {
      headers: { 'www-authenticate': challenge },
      annotations: { [STEP_UP]: name },
      login: {
        ...(maxAge === undefined ? {} : { maxAgeSeconds: maxAge }),
        ...(acr === '' ? {} : { acrValues }),
      },
    },
  );
}

function toMatcher({ users, groups, nodes, namespaces, actions }: StepUpRule) {
  const holds = (list: readonly string[] | undefined, value: string): boolean =>
    list === undefined || list.includes(value);
  return ({ authentication: { user }, node, action }: Parameters<CheckLogin>[0]): boolean =>
    holds(actions, action.kind) &&
    holds(nodes, node) &&
    (namespaces === undefined || ('pod' in action && namespaces.includes(action.pod.namespace))) &&
    holds(users, user.name) &&
    (groups === undefined || user.groups.some((group) => groups.includes(group)));
}
