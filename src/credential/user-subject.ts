// Whom a client certificate may be made for, and what it says. A kubelet believes it: whoever could have a certificate
// with a name of the system's own in it would be that part of the system. Refused is therefore, in words, whatever is not
// plainly a person or workload of a listed issuer.

import type { UserCertificateSource } from '../core/credential-source.ts';
import type { Authentication } from '../core/user.ts';
import type { CertificateSubject } from '../pki/mint.ts';
import { Fault } from '../core/fault.ts';
import { SYSTEM_AUTHENTICATED } from '../core/user.ts';

/** Names of Kubernetes' own users and groups begin with it; rights hang on some of them that RBAC does not show. */
const SYSTEM = 'system:';
/**
 * Of name and groups together, in UTF-8. RFC 5280 wants at most 64 characters in each (ub-common-name); neither Go, which
 * every kubelet reads them with, nor OpenSSL counts them, and names of OIDC users are often longer.
 */
const MAX_BYTES = 16_384;
// A control character could be the end of the name to one reader and not to another, a lone surrogate is no UTF-8.
const UNSAFE = /[\p{Cc}\p{Cs}]/u;

type Rules = Pick<UserCertificateSource, 'issuers' | 'clientCertificateUsers' | 'reviewedTokenUsers'>;

/**
 * CN and O. Groups are each there once and in one order, so that equal sets are one subject. Throws a Fault (Forbidden)
 * when no certificate may be made for this user.
 */
export function toUserSubject(rules: Rules, authentication: Authentication): CertificateSubject {
  const { user } = authentication;
  if (!isListed(rules, authentication)) {
    throw refused(user.name, 'users who sign in in this way get no certificate of their own');
  }
  const groups = [...new Set(user.groups)].filter((group) => group !== SYSTEM_AUTHENTICATED).sort();
  for (const [what, text] of [
    ['name', user.name] as const,
    ...groups.map((group) => ['group', group] as const),
  ]) {
    const problem = nameProblem(text);
    if (problem !== undefined) throw refused(user.name, `the ${what} ${JSON.stringify(text)} ${problem}`);
  }
  const bytes = [user.name, ...groups].reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  if (bytes > MAX_BYTES) {
    throw refused(user.name, `the name and the groups are longer than ${MAX_BYTES} bytes together`);
  }
  return { commonName: user.name, organizations: groups };
}

function isListed(
  { issuers, clientCertificateUsers, reviewedTokenUsers }: Rules,
  { method, issuer }: Authentication,
): boolean {
  switch (method) {
    case 'jwt':
    // A browser's session stands on a token of its issuer.
    case 'session':
      return issuer !== undefined && issuers.includes(issuer);
    case 'x509':
      return clientCertificateUsers;
    case 'tokenReview':
      return reviewedTokenUsers;
    case 'anonymous':
      return false;
    default:
      // A way of signing in that is new here is not listed.
      return false;
  }
}

function nameProblem(text: string): string | undefined {
  if (text === '') return 'is empty';
  if (text.startsWith(SYSTEM)) return `begins with ${SYSTEM}`;
  return UNSAFE.test(text) ? 'holds a control character' : undefined;
}

const refused = (name: string, why: string): Fault =>
  new Fault('Forbidden', `no certificate can be made for User ${JSON.stringify(name)}: ${why}`);
