// From the claims of a verified token to a user, by the claimValidationRules and claimMappings of Kubernetes'
// AuthenticationConfiguration (apiserver plugin/pkg/authenticator/token/oidc). Pure. Where Kubernetes is lenient about
// a malformed claim, this refuses.

import type { ClaimMapping, JwtIssuer } from '../../core/authentication-configuration.ts';
import type { User } from '../../core/user.ts';
import { CREDENTIAL_ID } from '../../core/user.ts';
import { nameProblem, withAuthenticated } from '../names.ts';
import type { Claims } from './claim.ts';
import { own, refuseDistributed, refused } from './claim.ts';
import { createExpressions } from './expressions.ts';

export interface ClaimRules {
  readonly issuer: JwtIssuer;
  /** Whether names and groups may begin with `system:`. */
  readonly allowSystemNames: boolean;
}

/** Throws a Fault (Unauthorized) when the claims name no user, or one that is not accepted. */
export type ToUser = (claims: Claims) => User;

// One @, and nothing that a reader could take for another character. Addresses beyond ASCII (RFC 6531) are refused.
const EMAIL =
  /^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$/;

/** Throws an Error when an expression does not compile, which it does in a configuration that was read. */
export function createToUser({ issuer, allowSystemNames }: ClaimRules): ToUser {
  const { username, groups, uid } = issuer.claimMappings;
  const expressions = createExpressions(issuer);
  const accept = (what: string, name: string): string => accepted(what, name, allowSystemNames);
  return (claims) => {
    for (const rule of issuer.claimValidationRules) {
      if ('expression' in rule || own(claims, rule.claim) === rule.requiredValue) continue;
      throw refused(`its claim ${rule.claim} has not the required value`);
    }
    const values = expressions.of(claims);
    if (expressions.nameFromEmail) checkPlainEmail(own(claims, 'email'));
    const name = 'expression' in username ? values.name() : toUserName(claims, username);
    const ofGroups =
      groups === undefined ? [] : 'expression' in groups ? values.groups() : toGroups(claims, groups);
    const user = {
      name: accept('user name', name),
      uid: uid === undefined ? '' : 'expression' in uid ? values.uid() : toUid(claims, uid.claim),
      groups: ofGroups.map((group) => accept('group', group)),
      extra: { ...values.extra(), ...toExtra(claims) },
    };
    values.checkClaims();
    expressions.checkUser(user);
    return { ...user, groups: withAuthenticated(user.groups) };
  };
}

/** What an expression makes a name of is held to the same rule as a claim that is one: no second @, no look-alikes. */
function checkPlainEmail(email: unknown): void {
  if (email !== undefined && (typeof email !== 'string' || !EMAIL.test(email))) {
    throw refused('its claim email is not a plain e-mail address');
  }
}

function toUserName(claims: Claims, { claim, prefix }: ClaimMapping): string {
  const value = own(claims, claim);
  if (typeof value !== 'string') throw refused(`its claim ${claim} is not a string`);
  if (value === '') throw refused(`its claim ${claim} is empty`);
  if (claim === 'email') {
    if (!EMAIL.test(value)) throw refused('its claim email is not a plain e-mail address');
    // Absent is accepted, as in Kubernetes; anything but true, the string "true" included, is not.
    const verified = own(claims, 'email_verified');
    if (verified !== undefined && verified !== true) throw refused('its e-mail address is not verified');
  }
  return prefix + value;
}

function toGroups(claims: Claims, { claim, prefix }: ClaimMapping): readonly string[] {
  const value = own(claims, claim);
  if (value === undefined) {
    refuseDistributed(claims, (name) => name === claim);
    return [];
  }
  const groups: readonly unknown[] = Array.isArray(value) ? value : [value];
  return groups.map((group) => {
    if (typeof group !== 'string')
      throw refused(`its claim ${claim} is neither a string nor a list of strings`);
    if (group === '') throw refused(`its claim ${claim} holds an empty name`);
    return prefix + group;
  });
}

function toUid(claims: Claims, claim: string): string {
  const value = own(claims, claim);
  if (typeof value !== 'string' || nameProblem(value) !== undefined) {
    throw refused(`its claim ${claim} is no user id`);
  }
  return value;
}

function toExtra(claims: Claims): User['extra'] {
  const id = own(claims, 'jti');
  if (id === undefined) return {};
  if (typeof id !== 'string' || nameProblem(id) !== undefined)
    throw refused('its claim jti is no identifier');
  return { [CREDENTIAL_ID]: [`JTI=${id}`] };
}

function accepted(what: string, name: string, allowSystemNames: boolean): string {
  const problem = nameProblem(name);
  if (problem !== undefined) throw refused(`its ${what} ${problem}`);
  if (!allowSystemNames && name.startsWith('system:')) {
    throw refused(`its ${what} begins with "system:", which is reserved`);
  }
  return name;
}
