// The claims of a verified token (RFC 7519 §4), and how a token is refused for what is in them.

import { unauthorized } from '../refusals.ts';

export type Claims = Readonly<Record<string, unknown>>;

/** A claim that the token itself has; nothing that objects inherit. */
export const own = (claims: Claims, claim: string): unknown =>
  Object.hasOwn(claims, claim) ? claims[claim] : undefined;

/** OpenID Connect Core §5.6.2: the value of such a claim is elsewhere. To take it for absent would be to guess. */
export function refuseDistributed(claims: Claims, isNeeded: (claim: string) => boolean): void {
  const names = own(claims, '_claim_names');
  if (typeof names !== 'object' || names === null) return;
  const claim = Object.keys(names).find(isNeeded);
  if (claim !== undefined) throw refused(`its claim ${claim} is a distributed claim, which is not offered`);
}

export const refused = (rule: string, cause?: unknown): Error =>
  unauthorized(`the bearer token is refused: ${rule}`, cause);
