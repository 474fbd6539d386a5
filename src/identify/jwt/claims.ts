// From the claims of a verified token to a user, by the claimValidationRules and claimMappings of Kubernetes'
// AuthenticationConfiguration (apiserver plugin/pkg/authenticator/token/oidc). Pure. Where Kubernetes is lenient about
// a malformed claim, this refuses.

import type { ClaimMapping, JwtIssuer } from '../../core/authentication-configuration.ts';
import type { User } from '../../core/user.ts';
import { CREDENTIAL_ID, nameProblem, withAuthenticated } from '../names.ts';
import { unauthorized } from '../refusals.ts';

export type Claims = Readonly<Record<string, unknown>>;

export interface ClaimRules {
  readonly issuer: JwtIssuer;
  /** Whether names and groups may begin with `system:`. */
  readonly allowSystemNames: boolean;
}

// One @, and nothing that a reader could take for another character. Addresses beyond ASCII (RFC 6531) are refused.
const EMAIL =
  /^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$/;

/** Throws a Fault (Unauthorized) when the claims name no user, or one that is not accepted. */
export function toUser(claims: Claims, { issuer, allowSystemNames }: ClaimRules): User {
  for (const { claim, requiredValue } of issuer.claimValidationRules) {
    if (own(claims, claim) !== requiredValue) throw refused(`its claim ${claim} has not the required value`);
  }
  const { username, groups, uid } = issuer.claimMappings;
  const accept = (what: string, name: string): string => accepted(what, name, allowSystemNames);
  return {
    name: accept('user name', toUserName(claims, username)),
    uid: uid === undefined ? '' : toUid(claims, uid.claim),
    groups: withAuthenticated(
      groups === undefined ? [] : toGroups(claims, groups).map((group) => accept('group', group)),
    ),
    extra: toExtra(claims),
  };
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
    refuseDistributed(claims, claim);
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

/** OpenID Connect Core §5.6.2: the groups are elsewhere. To take them for none would be to guess. */
function refuseDistributed(claims: Claims, claim: string): void {
  const names = own(claims, '_claim_names');
  if (typeof names === 'object' && names !== null && Object.hasOwn(names, claim)) {
    throw refused(`its claim ${claim} is a distributed claim, which is not offered`);
  }
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

const own = (claims: Claims, claim: string): unknown =>
  Object.hasOwn(claims, claim) ? claims[claim] : undefined;

const refused = (rule: string): Error => unauthorized(`the bearer token is refused: ${rule}`);
